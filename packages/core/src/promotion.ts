import type { Prepare, PromiseAnswer } from './node-message.ts';
import { comparePositions } from './read-decision.ts';
import type { StoreId } from './topology.ts';

/**
 * Info's part of a promotion: one attempt for one shard, from the first question to the choice.
 *
 * Guarantees: a primary is chosen only among members that promised the epoch, of whom there are so many (n - q + 1)
 * that each quorum of the old group has one, and the best log of all that answered wins; so nothing that a quorum had
 * is lost. The lease of the former primary has ended by then, or it gave it back itself. When every member was started
 * anew since the former primary last held its lease, it is waited for (`rollCallMs`): its log may have `disk` writes
 * that no other has. A primary that declines, because it is well, is left alone; when somebody has promised against it
 * by then, who would never follow it again, it is preferred instead. Whom the operator named leads, or nobody: the
 * price that is paid without enough promises was agreed to for that one alone. When nothing has to be paid any more,
 * since enough others have promised, that wish is over (`forgo`). Assumes that answers are of the process that the
 * session belongs to.
 */
export type PromotionCause =
  /** The primary's process is a new one: it forgot what it acknowledged. */
  | 'restarted'
  /** The primary is not heard of, or says that it can not act. */
  | 'lost'
  /** A member promised an epoch that nobody leads. */
  | 'promised'
  /** The primary wants to be followed by another one. */
  | 'hand-over'
  /** The operator takes what there is. */
  | 'unsafe';

export interface PromotionOptions {
  readonly epoch: number;
  readonly cause: PromotionCause;
  readonly formerPrimary: StoreId;
  /** Empty: the best. */
  readonly preferred: StoreId;
  readonly members: readonly StoreId[];
  readonly quorum: number;
  /** Further stores with a copy, which the operator takes as well. */
  readonly others: readonly StoreId[];
  readonly nowMs: number;
  /** A lease and its margin. */
  readonly leaseSpanMs: number;
  readonly rollCallMs: number;
  /** The former primary is not chosen if the others are enough without it, however good its log is. */
  readonly avoidsFormer: boolean;
}

export type PromotionDecision =
  | { readonly kind: 'wait'; readonly why: string }
  | { readonly kind: 'complete'; readonly primary: StoreId; readonly members: readonly StoreId[] }
  /** Another attempt, above that epoch. */
  | { readonly kind: 'outbid'; readonly epoch: number }
  /** Enough have promised for a safe promotion, and whom the operator named has not: it goes on without the wish. */
  | { readonly kind: 'forgo' }
  /** The primary is well and nobody has promised, or it hands nothing over. */
  | { readonly kind: 'abandon' };

/** What is known of the members when it is decided. */
export interface PromotionFacts {
  readonly nowMs: number;
  /** It has a session. */
  readonly isConnected: (store: StoreId) => boolean;
  readonly nameOf: (store: StoreId) => string;
}

/** Members that could answer as well get so long once there are enough answers. */
const settleMs = 150;

/** A primary that hands over promises within that time, or never. */
const releaseMs = 3000;

export class Promotion {
  readonly #options: PromotionOptions;
  readonly #answers = new Map<StoreId, PromiseAnswer>();
  #preferred: StoreId;
  #isDeclined = false;
  #enoughSinceMs: number | undefined;
  /** Enough have promised without the one that was named. */
  #dispensableSinceMs: number | undefined;
  #wasNamedThere = false;
  #answeredMs: number;

  constructor(options: PromotionOptions) {
    this.#options = options;
    this.#preferred = options.preferred;
    this.#answeredMs = options.nowMs;
  }

  get epoch(): number {
    return this.#options.epoch;
  }

  get cause(): PromotionCause {
    return this.#options.cause;
  }

  /** Who may be asked. */
  get stores(): readonly StoreId[] {
    const { cause, members, others } = this.#options;
    return cause === 'unsafe' ? [...members, ...others] : members;
  }

  /** The primary is well, but others have promised and follow it only under a higher epoch. */
  get isSplit(): boolean {
    return this.#isDeclined && this.#promised().length > 0;
  }

