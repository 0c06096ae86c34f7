import { unreachable } from './error.ts';
import { GrantedLease } from './granted-lease.ts';
import type { Configuration, Prepare, PromiseAnswer } from './node-message.ts';
import type { Position } from './operation.ts';
import type { StoreId } from './topology.ts';

/**
 * What every member of a shard does for the group, whatever part it plays: it knows the configuration, promises, and
 * stops listening to whoever it promised against (replication.md, "Lease and promise").
 *
 * Guarantees: a promise is durable before it is spoken, it is spoken only to who still asks for it, and from the moment
 * in which it is being made durable nothing of a lower epoch is granted or accepted. While a lease may bind this member
 * it waits, for as long as it takes: a primary that is heard here can not be replaced by somebody who only can not hear
 * it. An acting primary that holds its lease declines, unless it is to be its own successor or hands over. An epoch is
 * led only by the process that promised it. Assumes that effects are carried out in order, and that `onPromiseSaved`
 * and `onStopped` answer the effects that ask for them.
 *
 * The failure that shaped the last: a new primary whose entries were synced on the others, and not yet at home, lost
 * power. Its next process found no entry of its epoch in the log, led that epoch once more, and the others cut off what
 * they had acknowledged.
 */

/** What a member is to do now. Derived from the configuration, never sent as a command. */
export type GroupPart =
  /** It knows of no configuration, waits for its own promotion, or promised an epoch that nobody leads yet. */
  | { readonly kind: 'waiting' }
  | { readonly kind: 'following'; readonly epoch: number; readonly primary: StoreId }
  /** `since`: the epoch of its entries. `epoch`: of the newest configuration, which it names in all it sends. */
  | { readonly kind: 'leading'; readonly epoch: number; readonly since: number };

export type GroupMemberEffect =
  | { readonly kind: 'save-promise'; readonly epoch: number }
  | { readonly kind: 'answer'; readonly answer: PromiseAnswer }
  /** Stop acting as the primary at once, and say `onStopped`. */
  | { readonly kind: 'stop-leading' }
  | { readonly kind: 'play'; readonly part: GroupPart };

export interface GroupMemberOptions {
  readonly self: StoreId;
  /** The last one that was saved. */
  readonly configuration: Configuration | undefined;
  /** The longest lease that it may have granted to that primary, as `longestLeaseMs` says. */
  readonly longestLeaseMs: number;
  /** The highest epoch that was promised. 0: none. */
  readonly promisedEpoch: number;
  readonly startMs: number;
}

/** What the shell knows when it asks. */
export interface MemberFacts {
  readonly lastEntry: Position;
  /** It leads, and its lease is held now. */
  readonly leaseHeld: boolean;
  readonly nowMs: number;
}

type Promising =
  | { readonly kind: 'none' }
  /** What was asked for, and waited for. */
  | { readonly kind: 'saving'; readonly prepare: Prepare }
  /** Saved; the answer waits until the shell has stopped leading. */
  | { readonly kind: 'stopping'; readonly prepare: Prepare };

export class GroupMember {
  readonly #self: StoreId;
  readonly #lease: GrantedLease;
  #configuration: Configuration | undefined;
  #promised: number;
  #promising: Promising = { kind: 'none' };
  /** What info asks for until it is answered or withdrawn. */
  #asked: Prepare | undefined;
  #part: GroupPart = { kind: 'waiting' };
  /** The highest epoch that this process said to have promised. */
  #promisedHere = 0;
  /** The store belongs to no group yet: its own shard is led without a promise. */
  #isNew: boolean;

  constructor(options: GroupMemberOptions) {
    const { self, configuration, longestLeaseMs, promisedEpoch, startMs } = options;
    this.#self = self;
    this.#configuration = configuration;
    this.#promised = promisedEpoch;
    this.#isNew = configuration === undefined && promisedEpoch === 0;
    // Itself, too: it may have granted one to its successor before it could save who that was.
    const formerHolder = configuration?.primary ?? '';
    this.#lease = new GrantedLease({ startMs, formerHolder, longestLeaseMs });
  }

