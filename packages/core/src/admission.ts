import type { BusyCause } from './operation.ts';

/**
 * The bound of a shard's write queue, by count and by bytes.
 *
 * Guarantees that the queue never holds more than its limits (one operation may always enter an empty queue, however
 * large); that no client holds more of it than there is room left (dynamic thresholds: Choudhury and Hahne, 1998), so
 * that one client alone fills at most half of the queue, n greedy ones n/(n+1), and a newcomer always finds room; and
 * advises a refused client how long the queue will likely need to make room, from the rate at which it drained lately.
 */
export interface AdmissionLimits {
  readonly queueOperations: number;
  readonly queueBytes: number;
}

/** What one client has in the queue. Kept by whoever knows the client; counted here. */
export interface ClientShare {
  operations: number;
}

/** Below that a client's share is not looked at: it holds nobody up. */
const alwaysAdmitted = 256;

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
  enter(share: ClientShare, bytes: number): BusyCause | undefined {
    if (this.#operations > 0) {
      const room = this.#limits.queueOperations - this.#operations;
      if (room <= 0) return 'queue-operations';
      if (share.operations >= room && share.operations >= alwaysAdmitted) return 'client-share';
      if (this.#bytes + bytes > this.#limits.queueBytes) return 'queue-bytes';
    }
    this.#operations += 1;
    this.#bytes += bytes;
    share.operations += 1;
    return undefined;
  }

  /** An operation left the queue: it is acknowledged or answered. */
  leave(share: ClientShare, bytes: number): void {
    share.operations -= 1;
    this.#operations -= 1;
    this.#bytes -= bytes;
    this.#drained += 1;
  }

  /** To be called when operations have left, once for all. */
  noteTime(nowMs: number): void {
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
