import { EdisError } from '@edis/core';
import type { ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js';
import type { CallHalves } from './base-stream.ts';
import { BaseStream } from './base-stream.ts';
import type { MessageCodec } from './codec/message-codec.ts';
import { noMessages } from './codec/message-codec.ts';
import { statusOfError } from './status.ts';

/** The server's side. When the client has ended its half, the stream ends with OK after what was sent before. */
export class ServerStream<Out, In> extends BaseStream<Out, In> {
  readonly peer: string;
  readonly #call: ServerDuplexStream<Buffer, Buffer> | ServerWritableStream<Buffer, Buffer>;
  readonly #onError: (error: EdisError) => void;
  #ended = false;

  static duplex<Out, In>(
    call: ServerDuplexStream<Buffer, Buffer>,
    outgoing: MessageCodec<Out>,
    incoming: MessageCodec<In>,
    onError: (error: EdisError) => void,
  ): ServerStream<Out, In> {
    const stream = new ServerStream(call, { readable: call, writable: call }, outgoing, incoming, onError);
    // A broken stream ends, too, and is cancelled in the same turn; one that its client ended properly is not.
    call.once('end', () => setImmediate(() => stream.#peerEnded()));
    return stream;
  }

  static writable<Out>(
    call: ServerWritableStream<Buffer, Buffer>,
    outgoing: MessageCodec<Out>,
    onError: (error: EdisError) => void,
  ): ServerStream<Out, never> {
    return new ServerStream(call, { readable: undefined, writable: call }, outgoing, noMessages, onError);
  }

  private constructor(
    call: ServerDuplexStream<Buffer, Buffer> | ServerWritableStream<Buffer, Buffer>,
    halves: CallHalves,
    outgoing: MessageCodec<Out>,
    incoming: MessageCodec<In>,
    onError: (error: EdisError) => void,
  ) {
    super(halves, outgoing, incoming);
    this.#call = call;
    this.#onError = onError;
    this.peer = call.getPeer();
    call.once('cancelled', () => this.#over());
  }

  end(): void {
    if (this.#ended || this.closed) return;
    this.#ended = true;
    this.stopSending();
    this.#call.end();
  }

  protected override breakOff(error: EdisError): void {
    this.#ended = true;
    // grpc-js turns an 'error' event with a code into the status of the call.
    this.#call.emit('error', statusOfError(error));
  }

  protected override onFailure(error: EdisError): void {
    this.#onError(error);
  }

  #peerEnded(): void {
    if (this.closed) return;
    this.end();
    this.finish(undefined);
  }

  /** grpc-js says 'cancelled' at every end: after our own status has left, too. */
  #over(): void {
    this.finish(this.#ended ? undefined : new EdisError('closed', `the peer ${this.peer} closed the stream`));
  }
}
