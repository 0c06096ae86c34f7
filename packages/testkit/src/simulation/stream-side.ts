import { EdisError } from '@edis/core';
import type { MessageStream, StreamListener } from '@edis/rpc';
import { copyMessage } from './message-copy.ts';

/** So many messages wait to leave before the sender is asked to pause, and are read ahead of a reader who pauses. */
const bufferedMessages = 16;

/** What may be on the way without having been read, unless the reader asks for more. */
export const defaultWindowBytes = 64 * 1024;

/** How a stream's other side hears of it; everything arrives in order, or not at all. */
export interface StreamCarrier {
  /** Nothing leaves before the connection is there. */
  readonly connected: boolean;
  /** `arrive` runs at the other side. */
  carry(arrive: () => void, what: string): void;
}

interface Copied<T> {
  readonly message: T;
  readonly bytes: number;
}

/**
 * One side of a simulated stream, with the behaviour of rpc's BaseStream: a listener that hears of the end exactly
 * once, and back-pressure in both directions.
 */
export abstract class StreamSide<Out, In> implements MessageStream<Out, In> {
  readonly peer: string;
  readonly #carrier: StreamCarrier;
  readonly #windowBytes: number;
  #other: StreamSide<In, Out> | undefined;
  #listener: StreamListener<In> | undefined;
  readonly #outbox: Copied<Out>[] = [];
  readonly #inbox: Copied<In>[] = [];
  #unreadBytes = 0;
  /** Read, and not yet told to the sender. */
  #creditBytes = 0;
  #sendable = true;
  #flushing = false;
  #wantsDrain = false;
  #closed = false;
  #closeError: EdisError | undefined;
  #closeDelivered = false;
  #paused = false;
  #afterOutbox: (() => void) | undefined;

  protected constructor(peer: string, carrier: StreamCarrier, windowBytes: number) {
    this.peer = peer;
    this.#carrier = carrier;
    this.#windowBytes = windowBytes;
  }

  /** For the owner of the stream. */
  onFinished: (() => void) | undefined;

  abstract end(): void;
  /** The other side has sent all that it will, and it was read. */
  protected abstract onInboxRead(): void;
  /** Tells the other side that the stream is broken. */
  protected abstract breakOff(error: EdisError): void;
  /** What a listener threw, before the stream ends because of it. */
  protected abstract onFailure(error: EdisError): void;

  get closed(): boolean {
    return this.#closed;
  }

  protected get paused(): boolean {
    return this.#paused;
  }

  protected get listening(): boolean {
    return this.#listener !== undefined;
  }

  protected get inboxEmpty(): boolean {
    return this.#inbox.length === 0;
  }

  connect(other: StreamSide<In, Out>): void {
    this.#other = other;
  }

  listen(listener: StreamListener<In>): void {
    if (this.#listener !== undefined) throw new EdisError('internal', 'listen() was called twice on one stream');
    this.#listener = listener;
    if (this.#closed) this.#deliverClose();
    else queueMicrotask(() => this.#read());
  }

  send(message: Out): boolean {
    if (!this.#sendable) return false;
    this.#outbox.push(copyMessage(message));
    this.flushSoon();
    if (this.#outbox.length < bufferedMessages) return true;
    this.#wantsDrain = true;
    return false;
  }

  cancel(error: EdisError = new EdisError('closed', 'the stream was cancelled')): void {
    if (this.#closed) return;
    this.breakOff(error);
    this.#outbox.length = 0;
    this.finish(error);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    queueMicrotask(() => this.#read());
  }

  /** Its process is gone: nobody is told. */
  abandon(): void {
    this.#closed = true;
    this.#closeDelivered = true;
    this.#sendable = false;
    this.#outbox.length = 0;
    this.#inbox.length = 0;
  }

  /** Lets out what the window has room for, once the running code is done. */
  flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => this.#flush());
  }

  /** From now on `send` does nothing; `then` follows what was sent before. */
  protected stopSending(then: () => void): void {
    this.#sendable = false;
    this.#afterOutbox = then;
    this.flushSoon();
  }

  protected carry(arrive: () => void, what: string): void {
    this.#carrier.carry(arrive, what);
  }

  /** The stream is over; the listener hears it once this turn's work is done. */
  protected finish(error: EdisError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sendable = false;
    this.#inbox.length = 0;
    this.onFinished?.();
    this.#closeError = error;
    if (this.#listener !== undefined) this.#deliverClose();
  }

  /** Sends what the window has room for; false: something is left. */
  protected sendOut(): boolean {
    const other = this.#other;
    if (!this.#carrier.connected || other === undefined) return false;
    while (this.#unreadBytes < this.#windowBytes) {
      const next = this.#outbox.shift();
      if (next === undefined) return true;
      this.#unreadBytes += next.bytes;
      this.#carrier.carry(() => other.#receive(next), kindOf(next.message));
    }
    return this.#outbox.length === 0;
  }

  #flush(): void {
    this.#flushing = false;
    if (!this.sendOut()) return;
    const then = this.#afterOutbox;
    this.#afterOutbox = undefined;
    then?.();
    if (!this.#wantsDrain || this.#closed) return;
    this.#wantsDrain = false;
    this.#guard(() => this.#listener?.onDrain?.());
  }

  #receive(received: Copied<In>): void {
    if (this.#closed) return;
    this.#inbox.push(received);
    if (this.#inbox.length <= bufferedMessages) this.#grant(received.bytes);
    this.#read();
  }

  #read(): void {
    while (!this.#closed && !this.#paused && this.#listener !== undefined) {
      const next = this.#inbox.shift();
      if (next === undefined) break;
      const beyond = this.#inbox[bufferedMessages - 1];
      if (beyond !== undefined) this.#grant(beyond.bytes);
      this.#guard(() => this.#listener?.onMessage(next.message));
    }
    if (!this.#closed && this.#inbox.length === 0) this.onInboxRead();
  }

  /** Gives the window back in large pieces, as flow control does. */
  #grant(bytes: number): void {
    this.#creditBytes += bytes;
    const other = this.#other;
    if (other === undefined || this.#creditBytes * 2 < other.#windowBytes) return;
    const credit = this.#creditBytes;
    this.#creditBytes = 0;
    this.#carrier.carry(() => {
      other.#unreadBytes -= credit;
      other.flushSoon();
    }, 'window');
  }

  #deliverClose(): void {
    if (this.#closeDelivered) return;
    this.#closeDelivered = true;
    queueMicrotask(() => this.#guard(() => this.#listener?.onClose(this.#closeError)));
  }

  #guard(callback: () => void): void {
    try {
      callback();
    } catch (caught) {
      const error = EdisError.from(caught);
      this.onFailure(error);
      this.cancel(error);
    }
  }
}

/** For the trace. */
function kindOf(message: unknown): string {
  if (typeof message !== 'object' || message === null) return 'message';
  if ('kind' in message && typeof message.kind === 'string') return message.kind;
  if ('message' in message) return kindOf(message.message);
  return 'message';
}
