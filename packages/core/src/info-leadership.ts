/**
 * One info process's part in deciding which of several acts: an election by a lease in etcd, without I/O.
 *
 * Guarantees: `isActive` is true only while no other process can be active. The leader key lives as long as the lease
 * of who made it, the lease lives at least `ttlMs` from when its grant or its last keep-alive was *sent*, and this
 * machine stops acting `marginMs` before that, by its own monotonic clock, whatever etcd says later. The fencing number
 * is the revision at which the leader key was created: it rises with each term, those of one process included. Every
 * change compares it in etcd, so a process whose clock stood still (a suspended machine) can still not write, and what
 * was left under way when a term ended can not come true in a later one.
 *
 * Assumes: the shell carries out the effects in their order, answers each `grant`, `keep-alive` and `campaign`
 * exactly once, calls `tick` several times within the margin, and feeds one clock that does not go back.
 *
 * The failures that shaped it: an info stood down because etcd was slow, won its own key again, and a change of its
 * first term, which had waited inside etcd, was carried out in the second one behind its back: the number was the same.
 * And a client library that counts a lease's life from the *answer*, or looks at it only every
 * now and then, believes in a lease after etcd has given the key to somebody else.
 */

/** The shell's number for a lease, not used before. */
export type LeaseId = number;

export type StandDownCause =
  /** No keep-alive was answered in time. */
  | 'deadline'
  /** etcd knows the lease no longer. */
  | 'lease-lost'
  /** A change was refused because somebody else leads. */
  | 'fenced'
  /** This process ends. */
  | 'leaving';

export type LeadershipEffect =
  /** Ask for a lease; answer with `onGranted` or `onLeaseFailed`. */
  | { readonly kind: 'grant'; readonly leaseMs: number }
  /** Answer with `onKept` or `onLeaseFailed`. */
  | { readonly kind: 'keep-alive'; readonly lease: LeaseId }
  /** Make the leader key with the lease unless there is one; answer with `onCampaign`. */
  | { readonly kind: 'campaign'; readonly lease: LeaseId }
  /** End the lease; needs no answer. */
  | { readonly kind: 'revoke'; readonly lease: LeaseId }
  | { readonly kind: 'activate'; readonly fencing: number }
  | { readonly kind: 'stand-down'; readonly cause: StandDownCause };

export type CampaignOutcome =
  /** The leader key is of this lease. */
  | { readonly kind: 'won'; readonly fencing: number }
  /** It is of another one. */
  | { readonly kind: 'lost' }
  /** Nobody knows. */
  | { readonly kind: 'failed' };

export interface LeadershipOptions {
  /** How long the lease lives without being kept. */
  readonly leaseMs: number;
  /** For clocks that run at different speeds and for the delay of timers. */
  readonly marginMs: number;
  /** Between an attempt that failed and the next. */
  readonly retryMs: number;
}

/** Keep-alives within the life of a lease: the third one that fails is the last. */
const keepAlivesPerLease = 4;

interface HeldLease {
  readonly lease: LeaseId;
  /** Up to here this process may act. */
  untilMs: number;
}

export class InfoLeadership {
  readonly #options: LeadershipOptions;
  #held: HeldLease | undefined;
  /** Of the leader key that is of this lease; undefined: it is not. */
  #leading: number | undefined;
  /** A grant or keep-alive, or a campaign, waits for its answer. */
  #leasePending = false;
  #campaignPending = false;
  #nextLeaseMs = 0;
  #nextCampaignMs = 0;
  #left = false;

  constructor(options: LeadershipOptions) {
    this.#options = options;
  }

  /** Whether this process may act now. */
  isActive(nowMs: number): boolean {
    return this.#leading !== undefined && this.#held !== undefined && nowMs < this.#held.untilMs;
  }

  tick(nowMs: number): readonly LeadershipEffect[] {
    return this.#left ? [] : [...this.#expire(nowMs), ...this.#askForLease(nowMs), ...this.#campaign(nowMs)];
  }

