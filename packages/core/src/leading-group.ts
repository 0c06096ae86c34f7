import { unreachable } from './error.ts';
import { GroupProgress } from './group-progress.ts';
import type { MemberRule } from './held-lease.ts';
import { HeldLease } from './held-lease.ts';
import type { MembershipChange } from './membership-plan.ts';
import { isSilent, planMembership } from './membership-plan.ts';
import type { Configuration, MembershipProposal } from './node-message.ts';
import { quorumOf } from './quorum.ts';
import type { StoreId } from './topology.ts';
import { UnreplicatedLog } from './unreplicated-log.ts';

/**
 * The primary's part of the group, from its opening entry to its end.
 *
 * Guarantees: it is active only once its opening entry is safe on a quorum, and acts only while its lease is held.
 * A change of members is asked for one at a time, and only when all that the primary holds is safe on a quorum of the
 * new group too: from the moment in which it wants the change until it knows the outcome, acknowledgements satisfy both
 * groups, and so does the lease from the moment in which it asks. Assumes that it is told every configuration in order,
 * that nothing is asked for in a session before that session's first configuration was told, and that no proposal of an
 * older session can come true behind that one.
 *
 * The failure that shaped it: a write is acknowledged by the old quorum while info lets the new group begin, the
 * primary dies, and a member that never saw the write is promoted by the new group's smaller quorum.
 */
export type LeadingState =
  | { readonly kind: 'opening' }
  | { readonly kind: 'active' }
  /** It takes no writes, so that `to` comes level; for a planned hand-over. */
  | {
      readonly kind: 'holding';
      readonly to: StoreId;
      readonly position: number;
      readonly sinceMs: number;
      readonly announced: boolean;
    }
  | { readonly kind: 'stopped' };

export type LeadingEffect =
  | { readonly kind: 'activate' }
  | { readonly kind: 'propose'; readonly proposal: MembershipProposal }
  | { readonly kind: 'handed-over'; readonly to: StoreId }
  /** The hand-over was given up: writes are taken again. */
  | { readonly kind: 'resume' };

interface Change extends MembershipChange {
  /** Everything up to here must be safe on the new group before it is asked for. */
  readonly barrier: number;
  readonly sinceMs: number;
  /** In that epoch. 0: not yet. */
  readonly askedIn: number;
}

export interface LeadingGroupOptions {
  readonly self: StoreId;
  readonly configuration: Configuration;
  readonly openingPosition: number;
  /** Log that no quorum has may grow to that size. */
  readonly unreplicatedBytesMax: number;
  readonly nowMs: number;
}

export interface LeadingFacts {
  readonly lastPosition: number;
  readonly nowMs: number;
  readonly wallMs: number;
}

/** A planned hand-over that takes longer is given up: writes must not wait for a replica that can not come level. */
const maxHoldMs = 1000;

/** A change that the new group can not satisfy in that time is given up, and planned again later. */
const maxBarrierMs = 5000;

/** After a refusal, or when it did not run itself for so long, a primary waits that share of a lease. */
const refusedShare = 0.1;
const stalledShare = 0.25;

/** Less than what is on the way to followers under full load would refuse writes for no reason. */
const minUnreplicatedBytes = 64 * 1024 * 1024;
/** A member that lets that share of the bound pile up is removed: long before writes would have to wait. */
const laggingShare = 0.5;
/** To what share of the bound bytes are counted exactly. */
const countedShare = 1 / 64;

export class LeadingGroup {
  readonly #self: StoreId;
  readonly #progress: GroupProgress;
  readonly #unreplicated: UnreplicatedLog;
  readonly #unreplicatedBytesMax: number;
  readonly #lease: HeldLease;
  #leaseMs: number;
  readonly #since: number;
  readonly #openedMs: number;
  readonly #openingPosition: number;
  #configuration: Configuration;
  #state: LeadingState = { kind: 'opening' };
  #change: Change | undefined;
  /** Followers with an open stream. */
  readonly #followers = new Set<StoreId>();
  #lastHeldMs: number;
  /** A sync was asked for at that time and has not returned. */
  #syncingSinceMs: number | undefined;
  #syncWanted = 0;
  #quorumWanted: number;
  /** No change of members is asked for before. */
  #planFromMs = Number.NEGATIVE_INFINITY;
  /** The silence of others counts from here on: what came before may have been its own. */
  #listeningSinceMs: number;
  #tickedMs: number;

