import type { EdisError } from '@edis/core';
import type { ClientDuplexStream, ClientReadableStream, StatusObject } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import { BaseStream } from './base-stream.ts';
import type { MessageCodec } from './codec/message-codec.ts';
import { noMessages } from './codec/message-codec.ts';
import { errorOfStatus } from './status.ts';

/**
 * The client's side. What the server sent before it ended is delivered first, unless the listener has paused a broken
 * stream.
 */
export class ClientStream<Out, In> extends BaseStream<Out, In> {
  readonly peer: string;
  readonly #call: ClientDuplexStream<Buffer, Buffer> | ClientReadableStream<Buffer>;
  readonly #writableCall: ClientDuplexStream<Buffer, Buffer> | undefined;
  #readableEnded = false;
  #status: StatusObject | undefined = undefined;

  static duplex<Out, In>(
    call: ClientDuplexStream<Buffer, Buffer>,
    outgoing: MessageCodec<Out>,
    incoming: MessageCodec<In>,
    address: string,
  ): ClientStream<Out, In> {
    return new ClientStream(call, call, outgoing, incoming, address);
  }

  static readable<In>(
    call: ClientReadableStream<Buffer>,
    incoming: MessageCodec<In>,
    address: string,
  ): ClientStream<never, In> {
    return new ClientStream(call, undefined, noMessages, incoming, address);
  }

  private constructor(
    call: ClientDuplexStream<Buffer, Buffer> | ClientReadableStream<Buffer>,
    writableCall: ClientDuplexStream<Buffer, Buffer> | undefined,
    outgoing: MessageCodec<Out>,
    incoming: MessageCodec<In>,
    address: string,
  ) {
    super({ readable: call, writable: writableCall }, outgoing, incoming);
    this.#call = call;
    this.#writableCall = writableCall;
    this.peer = address;
    // The status says the same and comes always.
    call.on('error', () => undefined);
    call.once('end', () => {
      this.#readableEnded = true;
      this.#settle();
    });
    call.once('status', (received: StatusObject) => {
      this.#status = received;
      this.#settle();
    });
  }

  end(): void {
    if (this.closed) return;
    this.stopSending();
    this.#writableCall?.end();
  }

  override resume(): void {
    super.resume();
    this.#settle();
  }

  override pause(): void {
    super.pause();
    this.#settle();
  }

  protected override breakOff(): void {
    this.#call.cancel();
  }

  #settle(): void {
    const received = this.#status;
    if (received === undefined) return;
    if (received.code === status.OK) {
      if (this.#readableEnded) this.finish(undefined);
      return;
    }
    if (this.#readableEnded || this.paused || !this.listening) this.finish(errorOfStatus(received, this.peer));
  }
}

/** A stream that could not even be started. */
export class FailedStream<Out, In> extends BaseStream<Out, In> {
  readonly peer: string;

  constructor(address: string, error: EdisError) {
    super({ readable: undefined, writable: undefined }, noMessages, noMessages);
    this.peer = address;
    this.finish(error);
  }

  end(): void {
    this.stopSending();
  }

  protected override breakOff(): void {
    this.stopSending();
  }
}