  /** What a member is asked now; undefined: nothing yet, or it has answered. */
  questionFor(store: StoreId): Prepare | undefined {
    const { epoch, cause, formerPrimary } = this.#options;
    if (!this.stores.includes(store) || this.#promised().includes(store)) return undefined;
    if (cause !== 'hand-over') return { epoch, preferred: this.#preferred, releasedBy: '' };
    // The lease is given back by the promise of the one who holds it, and by nothing else.
    const isReleased = this.#promised().includes(formerPrimary);
    if (store !== formerPrimary && !isReleased) return undefined;
    return { epoch, preferred: this.#preferred, releasedBy: formerPrimary };
  }

  onAnswer(store: StoreId, answer: PromiseAnswer, nowMs: number): void {
    if (!this.stores.includes(store)) return;
    if (answer.kind === 'declined') {
      if (store === this.#options.formerPrimary) this.#isDeclined = true;
      return;
    }
    this.#answers.set(store, answer);
    this.#answeredMs = nowMs;
  }

  /** The former primary is there, as a new process or as one that others promised against: all are asked again. */
  prefer(store: StoreId): void {
    this.#preferred = store;
  }

  /** A member's process ended; what it promised stays promised, its log may be another one when it is back. */
  onGone(store: StoreId): void {
    if (store === this.#options.formerPrimary) this.#isDeclined = false;
  }

  /** A new process of a store: it is asked anew, because its log may have lost what was not synced. */
  onReturned(store: StoreId): void {
    this.#answers.delete(store);
  }

  decide(facts: PromotionFacts): PromotionDecision {
    const { epoch, members, quorum, cause } = this.#options;
    if (this.#isNotReleased(facts)) return { kind: 'abandon' };
    for (const answer of this.#answers.values()) {
      if (answer.promisedEpoch > epoch || (answer.kind === 'outdated' && answer.promisedEpoch >= epoch)) {
        return { kind: 'outbid', epoch: answer.promisedEpoch };
      }
    }
    const promised = this.#promised();
    const named = this.#named;
    if (this.#isDeclined && (promised.length === 0 || named !== '')) return { kind: 'abandon' };
    if (named !== '' && !promised.includes(named)) {
      this.#enoughSinceMs = undefined;
      return this.#decideWithout(named, promised, facts);
    }
    const needed = cause === 'unsafe' ? 1 : members.length - quorum + 1;
    if (promised.length < needed) {
      this.#enoughSinceMs = undefined;
      return { kind: 'wait', why: this.#describeMissing(needed - promised.length, promised, facts) };
    }
    this.#enoughSinceMs ??= facts.nowMs;
    return this.#waitLonger(promised, this.#enoughSinceMs, facts) ?? this.#choose(promised);
  }

  /** Whom the operator wants, whatever its log is. Empty: nobody. */
  get #named(): StoreId {
    const { cause, preferred } = this.#options;
    return cause === 'unsafe' ? preferred : '';
  }

  /**
   * Who has been there gets the time for which a lease may bind it, however its session fares. Promises of members that
   * have gone since do not count: another attempt would have to wait for them.
   */
  #decideWithout(named: StoreId, promised: readonly StoreId[], facts: PromotionFacts): PromotionDecision {
    const { members, quorum, leaseSpanMs } = this.#options;
    this.#wasNamedThere ||= facts.isConnected(named);
    const there = promised.filter((store) => members.includes(store) && facts.isConnected(store));
    const isDispensable = there.length > members.length - quorum;
    this.#dispensableSinceMs = isDispensable ? (this.#dispensableSinceMs ?? facts.nowMs) : undefined;
    const patienceMs = this.#wasNamedThere ? leaseSpanMs + settleMs : 0;
    if (this.#dispensableSinceMs !== undefined && facts.nowMs - this.#dispensableSinceMs >= patienceMs) {
      return { kind: 'forgo' };
    }
    return { kind: 'wait', why: this.#describeNamed(named, facts) };
  }

  /** Whoever is to follow a primary that hands over is asked only once that one has promised. */
  #isNotReleased({ nowMs, isConnected }: PromotionFacts): boolean {
    const { cause, formerPrimary, nowMs: startedMs } = this.#options;
    if (cause !== 'hand-over' || this.#promised().includes(formerPrimary)) return false;
    return nowMs - startedMs > releaseMs || !isConnected(formerPrimary);
  }

  #waitLonger(
    promised: readonly StoreId[],
    enoughSinceMs: number,
    facts: PromotionFacts,
  ): PromotionDecision | undefined {
    const { leaseSpanMs, rollCallMs, formerPrimary, cause, nowMs: startedMs } = this.#options;
    const { nowMs, isConnected, nameOf } = facts;
    const open = this.stores.filter((store) => isConnected(store) && !promised.includes(store));
    const isSettled = cause === 'hand-over' && this.#hasAll(this.#preferred);
    if (open.length > 0 && !isSettled && nowMs - enoughSinceMs < settleMs)
      return { kind: 'wait', why: 'waits for further answers' };
    // Who promised in favour of `preferred` did not wait for the end of its lease.
    const isFavoured = this.#preferred !== '' && !promised.includes(this.#preferred);
    if (isFavoured && nowMs - this.#answeredMs < leaseSpanMs) {
      return { kind: 'wait', why: `waits for ${nameOf(this.#preferred)}` };
    }
    const isRollCall =
      cause !== 'unsafe' &&
      !promised.includes(formerPrimary) &&
      !promised.some((store) => this.#answers.get(store)?.witness === true);
    if (isRollCall && nowMs - startedMs < rollCallMs) {
      const leftMs = Math.max(0, startedMs + rollCallMs - nowMs);
      return {
        kind: 'wait',
        why: `waits ${Math.ceil(leftMs / 1000)} s at most for its primary ${nameOf(formerPrimary)}: all restarted`,
      };
    }
    return undefined;
  }

  /** It has promised, and has whatever the primary had when it gave its lease back: nobody else has more. */
  #hasAll(store: StoreId): boolean {
    const ours = this.#answers.get(store);
    const theirs = this.#answers.get(this.#options.formerPrimary);
    if (ours?.kind !== 'promised' || ours.promisedEpoch !== this.epoch || theirs?.kind !== 'promised') return false;
    return theirs.promisedEpoch === this.epoch && comparePositions(ours.lastEntry, theirs.lastEntry) >= 0;
  }

  #choose(promised: readonly StoreId[]): PromotionDecision {
    const { cause, members } = this.#options;
    const candidates = this.#candidates(promised);
    let best = candidates[0] ?? '';
    for (const store of candidates) if (this.#compare(store, best) > 0) best = store;
    // The operator may know better.
    if (this.#named !== '') best = this.#named;
    if (cause !== 'unsafe') return { kind: 'complete', primary: best, members };
    return { kind: 'complete', primary: best, members: promised.filter((it) => it === best || members.includes(it)) };
  }

  /** What a quorum has is on one of any n - q + 1 members. */
  #candidates(promised: readonly StoreId[]): readonly StoreId[] {
    const { avoidsFormer, formerPrimary, members, quorum } = this.#options;
    if (!avoidsFormer) return promised;
    const others = promised.filter((store) => store !== formerPrimary);
    return others.length > members.length - quorum ? others : promised;
  }

  #compare(left: StoreId, right: StoreId): number {
    const leftEntry = this.#answers.get(left)?.lastEntry ?? nothing;
    const rightEntry = this.#answers.get(right)?.lastEntry ?? nothing;
    const order = comparePositions(leftEntry, rightEntry);
    if (order !== 0) return order;
    return Number(left === this.#preferred) - Number(right === this.#preferred);
  }

  #promised(): readonly StoreId[] {
    const { epoch, members } = this.#options;
    return this.stores.filter((store) => {
      const answer = this.#answers.get(store);
      if (answer?.kind !== 'promised' || answer.promisedEpoch !== epoch) return false;
      // Who was no member may have nothing yet, and nothing is no copy.
      return members.includes(store) || answer.lastEntry.position > 0;
    });
  }

  #describeNamed(named: StoreId, { isConnected, nameOf }: PromotionFacts): string {
    const answer = this.#answers.get(named);
    const isEmpty = answer?.kind === 'promised' && answer.promisedEpoch === this.epoch;
    const what = isEmpty ? 'have a copy' : isConnected(named) ? 'promise (a lease may bind it)' : 'come back';
    return `waits for ${nameOf(named)}, which was named, to ${what}; 'edis promote --unsafe' may name another, or none`;
  }

  #describeMissing(count: number, promised: readonly StoreId[], { isConnected, nameOf }: PromotionFacts): string {
    const missing = this.#options.members.filter((store) => !promised.includes(store));
    const away = missing.filter((store) => !isConnected(store)).map(nameOf);
    const bound = missing.filter(isConnected).map(nameOf);
    const parts = [
      ...(away.length > 0 ? [`${away.join(', ')} to come back`] : []),
      ...(bound.length > 0 ? [`${bound.join(', ')} to promise (a lease may bind it)`] : []),
    ];
    return `needs ${count} more of its members: ${parts.join('; ')}`;
  }
}

const nothing = { epoch: 0, position: 0 };
