import type {
  BeaconResponse,
  Configuration,
  GroupMemberEffect,
  GroupPart,
  MemberFacts,
  NodeMessage,
  Prepare,
  StoreId,
} from '@edis/core';
import { EdisError, GroupMember, longestLeaseMs, networkOf, pickEndpoint, unreachable } from '@edis/core';
import type { Logger } from '@edis/process';
import type { Store } from '@edis/store';
import type { CurrentSide } from './current-side.ts';
import type { Ownership } from './ownership.ts';
import type { PrimarySide } from './primary-side.ts';
import type { ReplicaSide } from './replica-side.ts';

export interface MemberGroupParts {
  readonly store: Store;
  readonly logger: Logger;
  readonly ownership: Ownership;
  readonly replica: ReplicaSide;
  readonly current: CurrentSide;
  readonly monotonicMs: () => number;
  readonly makePrimary: (configuration: Configuration) => PrimarySide;
  /** To info. False: there is no session, and nobody will hear it. */
  readonly say: (message: NodeMessage) => boolean;
  readonly onSideChanged: () => void;
  /** It waits, follows or leads from now on, or does so in another epoch. */
  readonly onPart: () => void;
  readonly onFailed: (error: EdisError) => void;
}

/**
 * Carries out what the group's machine decides: saves promises and configurations, and turns a replica into the primary
 * and back.
 *
 * Guarantees that nobody is followed, and no lease granted, under a configuration that is not safe on this disk: a
 * member that forgot whom it followed would promise too early. What takes time is done one after the other.
 */
export class MemberGroup {
  readonly #parts: MemberGroupParts;
  readonly #group: GroupMember;
  #work: Promise<void> = Promise.resolve();
  /** The info address that the newest news came from. */
  #dialled = '';
  #closed = false;
  /** Begins and ends of sessions with info so far, and whether the first configuration of the last one was acted on. */
  #session = 0;
  #isCurrent = false;

