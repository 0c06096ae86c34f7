import type { ShardRecord } from './cluster-state.ts';
import { unreachable } from './error.ts';
import { leaseMarginMs } from './held-lease.ts';
import type { Prepare, PromiseAnswer } from './node-message.ts';
import type { PromotionCause, PromotionFacts } from './promotion.ts';
import { Promotion } from './promotion.ts';
import type { StoreId } from './topology.ts';

/**
 * When a shard gets another primary, and the questions that this takes. One for each shard, kept by info in memory
 * alone: a new info finds out again what is to be done, because members report what they promised.
 *
 * Guarantees: one attempt at a time; a question is sent once to each session. A primary is never replaced because info
 * believes it dead: the members decide, by promising or not.
 */
export interface ShardFacts extends PromotionFacts {
  readonly record: ShardRecord;
  /** All that have a place in the shard, members or not. */
  readonly stores: readonly StoreId[];
  /** It is not known to be dead: after a start of info, members get time to come back. */
  readonly isAlive: (store: StoreId) => boolean;
  /** The primary's process is not the one that was promoted. */
  readonly isPrimaryNew: boolean;
  /** The primary is heard, and has said for that long that it does not serve. 0: it serves, or is not heard. */
  readonly idleMs: number;
}

export type ShardStep =
  | { readonly kind: 'ask'; readonly store: StoreId; readonly prepare: Prepare }
  /** The primary is to bring `to` level and to say so. */
  | { readonly kind: 'hand-over'; readonly to: StoreId }
  | {
      readonly kind: 'promote';
      readonly epoch: number;
      readonly primary: StoreId;
      readonly members: readonly StoreId[];
    }
  /** The configuration as it is, under a higher epoch: for a store that is no member and promised too much. */
  | { readonly kind: 'raise'; readonly epoch: number };

export interface ShardPromotionOptions {
  readonly leaseMs: number;
  readonly rollCallMs: number;
}

/** A primary that says that it does not serve, for so many leases, may be replaced. */
const idleLeases = 2;

/** After an attempt that the primary declined. */
const pauseMs = 1000;

/** A hand-over that has not happened by then will not. */
const handOverMs = 3000;

/** The primary may just begin a new session, or be busy with another change. */
const repeatMs = 250;

const withdrawal: Prepare = Object.freeze({ epoch: 0, preferred: '', releasedBy: '' });

interface HandOver {
  readonly to: StoreId;
  readonly sinceMs: number;
  readonly isLevel: boolean;
  readonly saidMs: number;
}

export class ShardPromotion {
  readonly #options: ShardPromotionOptions;
  #attempt: Promotion | undefined;
  #handOver: HandOver | undefined;
  /** Whom the operator wants, without enough promises; empty: the best. */
  #unsafe: { readonly to: StoreId } | undefined;
  /** No epoch is asked for twice: a late answer would count for what it was not given for. */
  #highestAsked = 0;
  /** What each store was asked last, on its session. */
  readonly #asked = new Map<StoreId, Prepare>();
  readonly #promised = new Map<StoreId, number>();
  /** The epoch in which a primary that could not act was promoted again, because it had the best log. */
  #retriedIn = 0;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  #waitsFor = '';

  constructor(options: ShardPromotionOptions) {
    this.#options = options;
  }

  /** For people; empty: nothing is waited for. */
  get waitsFor(): string {
    return this.#waitsFor;
  }

  /** No change of members while a promotion is under way. */
  get isUnderWay(): boolean {
    return this.#attempt !== undefined;
  }

