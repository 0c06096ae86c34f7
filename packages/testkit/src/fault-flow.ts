import type { Socket } from 'node:net';

/** What is wrong with one direction of a link. */
export interface Impairment {
  /** Everything arrives that much later. */
  readonly delayMs: number;
  /** No more than that passes. */
  readonly bytesPerSecond: number;
  /** What is sent stays where it is: the sender's buffers fill up. */
  readonly held: boolean;
  /** What is sent is lost, as behind a firewall that forgot the connection. */
  readonly dropped: boolean;
}

export const unimpaired: Impairment = Object.freeze({
  delayMs: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  held: false,
  dropped: false,
});

/** A slow link takes no more than that in advance. */
const maxQueuedBytes = 256 * 1024;
/** What passes a limited link at once: small enough for a limit to be felt evenly. */
const maxPieceBytes = 4096;

/** One direction of one connection through a proxy: what is read from one socket is written to the other. */
export class FaultFlow {
  readonly #source: Socket;
  readonly #target: Socket;
  #impairment: Impairment;
  readonly #queue: { readonly bytes: Buffer; readonly dueMs: number }[] = [];
  #queuedBytes = 0;
  /** When the limit lets the next byte pass. */
  #freeMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #blocked = false;
  #ended = false;
  #lossy = false;

  constructor(source: Socket, target: Socket, impairment: Impairment) {
    this.#source = source;
    this.#target = target;
    this.#impairment = impairment;
    source.on('data', (bytes: Buffer) => this.#receive(bytes));
    source.on('end', () => {
      this.#ended = true;
      this.#pump();
    });
    target.on('drain', () => {
      this.#blocked = false;
      this.#pump();
    });
    this.#regulate();
  }

  /** Bytes of it are missing at its other end: it must not go on. */
  get lossy(): boolean {
    return this.#lossy;
  }

  impair(impairment: Impairment): void {
    this.#impairment = impairment;
    this.#pump();
    this.#regulate();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#queue.length = 0;
    this.#queuedBytes = 0;
  }

  #receive(bytes: Buffer): void {
    if (this.#impairment.dropped) {
      this.#lossy = true;
      return;
    }
    const dueMs = performance.now() + this.#impairment.delayMs;
    for (let from = 0; from < bytes.length; from += maxPieceBytes) {
      this.#queue.push({ bytes: bytes.subarray(from, from + maxPieceBytes), dueMs });
    }
    this.#queuedBytes += bytes.length;
    this.#pump();
    this.#regulate();
  }

  #pump(): void {
    clearTimeout(this.#timer);
    while (!this.#blocked && !this.#impairment.held) {
      const next = this.#queue[0];
      if (next === undefined) break;
      const nowMs = performance.now();
      const waitMs = Math.max(next.dueMs, this.#freeMs) - nowMs;
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#pump(), waitMs);
        return;
      }
      this.#queue.shift();
      this.#queuedBytes -= next.bytes.length;
      this.#freeMs = Math.max(this.#freeMs, nowMs) + (next.bytes.length / this.#impairment.bytesPerSecond) * 1000;
      if (this.#target.writable) this.#blocked = !this.#target.write(next.bytes);
    }
    this.#regulate();
    if (this.#ended && this.#queue.length === 0 && this.#target.writable) this.#target.end();
  }

  #regulate(): void {
    if (this.#impairment.held || this.#queuedBytes > maxQueuedBytes) this.#source.pause();
    else this.#source.resume();
  }
}
