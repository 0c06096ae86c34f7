import type { EdisError } from '@edis/core';
import type { MessageStream, StreamListener } from '@edis/rpc';

/** One end of an open stream; the node's side calls `deliver` and `finish`. */
export class FakeStream<Out, In> implements MessageStream<Out, In> {
  readonly peer: string;
  closed = false;
  /** How many sends are taken before the stream asks to wait. */
  room = Number.POSITIVE_INFINITY;
  #listener: StreamListener<In> | undefined;
  readonly #onSend: (message: Out) => void;
  readonly #onCancel: () => void;

  constructor(peer: string, onSend: (message: Out) => void, onCancel: () => void) {
    this.peer = peer;
    this.#onSend = onSend;
    this.#onCancel = onCancel;
  }

  listen(listener: StreamListener<In>): void {
    this.#listener = listener;
  }

  send(message: Out): boolean {
    if (this.closed) return false;
    this.#onSend(message);
    this.room -= 1;
    return this.room > 0;
  }

  drain(): void {
    this.room = Number.POSITIVE_INFINITY;
    this.#listener?.onDrain?.();
  }

  deliver(message: In): void {
    if (!this.closed) this.#listener?.onMessage(message);
  }

  finish(error: EdisError | undefined): void {
    if (this.closed) return;
    this.closed = true;
    this.#listener?.onClose(error);
  }

  cancel(error?: EdisError): void {
    this.#onCancel();
    this.finish(error);
  }

  end(): void {
    this.cancel();
  }

  pause(): void {}

  resume(): void {}
}