  get part(): GroupPart {
    return this.#part;
  }

  /** The configuration names it as the primary, and it is none before info has its promise and promotes it. */
  get isIdlePrimary(): boolean {
    return this.#configuration?.primary === this.#self && this.#part.kind !== 'leading';
  }

  get configuration(): Configuration | undefined {
    return this.#configuration;
  }

  /** Nothing of a lower epoch is listened to. */
  get fence(): number {
    return this.#promising.kind === 'none' ? this.#promised : Math.max(this.#promised, this.#promising.prepare.epoch);
  }

  get promisedEpoch(): number {
    return this.#promised;
  }

  /** First input: acts on what was known before this start. A former primary waits for its promotion. */
  start(facts: MemberFacts): readonly GroupMemberEffect[] {
    return this.#play(facts);
  }

  /** Info says how the group is made up. The shell saves it; an older one than is known is a late message. */
  onConfiguration(configuration: Configuration, facts: MemberFacts): readonly GroupMemberEffect[] {
    if (this.#configuration !== undefined && configuration.epoch < this.#configuration.epoch) return [];
    this.#configuration = configuration;
    if (configuration.primary !== this.#self) this.#isNew = false;
    if (this.#asked !== undefined && this.#asked.epoch <= configuration.epoch) this.#asked = undefined;
    return this.#play(facts);
  }

  /**
   * A session with info has ended or begun: what was asked on the one before is asked again, or no longer wanted. Kept,
   * it would be answered long after, and end a reign that nobody wants to end.
   */
  onSession(): void {
    this.#asked = undefined;
  }

  /** Info asks for a promise. It asks again at each new session for as long as it wants one. Epoch 0: no longer. */
  onPrepare(prepare: Prepare, facts: MemberFacts): readonly GroupMemberEffect[] {
    if (prepare.epoch === 0) {
      this.#asked = undefined;
      return [];
    }
    if (prepare.epoch < this.fence || prepare.epoch <= (this.#configuration?.epoch ?? 0)) {
      // Too low: info learns what it must exceed.
      return [this.#answer('outdated', facts)];
    }
    if (prepare.releasedBy !== '') this.#lease.onReleased(prepare.releasedBy, prepare.epoch);
    this.#asked = prepare;
    return this.#promising.kind === 'none' ? this.#decide(prepare, facts) : [];
  }

  /**
   * A beacon of the primary: whether this member grants the lease that it asks for. None that is longer than what it
   * would wait for after a restart.
   */
  onBeacon(primary: StoreId, epoch: number, since: number, leaseMs: number, nowMs: number): boolean {
    const configuration = this.#configuration;
    if (configuration === undefined || epoch < this.fence || since < configuration.primarySince) return false;
    if (leaseMs > configuration.leaseMs) return false;
    this.#lease.onGranted(primary, since, nowMs, leaseMs);
    return true;
  }

  /** The promise is durable. */
  onPromiseSaved(facts: MemberFacts): readonly GroupMemberEffect[] {
    if (this.#promising.kind !== 'saving') return [];
    const { prepare } = this.#promising;
    this.#promised = prepare.epoch;
    this.#promisedHere = prepare.epoch;
    if (this.#part.kind === 'leading') {
      this.#promising = { kind: 'stopping', prepare };
      return [{ kind: 'stop-leading' }];
    }
    return this.#spoken(prepare, facts);
  }

  /** The shell no longer acts as the primary: no write is taken, none is under way. */
  onStopped(facts: MemberFacts): readonly GroupMemberEffect[] {
    return this.#promising.kind === 'stopping' ? this.#spoken(this.#promising.prepare, facts) : [];
  }

  tick(facts: MemberFacts): readonly GroupMemberEffect[] {
    const asked = this.#asked;
    if (asked === undefined || this.#promising.kind !== 'none') return [];
    if (this.#part.kind === 'leading' && facts.leaseHeld) return [];
    return this.#decide(asked, facts);
  }

  /** It has been up since the primary that acts since that epoch held its lease, or since before that. */
  isWitness(since: number): boolean {
    return this.#lease.isWitness(since) || (since !== 0 && this.#promisedHere === since);
  }

  #decide(prepare: Prepare, facts: MemberFacts): readonly GroupMemberEffect[] {
    const succeedsItself = prepare.preferred === this.#self || prepare.releasedBy === this.#self;
    if (this.#part.kind === 'leading' && facts.leaseHeld && !succeedsItself) return [this.#answer('declined', facts)];
    // Also if it promised that epoch before: perhaps in favour of the one who may still hold the lease, to an info that
    // is gone; the next info may ask in favour of another with the same number.
    if (this.#part.kind !== 'leading' && facts.nowMs < this.#lease.freeAtMs(prepare.preferred)) return [];
    if (this.#promised === prepare.epoch) return [this.#speak(facts)];
    this.#promising = { kind: 'saving', prepare };
    return [{ kind: 'save-promise', epoch: prepare.epoch }];
  }

  /** What was promised is spoken to whoever still asks for it. */
  #spoken(prepare: Prepare, facts: MemberFacts): readonly GroupMemberEffect[] {
    this.#promising = { kind: 'none' };
    const play = this.#play(facts);
    const asked = this.#asked;
    if (asked === undefined) return play;
    const isSame = asked.epoch === prepare.epoch && asked.preferred === prepare.preferred;
    return isSame ? [...play, this.#speak(facts)] : [...play, ...this.#decide(asked, facts)];
  }

  #speak(facts: MemberFacts): GroupMemberEffect {
    this.#asked = undefined;
    // The process that promised it first was not promoted: that epoch is not asked for any more then.
    this.#promisedHere = this.#promised;
    return this.#answer('promised', facts);
  }

  #answer(kind: PromiseAnswer['kind'], { lastEntry }: MemberFacts): GroupMemberEffect {
    const since = this.#configuration?.primarySince ?? 0;
    // Whoever asks for too low an epoch learns what it must exceed.
    const promisedEpoch = kind === 'outdated' ? Math.max(this.fence, this.#configuration?.epoch ?? 0) : this.#promised;
    return { kind: 'answer', answer: { kind, promisedEpoch, lastEntry, witness: this.isWitness(since) } };
  }

  #play(facts: MemberFacts): readonly GroupMemberEffect[] {
    const next = this.#nextPart(facts);
    if (samePart(this.#part, next)) return [];
    const wasLeading = this.#part.kind === 'leading';
    const staysLeader = wasLeading && next.kind === 'leading' && next.since === this.#partSince();
    this.#part = next;
    const play: GroupMemberEffect = { kind: 'play', part: next };
    return wasLeading && !staysLeader ? [{ kind: 'stop-leading' }, play] : [play];
  }

  #partSince(): number {
    return this.#part.kind === 'leading' ? this.#part.since : 0;
  }

  #nextPart({ lastEntry }: MemberFacts): GroupPart {
    const configuration = this.#configuration;
    if (configuration === undefined || configuration.epoch < this.fence) return { kind: 'waiting' };
    // With entries of a later epoch it followed somebody whom it has forgotten: this primary would cut them off.
    if (configuration.epoch < lastEntry.epoch) return { kind: 'waiting' };
    const { epoch, primary, primarySince } = configuration;
    if (primary !== this.#self) return { kind: 'following', epoch, primary };
    const isOpened = this.#partSince() === primarySince;
    const mayOpen = primarySince > lastEntry.epoch && (this.#isNew || this.#promisedHere === primarySince);
    return isOpened || mayOpen ? { kind: 'leading', epoch, since: primarySince } : { kind: 'waiting' };
  }
}

function samePart(left: GroupPart, right: GroupPart): boolean {
  switch (left.kind) {
    case 'waiting':
      return right.kind === 'waiting';
    case 'following':
      return right.kind === 'following' && right.epoch === left.epoch && right.primary === left.primary;
    case 'leading':
      return right.kind === 'leading' && right.epoch === left.epoch && right.since === left.since;
    default:
      return unreachable(left);
  }
}