  onGranted(lease: LeaseId, sentMs: number, ttlMs: number, nowMs: number): readonly LeadershipEffect[] {
    this.#leasePending = false;
    // The process ended meanwhile; nobody keeps the lease.
    if (this.#left) return [{ kind: 'revoke', lease }];
    this.#held = { lease, untilMs: sentMs + ttlMs - this.#options.marginMs };
    this.#nextLeaseMs = sentMs + this.#keepAliveMs;
    return this.tick(nowMs);
  }

  /** `ttlMs` 0: etcd does not know the lease. */
  onKept(lease: LeaseId, sentMs: number, ttlMs: number, nowMs: number): readonly LeadershipEffect[] {
    this.#leasePending = false;
    if (this.#left || this.#held?.lease !== lease) return [];
    // An answer that comes too late revives the lease, but not what was done in its name.
    const effects = [...this.#expire(nowMs)];
    // With its term its lease ended.
    if (this.#held === undefined) return [...effects, ...this.tick(nowMs)];
    if (ttlMs === 0) {
      this.#held = undefined;
      effects.push(...this.#standDown('lease-lost'));
      this.#nextLeaseMs = nowMs;
    } else {
      this.#held.untilMs = Math.max(this.#held.untilMs, sentMs + ttlMs - this.#options.marginMs);
      this.#nextLeaseMs = sentMs + this.#keepAliveMs;
    }
    return [...effects, ...this.tick(nowMs)];
  }

  onLeaseFailed(nowMs: number): readonly LeadershipEffect[] {
    this.#leasePending = false;
    this.#nextLeaseMs = nowMs + this.#options.retryMs;
    return this.tick(nowMs);
  }

  onCampaign(lease: LeaseId, outcome: CampaignOutcome, nowMs: number): readonly LeadershipEffect[] {
    this.#campaignPending = false;
    if (this.#left) return [];
    const effects = [...this.#expire(nowMs)];
    this.#nextCampaignMs = nowMs + (outcome.kind === 'lost' ? this.#keepAliveMs : this.#options.retryMs);
    if (outcome.kind === 'won' && this.#held?.lease === lease && nowMs < this.#held.untilMs) {
      this.#leading = outcome.fencing;
      effects.push({ kind: 'activate', fencing: outcome.fencing });
    }
    return [...effects, ...this.tick(nowMs)];
  }

  /** The leader key is gone, as a standby sees it: whoever is first leads. */
  onVacancy(nowMs: number): readonly LeadershipEffect[] {
    this.#nextCampaignMs = nowMs;
    return this.tick(nowMs);
  }

  /** etcd refused a change, because the leader key or a record is not what this process made of it. */
  onFenced(nowMs: number): readonly LeadershipEffect[] {
    this.#nextCampaignMs = nowMs + this.#options.retryMs;
    return [...this.#standDown('fenced'), ...this.tick(nowMs)];
  }

  /** The process ends: another one may take over at once. */
  leave(): readonly LeadershipEffect[] {
    if (this.#left) return [];
    this.#left = true;
    const effects = [...this.#standDown('leaving')];
    if (this.#held !== undefined) effects.push({ kind: 'revoke', lease: this.#held.lease });
    this.#held = undefined;
    return effects;
  }

  get #keepAliveMs(): number {
    return Math.floor(this.#options.leaseMs / keepAlivesPerLease);
  }

  #expire(nowMs: number): readonly LeadershipEffect[] {
    return this.#held !== undefined && nowMs >= this.#held.untilMs ? this.#standDown('deadline') : [];
  }

  /** The leader key goes with the lease: the next term has another one, with a higher number. */
  #standDown(cause: StandDownCause): readonly LeadershipEffect[] {
    if (this.#leading === undefined) return [];
    this.#leading = undefined;
    const held = this.#held;
    this.#held = undefined;
    this.#nextLeaseMs = Number.NEGATIVE_INFINITY;
    const standDown: LeadershipEffect = { kind: 'stand-down', cause };
    return held === undefined ? [standDown] : [standDown, { kind: 'revoke', lease: held.lease }];
  }

  #askForLease(nowMs: number): readonly LeadershipEffect[] {
    if (this.#leasePending || nowMs < this.#nextLeaseMs) return [];
    this.#leasePending = true;
    const held = this.#held;
    return [
      held === undefined
        ? { kind: 'grant', leaseMs: this.#options.leaseMs }
        : { kind: 'keep-alive', lease: held.lease },
    ];
  }

  #campaign(nowMs: number): readonly LeadershipEffect[] {
    const held = this.#held;
    if (this.#campaignPending || this.#leading !== undefined || nowMs < this.#nextCampaignMs) return [];
    if (held === undefined || nowMs >= held.untilMs) return [];
    this.#campaignPending = true;
    return [{ kind: 'campaign', lease: held.lease }];
  }
}
