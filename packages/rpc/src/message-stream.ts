import type { EdisError } from '@edis/core';

export interface StreamListener<In> {
  onMessage(message: In): void;
  /** The outgoing buffer is empty again after send() returned false. */
  onDrain?(): void;
  /** Exactly once, whatever ended the stream; undefined: the peer ended it properly. */
  onClose(error: EdisError | undefined): void;
}

/** One side of a bidirectional stream. */
export interface MessageStream<Out, In> {
  /** Once, synchronously after the stream was handed over. */
  listen(listener: StreamListener<In>): void;
  /** False: sent, but wait for onDrain before more. After the end: ignored, returns false. */
  send(message: Out): boolean;
  /** No more sends; on the server's side the stream ends with OK after what was sent has left. */
  end(): void;
  /** Breaks the stream now; on the server's side with the status of the error. */
  cancel(error?: EdisError): void;
  /** Stops reading from the peer; flow control reaches it. */
  pause(): void;
  resume(): void;
  readonly closed: boolean;
  readonly peer: string;
}
