import type {
  BeaconRequest,
  BeaconResponse,
  Configuration,
  EdisError,
  FollowRequest,
  FollowResponse,
  LeadingEffect,
  LeadingFacts,
  MembershipProposal,
  Outcome,
  Position,
  ReaderState,
  SnapshotRequest,
  SnapshotResponse,
  StoreId,
  Timers,
  Topology,
} from '@edis/core';
import { Admission, HybridClock, LeadingGroup, limits, logicalSteps, unreachable, VisibleWatermark } from '@edis/core';
import type { Logger } from '@edis/process';
import type { MessageStream, ReplicationHandlers } from '@edis/rpc';
import type { Store } from '@edis/store';
import type { BeaconContent } from './beacon.ts';
import { BeaconSender } from './beacon.ts';
import type { Counters } from './counters.ts';
import { FollowerFeed } from './follower-feed.ts';
import { KeyspaceSync, ownOperation } from './keyspace-sync.ts';
import { LogTail } from './log-tail.ts';
import type { ReadingRole } from './reader.ts';
import type { ResultSink } from './result-sink.ts';
import { Safety } from './safety.ts';
import { SnapshotPlaces } from './snapshot-places.ts';
import { SnapshotSender } from './snapshot-sender.ts';
import { Sweeper } from './sweeper.ts';
import { Writer } from './writer.ts';

/** Entries kept in memory for followers that keep up; who is further behind costs a file read. */
const tailBytes = 16 * 1024 * 1024;

/** How often the group is looked after: at least, and in a lease. */
const groupTickMs = 50;
const groupTicksPerLease = 10;

export interface PrimarySideParts {
  readonly store: Store;
  readonly configuration: Configuration;
  readonly counters: Counters;
  readonly logger: Logger;
  readonly timers: Timers;
  readonly queueOperations: number;
  readonly queueBytes: number;
  readonly overlayBytesMax: number;
  readonly wallMs: () => number;
  /** Goes on in a suspend, where the system can tell. */
  readonly monotonicMs: () => number;
  readonly clientCount: () => number;
  readonly cluster: () => string;
  readonly shard: () => string;
  /** It became active, in that epoch. */
  readonly onActive: (epoch: number) => void;
  /** More of the log may be visible. */
  readonly onShown: () => void;
  readonly onPropose: (proposal: MembershipProposal) => void;
  readonly onHandedOver: (epoch: number, to: StoreId) => void;
}

/** What a primary shows of its group's machine: enough to judge what it believes, and when it acts on it. */
export type LeadingView = Pick<LeadingGroup, 'configuration' | 'mayAct' | 'quorumPosition' | 'state'>;

/**
 * What a member does as the primary, from its opening entry to its end: takes writes, moves the watermark, feeds
 * followers, gives snapshots.
 *
 * It acts only while its `LeadingGroup` says so; before that it shows what is visible and refuses everything else.
 * After `abandon` it is over for good; a later promotion makes another one.
 */
export class PrimarySide implements ReadingRole, ReplicationHandlers {
  readonly writer: Writer;
  readonly #parts: PrimarySideParts;
  readonly #group: LeadingGroup;
  readonly #clock: HybridClock;
  readonly #watermark: VisibleWatermark;
  readonly #safety: Safety;
  readonly #admission: Admission;
  readonly #beacons: BeaconSender;
  readonly #tail = new LogTail(tailBytes);
  readonly #feeds = new Set<FollowerFeed>();
  readonly #snapshotPlaces = new SnapshotPlaces();
  readonly #state: PrimaryReaderState;
  readonly #keyspaces: KeyspaceSync;
  readonly #sweeper: Sweeper;
  readonly #openingPosition: number;
  #cancelTick: () => void = () => {};
  #isOver = false;

