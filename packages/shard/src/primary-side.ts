import type {
  BeaconRequest,
  BeaconResponse,
  Configuration,
  FollowRequest,
  FollowResponse,
  Position,
  ReaderState,
  SnapshotRequest,
  SnapshotResponse,
  Topology,
} from '@edis/core';
import { Admission, EdisError, HybridClock, limits, logicalSteps, Primary, VisibleWatermark } from '@edis/core';
import type { Logger } from '@edis/process';
import type { MessageStream, ReplicationHandlers } from '@edis/rpc';
import type { Store } from '@edis/store';
import type { Acknowledgements } from './acknowledgements.ts';
import { answerBeacons } from './beacon.ts';
import type { Counters } from './counters.ts';
import { FollowerFeed } from './follower-feed.ts';
import { KeyspaceSync, ownOperation } from './keyspace-sync.ts';
import { LogTail } from './log-tail.ts';
import type { ReadingRole } from './reader.ts';
import { SnapshotSender } from './snapshot-sender.ts';
import { Sweeper } from './sweeper.ts';
import { Writer } from './writer.ts';

/** Entries kept in memory for followers that keep up; who is further behind costs a file read. */
const tailBytes = 16 * 1024 * 1024;

/** Snapshots sent at once: each pins the log and reads the whole view. */
const maxSnapshots = 2;

export interface PrimarySideParts {
  readonly store: Store;
  readonly acknowledgements: Acknowledgements;
  readonly counters: Counters;
  readonly logger: Logger;
  readonly queueOperations: number;
  readonly queueBytes: number;
  readonly overlayBytesMax: number;
  readonly wallMs: () => number;
  readonly monotonicMs: () => number;
  readonly clientCount: () => number;
  readonly cluster: () => string;
  readonly shard: () => string;
  /** It became active, in that epoch. */
  readonly onActive: (epoch: number) => void;
  /** More of the log may be visible. */
  readonly onShown: () => void;
}

/**
 * What a member does as the primary: takes writes, moves the watermark, feeds followers, gives snapshots.
 *
 * It acts only while its `Primary` machine says so; before that it shows what is visible and refuses everything else.
 */
export class PrimarySide implements ReadingRole, ReplicationHandlers {
  readonly writer: Writer;
  readonly #parts: PrimarySideParts;
  readonly #primary: Primary;
  readonly #clock: HybridClock;
  readonly #watermark: VisibleWatermark;
  readonly #admission: Admission;
  readonly #tail = new LogTail(tailBytes);
  readonly #feeds = new Set<FollowerFeed>();
  readonly #state: PrimaryReaderState;
  readonly #keyspaces: KeyspaceSync;
  readonly #sweeper: Sweeper;
  #snapshots = 0;