  /** What a change of members must exceed. */
  get highestPromise(): number {
    return Math.max(this.#highestAsked, ...this.#promised.values());
  }

  /** A store has a new session. `knownEpoch`: the highest that it promised or has seen. */
  onSession(store: StoreId, knownEpoch: number, isNewProcess: boolean): void {
    this.#asked.delete(store);
    this.#promised.set(store, knownEpoch);
    if (isNewProcess) this.#attempt?.onReturned(store);
  }

  onGone(store: StoreId): void {
    this.#asked.delete(store);
    this.#attempt?.onGone(store);
  }

  onAnswer(store: StoreId, answer: PromiseAnswer, nowMs: number): void {
    this.#promised.set(store, answer.promisedEpoch);
    this.#attempt?.onAnswer(store, answer, nowMs);
  }

  /** The primary wants, or is told, to be followed by that store. */
  requestHandOver(to: StoreId, nowMs: number): void {
    if (this.#attempt !== undefined || this.#handOver?.to === to) return;
    this.#handOver = { to, sinceMs: nowMs, isLevel: false, saidMs: Number.NEGATIVE_INFINITY };
  }

  onHandedOver(to: StoreId): void {
    if (this.#handOver?.to === to) this.#handOver = { ...this.#handOver, isLevel: true };
  }

  /**
   * The operator takes what there is. Whom he names is waited for until another wish takes the place of this one, or
   * nothing has to be given up any more, or that store has no place in the shard: then it is decided as without a wish.
   */
  requestUnsafe(to: StoreId): void {
    this.#unsafe = { to };
    this.#attempt = undefined;
    this.#asked.clear();
  }

  /** What is to be done now. */
  review(facts: ShardFacts): readonly ShardStep[] {
    const steps: ShardStep[] = [];
    const named = this.#unsafe?.to ?? '';
    if (named !== '' && !facts.stores.includes(named)) {
      steps.push(...this.#withdraw(facts));
      this.#end();
    }
    if (this.#handOver !== undefined && facts.nowMs - this.#handOver.sinceMs > handOverMs) this.#handOver = undefined;
    const handOver = this.#handOver;
    const isDue = handOver !== undefined && !handOver.isLevel && this.#attempt === undefined;
    if (isDue && facts.nowMs - handOver.saidMs >= repeatMs) {
      this.#handOver = { ...handOver, saidMs: facts.nowMs };
      steps.push({ kind: 'hand-over', to: handOver.to });
    }
    this.#attempt ??= this.#begin(facts);
    const attempt = this.#attempt;
    if (attempt === undefined) {
      this.#waitsFor = '';
      return [...steps, ...this.#raise(facts)];
    }
    return [...steps, ...this.#advance(attempt, facts)];
  }

  #advance(attempt: Promotion, facts: ShardFacts): readonly ShardStep[] {
    const { primary } = facts.record;
    const isBack = facts.isPrimaryNew && attempt.cause === 'lost';
    if (facts.isConnected(primary) && (isBack || attempt.isSplit)) attempt.prefer(primary);
    const decision = attempt.decide(facts);
    switch (decision.kind) {
      case 'wait':
        this.#waitsFor = decision.why;
        return this.#ask(attempt, facts);
      case 'complete': {
        const isRetried = attempt.cause === 'lost' && decision.primary === primary && !facts.isPrimaryNew;
        this.#retriedIn = isRetried ? attempt.epoch : 0;
        this.#end();
        return [{ kind: 'promote', epoch: attempt.epoch, primary: decision.primary, members: decision.members }];
      }
      case 'outbid':
        this.#attempt = this.#start(attempt.cause, decision.epoch, facts);
        return this.#ask(this.#attempt, facts);
      case 'forgo':
      case 'abandon': {
        const withdrawals = this.#withdraw(facts);
        if (decision.kind === 'abandon' && facts.isConnected(primary)) this.#pausedUntilMs = facts.nowMs + pauseMs;
        this.#end();
        return withdrawals;
      }
      default:
        return unreachable(decision);
    }
  }

  /** A store that is no member has no part in a promotion, and hears nothing that is below what it promised. */
  #raise({ record, stores, isConnected }: ShardFacts): readonly ShardStep[] {
    if (!isConnected(record.primary)) return [];
    const isFenced = stores.some((store) => isConnected(store) && this.#hasPromised(store, record));
    return isFenced ? [{ kind: 'raise', epoch: this.highestPromise + 1 }] : [];
  }

  #hasPromised(store: StoreId, { epoch }: ShardRecord): boolean {
    return (this.#promised.get(store) ?? 0) > epoch;
  }

  #begin(facts: ShardFacts): Promotion | undefined {
    const cause = this.#cause(facts);
    return cause === undefined ? undefined : this.#start(cause, 0, facts);
  }

  #start(cause: PromotionCause, above: number, { record, stores, nowMs, isConnected }: ShardFacts): Promotion {
    const { leaseMs, rollCallMs } = this.#options;
    const isPrimaryThere = isConnected(record.primary);
    const keepsPrimary = (cause === 'restarted' || cause === 'promised') && isPrimaryThere;
    const wanted = cause === 'hand-over' ? this.#handOver?.to : cause === 'unsafe' ? this.#unsafe?.to : undefined;
    this.#asked.clear();
    this.#highestAsked = Math.max(record.epoch, this.highestPromise, above) + 1;
    return new Promotion({
      epoch: this.#highestAsked,
      cause,
      formerPrimary: record.primary,
      preferred: wanted ?? (keepsPrimary ? record.primary : ''),
      members: record.members,
      quorum: record.quorum,
      others: stores.filter((store) => !record.members.includes(store)),
      nowMs,
      leaseSpanMs: leaseMs + leaseMarginMs(leaseMs),
      rollCallMs,
      // It is heard here, and not by its members: with the best log it would be chosen again and again.
      avoidsFormer: cause === 'lost' && isPrimaryThere && record.primarySince === this.#retriedIn,
    });
  }

  #cause(facts: ShardFacts): PromotionCause | undefined {
    const { record, nowMs, isConnected, isAlive, isPrimaryNew, idleMs } = facts;
    if (this.#unsafe !== undefined) return 'unsafe';
    const isPrimaryThere = isConnected(record.primary);
    if (isPrimaryThere && isPrimaryNew) return 'restarted';
    const others = record.members.filter((store) => store !== record.primary && isConnected(store));
    const hasPromised = [record.primary, ...others].some((store) => this.#hasPromised(store, record));
    if (isPrimaryThere && hasPromised) return 'promised';
    if (this.#handOver?.isLevel === true) return 'hand-over';
    if (nowMs < this.#pausedUntilMs) return undefined;
    // With nobody to answer a primary can only lose; one that is all there is, and does not serve, succeeds itself.
    if (others.length === 0 && (record.members.length > 1 || !isPrimaryThere)) return undefined;
    if (!isPrimaryThere) return isAlive(record.primary) ? undefined : 'lost';
    return idleMs > idleLeases * this.#options.leaseMs ? 'lost' : undefined;
  }

  #ask(attempt: Promotion, { isConnected }: ShardFacts): readonly ShardStep[] {
    const steps: ShardStep[] = [];
    for (const store of attempt.stores) {
      if (!isConnected(store)) continue;
      const prepare = attempt.questionFor(store);
      if (prepare === undefined || sameQuestion(this.#asked.get(store), prepare)) continue;
      this.#asked.set(store, prepare);
      steps.push({ kind: 'ask', store, prepare });
    }
    return steps;
  }

  #withdraw({ isConnected }: ShardFacts): readonly ShardStep[] {
    const asked = [...this.#asked.keys()].filter(isConnected);
    return asked.map((store) => ({ kind: 'ask', store, prepare: withdrawal }));
  }

  #end(): void {
    this.#attempt = undefined;
    this.#handOver = undefined;
    this.#unsafe = undefined;
    this.#waitsFor = '';
    this.#asked.clear();
  }
}

function sameQuestion(left: Prepare | undefined, right: Prepare): boolean {
  return left?.epoch === right.epoch && left.preferred === right.preferred && left.releasedBy === right.releasedBy;
}