  constructor({ self, configuration, openingPosition, unreplicatedBytesMax, nowMs }: LeadingGroupOptions) {
    this.#self = self;
    this.#unreplicatedBytesMax = Math.max(unreplicatedBytesMax, minUnreplicatedBytes);
    this.#unreplicated = new UnreplicatedLog(this.#unreplicatedBytesMax * countedShare);
    this.#configuration = configuration;
    this.#openingPosition = openingPosition;
    this.#quorumWanted = openingPosition;
    this.#since = configuration.primarySince;
    this.#openedMs = nowMs;
    this.#listeningSinceMs = nowMs;
    this.#tickedMs = nowMs;
    this.#lastHeldMs = nowMs;
    this.#leaseMs = configuration.leaseMs;
    this.#lease = new HeldLease(self, configuration.leaseMs);
    this.#progress = new GroupProgress(self);
    this.#applyRules();
  }

  get state(): LeadingState {
    return this.#state;
  }

  get configuration(): Configuration {
    return this.#configuration;
  }

  /** Of its log entries. */
  get since(): number {
    return this.#since;
  }

  get leaseMs(): number {
    return this.#leaseMs;
  }

  /** Everything up to here is synced on a quorum. */
  get quorumPosition(): number {
    return this.#progress.position;
  }

  /** Members are asked to sync up to here without delay. */
  get wantedPosition(): number {
    return Math.max(this.#quorumWanted, this.#change?.barrier ?? 0);
  }

  /** `quorum` writes are taken: the members that there are can be a quorum of the shard at its fullest. */
  get hasQuorum(): boolean {
    return this.#configuration.quorum >= quorumOf(this.#configuration.configuredSize);
  }

  /** So much of the log is on no quorum that it must not grow: what only this primary has is never dropped. */
  get isFull(): boolean {
    return this.#unreplicated.bytes > this.#unreplicatedBytesMax;
  }

  /** It may act in this moment: take a write, give the answer to a write or to a strong read. */
  mayAct(nowMs: number, wallMs: number): boolean {
    return this.#state.kind !== 'opening' && this.#state.kind !== 'stopped' && this.#lease.isHeld(nowMs, wallMs);
  }

  isLeaseHeld(nowMs: number, wallMs: number): boolean {
    return this.#lease.isHeld(nowMs, wallMs);
  }

  /** Number of a beacon that leaves now; undefined when it should be replaced, and therefore asks for no lease. */
  beacon({ nowMs, wallMs }: LeadingFacts): number | undefined {
    if (this.#state.kind === 'stopped') return undefined;
    if (this.#syncingSinceMs !== undefined && nowMs - this.#syncingSinceMs > this.#leaseMs) return undefined;
    // Without a lease for two leases it is silent for two, in which the others may promise, and then tries again: with
    // info away nobody replaces it.
    const withoutLeaseMs = nowMs - this.#lastHeldMs;
    if (withoutLeaseMs > 2 * this.#leaseMs && withoutLeaseMs % (4 * this.#leaseMs) > 2 * this.#leaseMs)
      return undefined;
    return this.#lease.send(nowMs, wallMs);
  }

  onGrant(store: StoreId, number: number): void {
    this.#lease.onGrant(store, number);
  }

  onFollower(store: StoreId): void {
    this.#followers.add(store);
  }

  onFollowerGone(store: StoreId): void {
    this.#followers.delete(store);
  }

  /** The log grew by an entry. */
  onAppended(position: number, bytes: number): void {
    this.#unreplicated.onAppended(position, bytes);
  }

  /** An entry needs the quorum. */
  onQuorumWanted(position: number): void {
    this.#quorumWanted = Math.max(this.#quorumWanted, position);
  }

  /** A sync was asked for that covers the entry at `position`. */
  onSyncWanted(position: number, nowMs: number): void {
    this.#syncWanted = position;
    this.#syncingSinceMs ??= nowMs;
  }

  onSynced(position: number, facts: LeadingFacts): readonly LeadingEffect[] {
    // What nobody has asked to sync may stay as it is: it is no sign of a disk that hangs.
    this.#syncingSinceMs = position >= this.#syncWanted ? undefined : facts.nowMs;
    this.#progress.onSynced(position);
    return this.#advance(facts);
  }

  onAcknowledged(store: StoreId, position: number, facts: LeadingFacts): readonly LeadingEffect[] {
    this.#progress.onAcknowledged(store, position);
    return this.#advance(facts);
  }

  /**
   * The configuration that it leads under. `fresh`: the first one of a session, by which the outcome of a proposal is
   * known either way.
   */
  onConfiguration(configuration: Configuration, fresh: boolean, facts: LeadingFacts): readonly LeadingEffect[] {
    const isNewer = configuration.epoch > this.#configuration.epoch;
    if (configuration.epoch < this.#configuration.epoch) return [];
    this.#configuration = configuration;
    // Members grant no longer one than they know of. A longer one is the next primary's.
    this.#leaseMs = Math.min(this.#leaseMs, configuration.leaseMs);
    this.#lease.shorten(this.#leaseMs);
    if (this.#change !== undefined && (isNewer || fresh)) this.#change = undefined;
    // What was said may have been lost with its session, or named an epoch that info had left by then.
    const isUnheard = fresh || isNewer;
    if (isUnheard && this.#state.kind === 'holding') this.#state = { ...this.#state, announced: false };
    this.#applyRules();
    return this.#advance(facts);
  }

  onProposalRefused(epoch: number, facts: LeadingFacts): readonly LeadingEffect[] {
    if (this.#change?.askedIn !== epoch) return [];
    this.#change = undefined;
    this.#planFromMs = facts.nowMs + this.#leaseMs * refusedShare;
    this.#applyRules();
    return this.#advance(facts);
  }

  /** A planned hand-over begins, if it can. */
  handOver(to: StoreId, facts: LeadingFacts): readonly LeadingEffect[] {
    if (this.#state.kind !== 'active' || !this.#configuration.members.includes(to) || to === this.#self) return [];
    this.#state = { kind: 'holding', to, position: facts.lastPosition, sinceMs: facts.nowMs, announced: false };
    this.#quorumWanted = Math.max(this.#quorumWanted, facts.lastPosition);
    return this.#advance(facts);
  }

  /** It promised a higher epoch, or was replaced. */
  stop(): void {
    this.#state = { kind: 'stopped' };
    this.#change = undefined;
  }

  tick(facts: LeadingFacts): readonly LeadingEffect[] {
    if (this.#state.kind === 'stopped') return [];
    const { nowMs, wallMs } = facts;
    if (nowMs - this.#tickedMs > this.#leaseMs * stalledShare) this.#listeningSinceMs = nowMs;
    this.#tickedMs = nowMs;
    if (this.#lease.isHeld(nowMs, wallMs)) this.#lastHeldMs = nowMs;
    this.#planChange(facts);
    return this.#advance(facts);
  }

  #planChange({ lastPosition, nowMs }: LeadingFacts): void {
    const change = this.#change;
    if (change !== undefined) {
      // What was asked for may come true at any moment; only what was not asked for can be given up.
      if (change.askedIn !== 0) return;
      if (!this.#isMoot(change, nowMs) && nowMs - change.sinceMs < maxBarrierMs) return;
      this.#change = undefined;
      this.#applyRules();
      return;
    }
    if (this.#state.kind === 'holding' || nowMs < this.#planFromMs) return;
    const planned = planMembership({
      self: this.#self,
      members: this.#configuration.members,
      leaseMs: this.#leaseMs,
      leadingForMs: nowMs - Math.max(this.#openedMs, this.#listeningSinceMs),
      isActive: this.#state.kind === 'active',
      lastPosition,
      silentMs: (store) => this.#silentMs(store, nowMs),
      followers: [...this.#followers],
      durableOf: (store) => this.#progress.durableOf(store),
      quorumPosition: this.#progress.position,
      quorumWithout: (store) => this.#progress.reachedBy(this.#ruleAfter({ kind: 'remove', store })),
      laggingBelow: this.#laggingBelow,
    });
    if (planned === undefined) return;
    this.#change = { ...planned, barrier: lastPosition, sinceMs: nowMs, askedIn: 0 };
    this.#applyRules();
  }

  get #laggingBelow(): number {
    return this.#unreplicated.positionBelow(this.#unreplicatedBytesMax * laggingShare);
  }

  /** There is no reason for it any more: whoever was silent is heard, or the other way round; or it lags no more. */
  #isMoot({ kind, store }: MembershipChange, nowMs: number): boolean {
    if (kind === 'add') return !this.#isHeard(store, nowMs);
    const isLagging = this.#progress.durableOf(store) < this.#laggingBelow;
    return !isLagging && !isSilent(this.#silentMs(store, nowMs), this.#leaseMs);
  }

  /** How long a store has granted nothing while this primary listened; infinite when it never has. */
  #silentMs(store: StoreId, nowMs: number): number {
    const silentMs = this.#lease.silentMs(store, nowMs);
    return Number.isFinite(silentMs) ? Math.min(silentMs, nowMs - this.#listeningSinceMs) : silentMs;
  }

  #isHeard(store: StoreId, nowMs: number): boolean {
    return this.#followers.has(store) && !isSilent(this.#silentMs(store, nowMs), this.#leaseMs);
  }

  #applyRules(): void {
    const change = this.#change;
    const rule = this.#rule();
    if (change === undefined) {
      this.#lease.configure([rule]);
      this.#progress.configure([rule]);
      return;
    }
    const rules = [rule, this.#ruleAfter(change)];
    // A follower that hangs must not cost the lease while the change is only wanted.
    this.#lease.configure(change.askedIn === 0 ? [rule] : rules);
    this.#progress.configure(rules);
  }

  #rule(): MemberRule {
    return { members: this.#configuration.members, quorum: this.#configuration.quorum };
  }

  #ruleAfter({ kind, store }: MembershipChange): MemberRule {
    const { members } = this.#configuration;
    const next = kind === 'add' ? [...members, store] : members.filter((member) => member !== store);
    return { members: next, quorum: quorumOf(next.length) };
  }

  #advance(facts: LeadingFacts): readonly LeadingEffect[] {
    const effects: LeadingEffect[] = [];
    this.#unreplicated.onQuorum(this.#progress.position);
    const change = this.#change;
    if (change !== undefined && change.askedIn === 0 && this.#mayAsk(change, facts)) {
      const { epoch } = this.#configuration;
      this.#change = { ...change, askedIn: epoch };
      this.#applyRules();
      effects.push({ kind: 'propose', proposal: { epoch, change: change.kind, store: change.store } });
    }
    switch (this.#state.kind) {
      case 'opening':
        if (this.#progress.position >= this.#openingPosition) {
          this.#state = { kind: 'active' };
          effects.push({ kind: 'activate' });
        }
        return effects;
      case 'holding':
        effects.push(...this.#advanceHold(this.#state, facts));
        return effects;
      case 'active':
      case 'stopped':
        return effects;
      default:
        return unreachable(this.#state);
    }
  }

  /**
   * All that the primary held when it wanted the change is safe on a quorum of the new group, and what it acknowledged
   * since then was safe on both. A larger group must grant the lease already; a smaller one may be asked for without.
   */
  #mayAsk(change: Change, { nowMs, wallMs }: LeadingFacts): boolean {
    const rule = this.#ruleAfter(change);
    if (this.#progress.reachedBy(rule) < change.barrier) return false;
    return change.kind === 'remove' || this.#lease.isHeldBy(rule, nowMs, wallMs);
  }

  /** Nothing is given up by it yet: it acts until it has promised a higher epoch. */
  #advanceHold(
    hold: Extract<LeadingState, { kind: 'holding' }>,
    { lastPosition, nowMs }: LeadingFacts,
  ): readonly LeadingEffect[] {
    if (nowMs - hold.sinceMs > maxHoldMs) {
      this.#state = { kind: 'active' };
      return [{ kind: 'resume' }];
    }
    const level = Math.max(hold.position, lastPosition);
    const isLevel = [hold.to, this.#self].every((store) => this.#progress.durableOf(store) >= level);
    if (!isLevel || hold.announced) return [];
    this.#state = { ...hold, announced: true };
    return [{ kind: 'handed-over', to: hold.to }];
  }
}