  constructor(parts: PrimarySideParts) {
    this.#parts = parts;
    const { store } = parts;
    this.#primary = new Primary(store.identity.store, store.lastEntry.epoch);
    this.#clock = new HybridClock(store.lastTimestamp);
    this.#watermark = new VisibleWatermark({
      visible: store.visiblePosition,
      last: store.lastEntry.position,
      synced: store.syncedPosition,
    });
    this.#admission = new Admission({ queueOperations: parts.queueOperations, queueBytes: parts.queueBytes });
    this.#state = new PrimaryReaderState(store, this.#primary);
    this.writer = new Writer({
      store,
      primary: this.#primary,
      clock: this.#clock,
      watermark: this.#watermark,
      admission: this.#admission,
      acknowledgements: parts.acknowledgements,
      counters: parts.counters,
      wallMs: parts.wallMs,
      monotonicMs: parts.monotonicMs,
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
    const { store, counters, logger, wallMs, overlayBytesMax } = this.#parts;
    return new Sweeper({
      store,
      overlayBytesMax,
      active: () => this.#primary.active,
      log: (operations) => this.writer.log(operations),
      wallMs,
      onExpired: (count) => {
        counters.expired += count;
      },
      onError: (error) => logger.error({ event: 'sweep-failed', reason: error.message }, 'expired records stay'),
    });
  }

  /** Begins to remove what is expired or dropped, whenever it is active. */
  start(): void {
    this.#sweeper.start();
  }

  /** Takes no more writes of clients or of its own; those that were taken are carried out. */
  async stop(): Promise<void> {
    this.writer.stop();
    await this.#sweeper.stop();
  }

  /** To be told before clients can learn that this node knows it. `fromInfo`: it is not what the node remembers. */
  onTopology(topology: Topology, fromInfo: boolean): void {
    this.#keyspaces.onTopology(topology, fromInfo);
  }

  get active(): boolean {
    return this.#primary.active;
  }

  get epoch(): number {
    return this.#primary.epoch;
  }

  get timestamp(): number {
    return this.#clock.last;
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

  onConfiguration(configuration: Configuration): void {
    for (const effect of this.#primary.onConfiguration(configuration)) this.#openEpoch(effect.epoch);
  }

  onSynced(position: number): void {
    this.#watermark.onSynced(position);
    if (this.#primary.onSynced(position)) {
      this.#keyspaces.sync();
      this.#parts.onActive(this.#primary.epoch);
    }
    this.writer.onSynced(position);
    this.#onProgress();
  }

  onFailed(error: EdisError): void {
    this.writer.onFailed(error);
  }

  endFeeds(): void {
    for (const feed of this.#feeds) feed.end();
  }

  follow(stream: MessageStream<FollowResponse, FollowRequest>): void {
    const { store, cluster, shard, logger } = this.#parts;
    new FollowerFeed(stream, {
      store,
      tail: this.#tail,
      cluster,
      shard,
      activeEpoch: () => (this.#primary.active ? this.#primary.epoch : 0),
      onOpened: (feed) => this.#addFeed(feed),
      onClosed: (feed) => {
        this.#feeds.delete(feed);
        this.#updateRetention();
      },
      onError: (error) => logger.error({ event: 'feed-failed', reason: error.message }, 'a follower could not be fed'),
    });
  }

  snapshot(stream: MessageStream<SnapshotResponse, SnapshotRequest>): void {
    if (this.#snapshots >= maxSnapshots) {
      stream.listen({ onMessage: () => {}, onClose: () => {} });
      stream.cancel(new EdisError('busy', `${maxSnapshots} snapshots are being sent already`));
      return;
    }
    this.#snapshots += 1;
    const { store, cluster, shard, logger } = this.#parts;
    new SnapshotSender(stream, {
      store,
      cluster,
      shard,
      active: () => this.#primary.active,
      onClosed: () => {
        this.#snapshots -= 1;
      },
      onError: (error) => logger.error({ event: 'snapshot-failed', reason: error.message }, 'a snapshot broke off'),
    });
  }

  beacon(stream: MessageStream<BeaconResponse, BeaconRequest>): void {
    answerBeacons(stream, {
      activeEpoch: () => (this.#primary.active ? this.#primary.epoch : 0),
      visiblePosition: () => this.#parts.store.visiblePosition,
      shard: this.#parts.shard,
    });
  }

  /** A new epoch begins with an entry that says so; nothing inherited counts before it is synced. */
  #openEpoch(epoch: number): void {
    const { store, wallMs, logger } = this.#parts;
    const position = store.lastEntry.position + 1;
    this.#watermark.holdUntil(position);
    // A power loss may have taken entries whose versions somebody has seen: whatever the wall clock says, none of them
    // is given out again.
    this.#clock.observe(store.lastTimestamp + limits.maxClockAheadMs * logicalSteps);
    this.#primary.onOpened(epoch, position);
    const entry = store.append({
      position,
      epoch,
      timestamp: this.#clock.take(1, wallMs()),
      operations: [ownOperation],
      completed: new Map(),
    });
    this.#watermark.onAppended(position, true);
    if (this.#feeds.size > 0) this.#tail.push(position, entry);
    store.requestSync();
    logger.info({ event: 'epoch-opened', epoch, position }, 'opening a new epoch');
  }

  #addFeed(feed: FollowerFeed): void {
    for (const older of this.#feeds) {
      if (older.store !== feed.store) continue;
      older.end();
      this.#feeds.delete(older);
    }
    this.#feeds.add(feed);
    this.#updateRetention();
  }

  #onProgress(): void {
    this.#parts.store.setVisible(this.#watermark.visible);
    this.#parts.onShown();
    for (const feed of this.#feeds) feed.pump();
    if (this.#feeds.size > 0) this.#updateRetention();
  }

  #updateRetention(): void {
    let oldest = Number.MAX_SAFE_INTEGER;
    for (const feed of this.#feeds) oldest = Math.min(oldest, feed.durablePosition + 1);
    this.#parts.store.setRetention({ oldestFollowerPosition: oldest });
  }
}

/** Asked once per read: it is a view of the store, made once. */
class PrimaryReaderState implements ReaderState {
  readonly role = 'primary';
  readonly stalenessMs = 0;
  readonly #store: Store;
  readonly #primary: Primary;
  #applied: Position = { epoch: 0, position: 0 };

  constructor(store: Store, primary: Primary) {
    this.#store = store;
    this.#primary = primary;
  }

  get active(): boolean {
    return this.#primary.active;
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