  constructor(parts: PrimarySideParts) {
    this.#parts = parts;
    const { store, configuration, monotonicMs, wallMs } = parts;
    this.#openingPosition = store.lastEntry.position + 1;
    this.#group = new LeadingGroup({
      self: store.identity.store,
      unreplicatedBytesMax: store.retentionBytesMax,
      configuration,
      openingPosition: this.#openingPosition,
      nowMs: monotonicMs(),
    });
    this.#clock = new HybridClock(store.lastTimestamp);
    this.#watermark = new VisibleWatermark({
      visible: store.visiblePosition,
      last: store.lastEntry.position,
      synced: store.syncedPosition,
    });
    this.#admission = new Admission({ queueOperations: parts.queueOperations, queueBytes: parts.queueBytes });
    this.#safety = new Safety({
      store,
      watermark: this.#watermark,
      group: this.#group,
      mayAnswer: () => this.active,
    });
    this.#state = new PrimaryReaderState(store, () => this.active);
    this.#beacons = new BeaconSender({
      timers: parts.timers,
      leaseMs: configuration.leaseMs,
      shard: parts.shard,
      content: () => this.#beaconContent(),
      onGrant: (follower, number) => this.#onGrant(follower, number),
    });
    this.writer = new Writer({
      store,
      group: this.#group,
      mayWrite: () => this.#group.state.kind === 'active' && this.#group.mayAct(monotonicMs(), wallMs()),
      clock: this.#clock,
      watermark: this.#watermark,
      admission: this.#admission,
      safety: this.#safety,
      counters: parts.counters,
      wallMs,
      monotonicMs,
      clientCount: parts.clientCount,
      onAppended: (position, entry) => {
        if (this.#feeds.size > 0) this.#tail.push(position, entry);
        else this.#tail.clear();
      },
      onProgress: () => this.#onProgress(),
      onUnreadable: (error) =>
        parts.logger.error({ event: 'unreadable', reason: error.message }, 'a stored record can not be read'),
    });
    this.#keyspaces = this.#makeKeyspaceSync();
    this.#sweeper = this.#makeSweeper();
  }

  #makeKeyspaceSync(): KeyspaceSync {
    const { store, logger } = this.#parts;
    return new KeyspaceSync({
      store,
      log: (operations) => this.writer.log(operations),
      onLogged: (created, dropped) => logger.info({ event: 'keyspaces', created, dropped }, 'keyspaces changed'),
    });
  }

  #makeSweeper(): Sweeper {
    const { store, counters, logger, timers, wallMs, overlayBytesMax } = this.#parts;
    return new Sweeper({
      store,
      timers,
      overlayBytesMax,
      active: () => this.active,
      log: (operations) => this.writer.log(operations),
      wallMs,
      onExpired: (count) => {
        counters.expired += count;
      },
      onError: (error) => logger.error({ event: 'sweep-failed', reason: error.message }, 'expired records stay'),
    });
  }

  /** Opens its epoch. It acts once that is safe on a quorum. */
  start(): void {
    this.#openEpoch();
    const { timers, configuration } = this.#parts;
    // With a short lease its own late timers would look like a standstill of its own, in which nobody is silent.
    const tickMs = Math.min(groupTickMs, configuration.leaseMs / groupTicksPerLease);
    this.#cancelTick = timers.every(tickMs, () => this.#tick());
    this.#sweeper.start();
  }

  /** Takes no more writes of clients or of its own; those that were taken are carried out. */
  async stop(): Promise<void> {
    this.writer.stop();
    await this.#sweeper.stop();
  }

  /** Another one is the primary, or will be. Nothing is answered as the primary from here on. */
  abandon(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#group.stop();
    this.#cancelTick();
    this.#beacons.close();
    for (const feed of this.#feeds) feed.refuse('not-primary');
    this.#feeds.clear();
    this.writer.abandon();
    // A sweep that is under way finds that it may not log.
    void this.#sweeper.stop();
  }

  /** To be told before clients can learn that this node knows it. `fromInfo`: it is not what the node remembers. */
  onTopology(topology: Topology, fromInfo: boolean): void {
    this.#keyspaces.onTopology(topology, fromInfo);
  }

  /** It may act in this moment. */
  get active(): boolean {
    const { monotonicMs, wallMs } = this.#parts;
    return this.#group.mayAct(monotonicMs(), wallMs());
  }

  get leading(): LeadingView {
    return this.#group;
  }

  get leaseHeld(): boolean {
    const { monotonicMs, wallMs } = this.#parts;
    return !this.#isOver && this.#group.isLeaseHeld(monotonicMs(), wallMs());
  }

  get epoch(): number {
    return this.#isOver ? 0 : this.#group.configuration.epoch;
  }

  /** Epoch of its log entries. */
  get since(): number {
    return this.#group.since;
  }

  get timestamp(): number {
    return this.#clock.now(this.#parts.wallMs());
  }

  get queueOperations(): number {
    return this.#admission.operations;
  }

  get queueBytes(): number {
    return this.#admission.bytes;
  }

  get followerCount(): number {
    return this.#feeds.size;
  }

  state(): ReaderState {
    return this.#state;
  }

  isReached(position: number): boolean {
    return this.#watermark.isReached(position);
  }

  deliverWhenReached(position: number, sink: ResultSink, request: number, outcome: Outcome): boolean {
    if (this.#safety.isFull) return false;
    this.#safety.wait('memory', position, sink, request, outcome);
    return true;
  }

  /** Under the same primary; `fresh`: the first one of a session with info. */
  onConfiguration(configuration: Configuration, fresh: boolean): void {
    const hadQuorum = this.#group.hasQuorum;
    this.#carryOut(this.#group.onConfiguration(configuration, fresh, this.#facts()));
    if (hadQuorum && !this.#group.hasQuorum) this.writer.giveUpQuorum();
    this.#beacons.send();
    this.#onQuorum();
  }

  onProposalRefused(epoch: number): void {
    this.#carryOut(this.#group.onProposalRefused(epoch, this.#facts()));
    this.#onQuorum();
  }

  /** Info asks for a planned hand-over. */
  handOver(epoch: number, to: StoreId): void {
    if (epoch !== this.#group.configuration.epoch) return;
    this.#carryOut(this.#group.handOver(to, this.#facts()));
    this.#parts.store.requestSync();
    this.#onProgress();
  }

  onSynced(position: number): void {
    this.#watermark.onSynced(position);
    this.#carryOut(this.#group.onSynced(position, this.#facts()));
    this.#onQuorum();
  }

  onFailed(error: EdisError): void {
    this.writer.onFailed(error);
  }

  endFollowing(): void {
    for (const feed of this.#feeds) feed.end();
    this.#beacons.close();
  }

  follow(stream: MessageStream<FollowResponse, FollowRequest>): void {
    const { store, cluster, shard, logger } = this.#parts;
    new FollowerFeed(stream, {
      store,
      tail: this.#tail,
      cluster,
      shard,
      epoch: () => this.epoch,
      syncPosition: () => this.#group.wantedPosition,
      onDurable: (follower, position) => this.#onDurable(follower, position),
      onOpened: (feed) => this.#addFeed(feed),
      onClosed: (feed) => {
        if (this.#feeds.delete(feed)) this.#group.onFollowerGone(feed.store);
        if (!this.#isOver) this.#updateRetention();
      },
      onError: (error) => logger.error({ event: 'feed-failed', reason: error.message }, 'a follower could not be fed'),
    });
  }

  snapshot(stream: MessageStream<SnapshotResponse, SnapshotRequest>): void {
    if (!this.#snapshotPlaces.admit(stream)) return;
    const { store, timers, cluster, shard, logger } = this.#parts;
    new SnapshotSender(stream, {
      store,
      timers,
      cluster,
      shard,
      // Also before it is active: its opening entry may need the one that asks.
      active: () => !this.#isOver,
      onClosed: () => this.#snapshotPlaces.leave(),
      onError: (error) => logger.error({ event: 'snapshot-failed', reason: error.message }, 'a snapshot broke off'),
    });
  }

  beacon(stream: MessageStream<BeaconResponse, BeaconRequest>): void {
    if (!this.#isOver) this.#beacons.add(stream);
    else {
      stream.listen({ onMessage: () => {}, onClose: () => {} });
      stream.end();
    }
  }

  #facts(): LeadingFacts {
    const { store, monotonicMs, wallMs } = this.#parts;
    return { lastPosition: store.lastEntry.position, nowMs: monotonicMs(), wallMs: wallMs() };
  }

  #beaconContent(): BeaconContent | undefined {
    if (this.#isOver) return undefined;
    const number = this.#group.beacon(this.#facts()) ?? 0;
    const { configuration, since, leaseMs } = this.#group;
    return {
      epoch: configuration.epoch,
      since,
      // Not what is visible: a slow `quorum` write holds that back, and behind it others are acknowledged.
      lastPosition: this.#parts.store.lastEntry.position,
      leaseMs: number === 0 ? 0 : leaseMs,
      number,
      isCurrent: this.active,
    };
  }

  #onGrant(follower: StoreId, number: number): void {
    this.#group.onGrant(follower, number);
    this.writer.onProgress();
    this.#keyspaces.settle();
  }

  #onDurable(follower: StoreId, position: number): void {
    this.#carryOut(this.#group.onAcknowledged(follower, position, this.#facts()));
    this.#onQuorum();
  }

  #tick(): void {
    this.#carryOut(this.#group.tick(this.#facts()));
    this.#onQuorum();
    // Here and not with each commit: with a log above its bound, each look at it asks for a sync of the view.
    this.#updateRetention();
  }

  /** What is safe may have moved: here, on the quorum, or what a quorum is. */
  #onQuorum(): void {
    if (this.#isOver) return;
    this.#watermark.onQuorum(this.#group.quorumPosition);
    this.writer.onProgress();
    this.#onProgress();
  }

  #carryOut(effects: readonly LeadingEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'activate':
          this.#watermark.onQuorum(this.#group.quorumPosition);
          this.#keyspaces.sync();
          this.#parts.onActive(this.#group.since);
          break;
        case 'propose':
          this.#parts.logger.info(
            { event: 'proposed', ...effect.proposal },
            'another member, or one less, is asked for',
          );
          this.#parts.onPropose(effect.proposal);
          break;
        case 'handed-over':
          this.#parts.onHandedOver(this.#group.configuration.epoch, effect.to);
          break;
        case 'resume':
          this.#parts.logger.warn({ event: 'hand-over-failed' }, 'the hand-over took too long; it stays the primary');
          break;
        default:
          unreachable(effect);
      }
    }
  }

  /** A new epoch begins with an entry that says so; nothing inherited counts before it is safe on a quorum. */
  #openEpoch(): void {
    const { store, wallMs, monotonicMs, logger } = this.#parts;
    const position = this.#openingPosition;
    const epoch = this.#group.since;
    this.#watermark.holdUntil(position);
    // A power loss may have taken entries whose versions somebody has seen: whatever the wall clock says, none of them
    // is given out again.
    this.#clock.observe(store.lastTimestamp + limits.maxClockAheadMs * logicalSteps);
    store.append({
      position,
      epoch,
      timestamp: this.#clock.take(1, wallMs()),
      operations: [ownOperation],
      completed: new Map(),
    });
    this.#watermark.onAppended(position, 'quorum');
    this.#group.onSyncWanted(position, monotonicMs());
    store.requestSync();
    logger.info({ event: 'epoch-opened', epoch, position }, 'opening a new epoch');
  }

  #addFeed(feed: FollowerFeed): void {
    for (const older of this.#feeds) {
      if (older.store !== feed.store) continue;
      this.#feeds.delete(older);
      older.end();
    }
    this.#feeds.add(feed);
    this.#group.onFollower(feed.store);
    this.#updateRetention();
  }

  #onProgress(): void {
    if (this.#isOver) return;
    this.#parts.store.setVisible(this.#watermark.visible);
    this.#parts.onShown();
    for (const feed of this.#feeds) feed.pump();
  }

  #updateRetention(): void {
    const oldestLosablePosition = this.#group.quorumPosition + 1;
    let oldestFollowerPosition = oldestLosablePosition;
    for (const feed of this.#feeds) oldestFollowerPosition = Math.min(oldestFollowerPosition, feed.durablePosition + 1);
    this.#parts.store.setRetention({ oldestFollowerPosition, oldestLosablePosition });
  }
}

/** Asked once per read: it is a view of the store, made once. */
class PrimaryReaderState implements ReaderState {
  readonly role = 'primary';
  readonly stalenessMs = 0;
  readonly #store: Store;
  readonly #isActive: () => boolean;
  #applied: Position = { epoch: 0, position: 0 };

  constructor(store: Store, isActive: () => boolean) {
    this.#store = store;
    this.#isActive = isActive;
  }

  get active(): boolean {
    return this.#isActive();
  }

  /** An active primary shows its newest writes; before that, what was visible when it started. */
  get applied(): Position {
    const position = this.active ? this.#store.lastEntry.position : this.#store.visiblePosition;
    if (position !== this.#applied.position || this.#applied.epoch === 0) {
      this.#applied = { epoch: this.#store.epochAt(position) ?? 0, position };
    }
    return this.#applied;
  }
}
