import type { Readable, Writable } from 'node:stream';
import { EdisError } from '@edis/core';
import type { MessageCodec } from './codec/message-codec.ts';
import type { MessageStream, StreamListener } from './message-stream.ts';

/** The halves of a grpc-js call that a stream reads from and writes to. */
export interface CallHalves {
  readonly readable: Readable | undefined;
  readonly writable: Writable | undefined;
}

/**
 * What both sides of a message stream share: a listener that hears of the end exactly once, decoding, and back-pressure
 * in both directions. Bytes go through grpc-js as they are; messages are coded here, so that a malformed one becomes a
 * status of our choice and an exception of a listener ends its stream and not the process.
 *
 * The stream below is paused until `listen`, and reads at most its own bound (16 messages) ahead of a paused listener.
 */
export abstract class BaseStream<Out, In> implements MessageStream<Out, In> {
  readonly #readable: Readable | undefined;
  readonly #writable: Writable | undefined;
  readonly #outgoing: MessageCodec<Out>;
  readonly #incoming: MessageCodec<In>;
  #listener: StreamListener<In> | undefined = undefined;
  #sendable: boolean;
  #closed = false;
  #closeError: EdisError | undefined = undefined;
  #closeDelivered = false;
  #paused = false;

  protected constructor(halves: CallHalves, outgoing: MessageCodec<Out>, incoming: MessageCodec<In>) {
    this.#readable = halves.readable;
    this.#writable = halves.writable;
    this.#outgoing = outgoing;
    this.#incoming = incoming;
    this.#sendable = halves.writable !== undefined;
  }

  abstract readonly peer: string;
  /** For the owner of the stream, who keeps track of what is open. */
  onFinished: (() => void) | undefined = undefined;
  abstract end(): void;

  /** Tells the peer that the stream is broken. */
  protected abstract breakOff(error: EdisError): void;

  get closed(): boolean {
    return this.#closed;
  }

  protected get paused(): boolean {
    return this.#paused;
  }

  protected get listening(): boolean {
    return this.#listener !== undefined;
  }

  listen(listener: StreamListener<In>): void {
    if (this.#listener !== undefined) throw new EdisError('internal', 'listen() was called twice on one stream');
    this.#listener = listener;
    this.#writable?.on('drain', () => {
      if (!this.#closed) this.#guard(() => listener.onDrain?.());
    });
    if (this.#closed) this.#deliverClose();
    else this.#readable?.on('data', (bytes: Buffer) => this.#receive(bytes));
  }

  send(message: Out): boolean {
    if (!this.#sendable || this.#writable === undefined) return false;
    return this.#writable.write(this.#outgoing.encode(message));
  }

  cancel(error: EdisError = new EdisError('closed', 'the stream was cancelled')): void {
    if (this.#closed) return;
    this.breakOff(error);
    this.finish(error);
  }

  pause(): void {
    this.#paused = true;
    this.#readable?.pause();
  }

  resume(): void {
    this.#paused = false;
    // Without a listener a flowing stream would throw its messages away.
    if (this.#listener !== undefined) this.#readable?.resume();
  }

  /** From now on `send` does nothing. */
  protected stopSending(): void {
    this.#sendable = false;
  }

  /** The stream is over; the listener hears it once this turn's work is done. */
  protected finish(error: EdisError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.onFinished?.();
    this.#sendable = false;
    this.#closeError = error;
    if (this.#listener !== undefined) this.#deliverClose();
  }

  #deliverClose(): void {
    if (this.#closeDelivered) return;
    this.#closeDelivered = true;
    queueMicrotask(() => this.#guard(() => this.#listener?.onClose(this.#closeError)));
  }

  #receive(bytes: Buffer): void {
    if (this.#closed) return;
    try {
      this.#listener?.onMessage(this.#incoming.decode(bytes));
    } catch (caught) {
      this.#failed(caught);
    }
  }

  #guard(callback: () => void): void {
    try {
      callback();
    } catch (caught) {
      this.#failed(caught);
    }
  }

  #failed(caught: unknown): void {
    const error = EdisError.from(caught);
    this.onFailure(error);
    this.cancel(error);
  }

  /** Called with what a listener threw or what made a message unreadable, before the stream ends because of it. */
  protected onFailure(error: EdisError): void {
    void error;
  }
}
