import { leaseMarginMs } from './held-lease.ts';
import type { Configuration } from './node-message.ts';
import type { StoreId } from './topology.ts';

/**
 * What a member owes to the primary that it granted a lease to.
 *
 * Guarantees: no promise to anybody else before the longest lease that it may have granted has passed, with the margin.
 * Also none soon after its start, because it forgot what it granted before; a lease never binds against its own
 * holder's next incarnation, which is how a restarted primary comes back at once.
 *
 * A former primary is bound after its start like all others, except by its own return: it may have followed somebody
 * else when it died, under a configuration that was not safe on its disk yet.
 */
export interface GrantedLeaseOptions {
  /** The clock at the start of this process. */
  readonly startMs: number;
  /** To whom the process before this one may have granted: the primary of the last configuration. Empty: to nobody. */
  readonly formerHolder: StoreId;
  /** The longest lease that it may have granted. */
  readonly longestLeaseMs: number;
}

export class GrantedLease {
  #holder: StoreId;
  #untilMs: number;
  #since = 0;

  constructor({ startMs, formerHolder, longestLeaseMs }: GrantedLeaseOptions) {
    this.#holder = formerHolder;
    this.#untilMs = formerHolder === '' ? Number.NEGATIVE_INFINITY : startMs + owedMs(longestLeaseMs);
  }

  /** It answers a beacon of that primary, which acts since epoch `since`. */
  onGranted(holder: StoreId, since: number, nowMs: number, leaseMs: number): void {
    // The lease of an earlier holder that has not ended is owed as well; the later of both covers it for everybody.
    this.#untilMs = Math.max(this.#untilMs, nowMs + owedMs(leaseMs));
    this.#holder = holder;
    this.#since = Math.max(this.#since, since);
  }

  /**
   * The holder gave back what it held before it promised `epoch`. Its next reign may have been granted a lease before
   * this news comes, which travels by way of info: that one binds.
   */
  onReleased(holder: StoreId, epoch: number): void {
    if (this.#holder === holder && this.#since < epoch) this.#untilMs = Number.NEGATIVE_INFINITY;
  }

  /** From when on it may promise an epoch in which `preferred` (empty: anybody) becomes the primary. */
  freeAtMs(preferred: StoreId): number {
    return preferred !== '' && preferred === this.#holder ? Number.NEGATIVE_INFINITY : this.#untilMs;
  }

  /** It has been up since it granted a lease to the primary that acts since that epoch. */
  isWitness(since: number): boolean {
    return since !== 0 && this.#since === since;
  }
}

/** The longest lease that a member may have granted to the primary of `next`, once it has saved that. */
export function longestLeaseMs(
  before: { readonly configuration: Configuration | undefined; readonly longestLeaseMs: number },
  next: Configuration,
): number {
  // A reign that has ended is owed nothing: whoever promised against it waited, and it lacks a quorum without them.
  const isSameReign = before.configuration?.primarySince === next.primarySince;
  return isSameReign ? Math.max(before.longestLeaseMs, next.leaseMs) : next.leaseMs;
}

/** From the answer to a beacon on. */
function owedMs(leaseMs: number): number {
  return leaseMs + leaseMarginMs(leaseMs);
}