  constructor(parts: MemberGroupParts) {
    this.#parts = parts;
    const { identity } = parts.store;
    this.#group = new GroupMember({
      self: identity.store,
      configuration: identity.configuration,
      longestLeaseMs: identity.longestLeaseMs,
      promisedEpoch: identity.promisedEpoch,
      startMs: parts.monotonicMs(),
    });
  }

  get configuration(): Configuration | undefined {
    return this.#group.configuration;
  }

  /** The highest epoch that was promised, or is being. */
  get promisedEpoch(): number {
    return this.#group.fence;
  }

  /** Of any configuration that it knows. */
  get knownEpoch(): number {
    return this.#group.configuration?.epoch ?? 0;
  }

  /** It neither leads nor follows. */
  get isWaiting(): boolean {
    return this.#group.part.kind === 'waiting';
  }

  /** It is to be promoted once more before the shard takes writes. */
  get isIdlePrimary(): boolean {
    return this.#group.isIdlePrimary;
  }

  /** @param dialled an info address, to know which network this node is in */
  start(dialled: string): void {
    this.#dialled = dialled;
    this.#carryOut(this.#group.start(this.#facts()));
  }

  close(): void {
    this.#closed = true;
  }

  /** A session with info has begun, or ended. */
  onSession(): void {
    this.#session += 1;
    this.#isCurrent = false;
    this.#group.onSession();
  }

  /**
   * What a primary says to info about the group. Not before the session's first configuration was acted on, by which
   * the outcome of what was said on the session before is known: it would be taken for the outcome of this, too.
   */
  say(message: NodeMessage): void {
    if (this.#isCurrent) this.#parts.say(message);
  }

  /** Where the primary is may depend on which network this node is in. */
  onTopology(dialled: string): void {
    this.#dialled = dialled;
    this.#follow(this.#group.part);
  }

  /** `fresh`: the first one of a session. */
  onConfiguration(configuration: Configuration, dialled: string, fresh: boolean): void {
    this.#dialled = dialled;
    const { current } = this.#parts;
    const session = this.#session;
    this.#enqueue(async () => {
      const isKnown = configuration.epoch < this.knownEpoch;
      const saved = isKnown ? Promise.resolve() : this.#save(configuration);
      if (this.#beginsReign(configuration)) this.#enqueueBehind(saved);
      else await saved;
      if (this.#closed) return;
      // One that waited here until its session had ended says nothing about what was asked in the next.
      const isFresh = fresh && session === this.#session;
      this.#isCurrent ||= isFresh;
      this.#carryOut(this.#group.onConfiguration(configuration, this.#facts()));
      if (this.#group.part.kind === 'leading') current.primary?.onConfiguration(configuration, isFresh);
    });
  }

  #save(configuration: Configuration): Promise<void> {
    const { store } = this.#parts;
    return store.saveIdentity({ configuration, longestLeaseMs: longestLeaseMs(store.identity, configuration) });
  }

  /**
   * It promised that epoch and is to lead it. What it would forget with its power is that it led, and a promise without
   * its configuration leads nowhere: so its opening entry may be under way to the others meanwhile.
   */
  #beginsReign({ primary, primarySince }: Configuration): boolean {
    const { promisedEpoch, part } = this.#group;
    return primary === this.#parts.store.identity.store && primarySince === promisedEpoch && part.kind === 'waiting';
  }

  onPrepare(prepare: Prepare): void {
    const { logger } = this.#parts;
    if (prepare.epoch !== 0) logger.info({ event: 'promise-asked', ...prepare }, 'info asks for a promise');
    const session = this.#session;
    // Behind the configurations that came before it; once its session has ended it is asked again, or not wanted.
    this.#enqueue(() => {
      if (session === this.#session) this.#carryOut(this.#group.onPrepare(prepare, this.#facts()));
      return Promise.resolve();
    });
  }

  /** Whether the lease is granted that a beacon asks for. */
  onBeacon(primary: StoreId, { epoch, since, leaseMs }: BeaconResponse): boolean {
    return leaseMs > 0 && this.#group.onBeacon(primary, epoch, since, leaseMs, this.#parts.monotonicMs());
  }

  tick(): void {
    this.#carryOut(this.#group.tick(this.#facts()));
  }

  #facts(): MemberFacts {
    const { store, current, monotonicMs } = this.#parts;
    return {
      lastEntry: store.lastEntry,
      leaseHeld: current.primary?.leaseHeld === true,
      nowMs: monotonicMs(),
    };
  }

  /** What comes later waits for it; what this turn enqueues does not. */
  #enqueueBehind(saved: Promise<void>): void {
    queueMicrotask(() => this.#enqueue(() => saved));
    saved.catch((caught: unknown) => this.#parts.onFailed(EdisError.from(caught)));
  }

  #enqueue(work: () => Promise<void>): void {
    this.#work = this.#work
      .then(() => (this.#closed ? undefined : work()))
      .catch((caught: unknown) => this.#parts.onFailed(EdisError.from(caught)));
  }

  #carryOut(effects: readonly GroupMemberEffect[]): void {
    for (const effect of effects) this.#carryOutOne(effect);
  }

  #carryOutOne(effect: GroupMemberEffect): void {
    const { store, logger, say } = this.#parts;
    switch (effect.kind) {
      case 'save-promise':
        this.#promise(effect.epoch);
        return;
      case 'answer':
        logger.info({ event: 'promise-answered', ...effect.answer }, `answered info: ${effect.answer.kind}`);
        say({ kind: 'promise', answer: effect.answer });
        return;
      case 'stop-leading':
        this.#stopLeading();
        this.#carryOut(this.#group.onStopped(this.#facts()));
        return;
      case 'play':
        logger.info({ event: 'part', ...effect.part, store: store.identity.store }, `now ${effect.part.kind}`);
        this.#play(effect.part);
        this.#parts.onPart();
        return;
      default:
        unreachable(effect);
    }
  }

  /** From here on nothing of a lower epoch is taken in; the promise is spoken when it is durable. */
  #promise(epoch: number): void {
    const { store, replica } = this.#parts;
    // At once, and not in its turn: the fence stands from this moment.
    const paused = replica.pause();
    this.#enqueue(async () => {
      await paused;
      await store.saveIdentity({ promisedEpoch: epoch });
      this.#carryOut(this.#group.onPromiseSaved(this.#facts()));
    });
  }

  #play(part: GroupPart): void {
    switch (part.kind) {
      case 'waiting':
        void this.#parts.replica.pause();
        return;
      case 'following':
        this.#follow(part);
        return;
      case 'leading':
        this.#lead(part.since);
        return;
      default:
        unreachable(part);
    }
  }

  /** A part that changes only its epoch goes on as it is. */
  #lead(since: number): void {
    const { current, replica } = this.#parts;
    if (current.primary?.since === since) return;
    this.#enqueue(async () => {
      await replica.pause();
      this.#open(since);
    });
  }

  #open(since: number): void {
    const { part, configuration, fence } = this.#group;
    // Something else may have been decided meanwhile.
    if (configuration === undefined || part.kind !== 'leading' || part.since !== since || fence > part.epoch) return;
    const { current, makePrimary, onSideChanged } = this.#parts;
    const side = makePrimary(configuration);
    current.become({ kind: 'primary', side });
    side.start();
    onSideChanged();
  }

  #stopLeading(): void {
    const { current, replica, logger, onSideChanged } = this.#parts;
    const { primary } = current;
    if (primary === undefined) return;
    const { epoch } = primary;
    replica.resume(epoch);
    current.become({ kind: 'replica', side: replica });
    primary.abandon();
    logger.info({ event: 'primary-ended', epoch }, 'the primary no longer');
    onSideChanged();
  }

  #follow(part: GroupPart): void {
    const { configuration, fence } = this.#group;
    if (part.kind !== 'following' || configuration === undefined || fence > configuration.epoch) return;
    const { topology, shard } = this.#parts.ownership;
    if (topology === undefined || shard === '') return;
    const endpoint = pickEndpoint(configuration.primaryEndpoints, networkOf(topology, this.#dialled));
    if (endpoint === undefined) return;
    this.#parts.replica.followTarget({
      address: endpoint.address,
      primary: configuration.primary,
      // Of members alone the primary may learn later than this node.
      epoch: Math.max(configuration.primarySince, fence),
      shard,
      cluster: topology.cluster,
    });
  }
}
