import type { StoreId } from './topology.ts';

/**
 * The primary's right to act alone, as it knows it.
 *
 * Guarantees: it counts as held only while every rule that is in force (one configuration, or two while a change of
 * members is asked for) has, with the primary itself, a quorum of members that granted it for a beacon that was sent
 * within the last lease less its margin, by the monotonic and by the wall clock. Time is counted from when the beacon
 * was *sent*: the member that grants counts from later, so its promise to anybody else comes later too.
 * Assumes that clocks of two machines run apart by less than the margin in the time of one lease.
 *
 * The wall clock is asked as well because on some systems no other one goes on while the machine is suspended (where
 * one does, the monotonic clock counts it: `continuous-clock.ts`): the primary would wake up with a lease that
 * everybody else saw end. A wall clock that goes back ends the lease at once.
 */

/** A tenth: crystals differ by a hundredth of a percent, virtual machines by a few percent. */
const marginShare = 0.1;

/** How far two clocks may run apart in the time of a lease. */
export function leaseMarginMs(leaseMs: number): number {
  return leaseMs * marginShare;
}

/** The members of a configuration, and how many of them are a quorum. */
export interface MemberRule {
  readonly members: readonly StoreId[];
  readonly quorum: number;
}

interface Instant {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

const never: Instant = Object.freeze({ monotonicMs: Number.NEGATIVE_INFINITY, wallMs: Number.NEGATIVE_INFINITY });
const always: Instant = Object.freeze({ monotonicMs: Number.POSITIVE_INFINITY, wallMs: Number.POSITIVE_INFINITY });

/** Beacons that may still be answered: those of one lease, many times over. */
const maxSentBeacons = 256;

export class HeldLease {
  readonly #self: StoreId;
  #windowMs: number;
  #rules: readonly MemberRule[] = [];
  #number = 0;
  readonly #sent = new Map<number, Instant>();
  /** When the newest beacon was sent that a store granted a lease for. */
  readonly #granted = new Map<StoreId, Instant>();
  /** The oldest beacon that each rule rests on; `always`: no rule needs one, `never`: a rule has too few. */
  #base: Instant = never;

  constructor(self: StoreId, leaseMs: number) {
    this.#self = self;
    this.#windowMs = leaseMs - leaseMarginMs(leaseMs);
  }

  /** A shorter lease counts from now on, also for what was granted before; a longer one changes nothing. */
  shorten(leaseMs: number): void {
    this.#windowMs = Math.min(this.#windowMs, leaseMs - leaseMarginMs(leaseMs));
  }

  /** Who must grant from now on. */
  configure(rules: readonly MemberRule[]): void {
    this.#rules = rules;
    this.#rebase();
  }

  /** Number for a beacon that leaves now. */
  send(monotonicMs: number, wallMs: number): number {
    this.#number += 1;
    this.#sent.set(this.#number, { monotonicMs, wallMs });
    if (this.#sent.size > maxSentBeacons) this.#sent.delete(this.#number - maxSentBeacons);
    return this.#number;
  }

  /** A store granted the lease that a beacon asked for. One that was never sent, or long ago, says nothing. */
  onGrant(store: StoreId, number: number): void {
    const sent = this.#sent.get(number);
    if (sent === undefined) return;
    const known = this.#granted.get(store);
    if (known !== undefined && known.monotonicMs >= sent.monotonicMs) return;
    this.#granted.set(store, sent);
    this.#rebase();
  }

  isHeld(monotonicMs: number, wallMs: number): boolean {
    return this.#isWithin(this.#base, monotonicMs, wallMs);
  }

  /** Whether it would be held if that rule were in force. */
  isHeldBy(rule: MemberRule, monotonicMs: number, wallMs: number): boolean {
    return this.#isWithin(this.#baseOf(rule), monotonicMs, wallMs);
  }

  /** How long a member has not granted; infinite when it never has. */
  silentMs(store: StoreId, monotonicMs: number): number {
    return monotonicMs - (this.#granted.get(store) ?? never).monotonicMs;
  }

  #isWithin(base: Instant, monotonicMs: number, wallMs: number): boolean {
    if (base === always) return true;
    const elapsedMs = monotonicMs - base.monotonicMs;
    const elapsedWallMs = wallMs - base.wallMs;
    return elapsedMs >= 0 && elapsedMs <= this.#windowMs && elapsedWallMs >= 0 && elapsedWallMs <= this.#windowMs;
  }

  #rebase(): void {
    let base = this.#rules.length === 0 ? never : always;
    for (const rule of this.#rules) {
      const ofRule = this.#baseOf(rule);
      if (ofRule.monotonicMs < base.monotonicMs) base = ofRule;
    }
    this.#base = base;
  }

  #baseOf({ members, quorum }: MemberRule): Instant {
    const needed = quorum - (members.includes(this.#self) ? 1 : 0);
    if (needed <= 0) return always;
    const grants = members
      .filter((store) => store !== this.#self)
      .map((store) => this.#granted.get(store) ?? never)
      .toSorted((left, right) => right.monotonicMs - left.monotonicMs);
    return grants[needed - 1] ?? never;
  }
}
