import type { BusyCause } from './operation.ts';

/**
 * The bound of a shard's write queue, by count and by bytes.
 *
 * Guarantees that the queue never holds more than its limits (one operation may always enter an empty queue, however
 * large), and advises a refused client how long the queue will likely need to make room, from the rate at which it
 * drained lately.
 */
export interface AdmissionLimits {
  readonly queueOperations: number;
  readonly queueBytes: number;
}

/** Advice is kept within these: shorter makes clients spin, longer leaves the shard idle. */
const minRetryAfterMs = 2;
const maxRetryAfterMs = 1000;

export class Admission {
  readonly #limits: AdmissionLimits;
  #operations = 0;
  #bytes = 0;
  /** Operations that leave per millisecond, smoothed. */
  #drainPerMs = 50;
  #drainedAtMs = 0;
  #drained = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get operations(): number {
    return this.#operations;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes an operation in, or says why not. */
  enter(bytes: number): BusyCause | undefined {
    if (this.#operations > 0) {
      if (this.#operations >= this.#limits.queueOperations) return 'queue-operations';
      if (this.#bytes + bytes > this.#limits.queueBytes) return 'queue-bytes';
    }
    this.#operations += 1;
    this.#bytes += bytes;
    return undefined;
  }

  /** Operations left the queue: they are acknowledged or answered. */
  leave(operations: number, bytes: number, nowMs: number): void {
    this.#operations -= operations;
    this.#bytes -= bytes;
    this.#drained += operations;
    const elapsedMs = nowMs - this.#drainedAtMs;
    if (elapsedMs < 20) return;
    // After a pause the rate says nothing about what the shard can do.
    if (elapsedMs < 1000) this.#drainPerMs = 0.7 * this.#drainPerMs + 0.3 * (this.#drained / elapsedMs);
    this.#drained = 0;
    this.#drainedAtMs = nowMs;
  }

  /** Milliseconds until about half of the queue has drained. */
  retryAfterMs(): number {
    const estimate = Math.ceil(this.#operations / 2 / Math.max(this.#drainPerMs, 0.01));
    return Math.min(maxRetryAfterMs, Math.max(minRetryAfterMs, estimate));
  }
}
