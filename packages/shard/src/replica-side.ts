import type {
  BeaconRequest,
  BeaconResponse,
  FollowRequest,
  FollowResponse,
  MemberRole,
  Outcome,
  Position,
  ReaderState,
  SnapshotRequest,
  SnapshotResponse,
  StoreId,
  Timers,
} from '@edis/core';
import { EdisError, Staleness } from '@edis/core';
import type { Logger } from '@edis/process';
import type { MessageStream, Network, ReplicationHandlers } from '@edis/rpc';
import type { Store } from '@edis/store';
import type { FollowTarget } from './following.ts';
import { Following } from './following.ts';
import type { ReadingRole } from './reader.ts';
import type { ResultSink } from './result-sink.ts';

export interface ReplicaSideParts {
  readonly store: Store;
  readonly node: string;
  readonly logger: Logger;
  readonly network: Network;
  readonly timers: Timers;
  readonly replicationDelayMs: number;
  readonly random: () => number;
  /** Goes on in a suspend, where the system can tell. */
  readonly monotonicMs: () => number;
  readonly wallMs: () => number;
  /** Served reads before this start: it goes on serving what it has. */
  readonly serving: boolean;
  /** What its reads show moved, or its role changed. */
  readonly onShown: () => void;
  readonly onServing: () => void;
  /** Whether the lease is granted that a beacon of that primary asks for. */
  readonly onLease: (primary: StoreId, beacon: BeaconResponse) => boolean;
  readonly onSnapshot: () => void;
}

/**
 * What a member does as a follower: keeps level with the primary, and knows how stale it may be.
 *
 * A first copy serves no reads (role `learner`) until it has shown all that the primary's log had when the copy's
 * stream began; from then on it is a replica for good, also while the primary is away.
 */
export class ReplicaSide implements ReadingRole, ReplicationHandlers {
  readonly #parts: ReplicaSideParts;
  readonly #following: Following;
  readonly #staleness = new Staleness();
  readonly #state: ReplicaReaderState;
  #serving: boolean;
  /** The newest last entry of the primary that this follower heard of. */
  #primaryLast = 0;
  #epoch = 0;
  /** Of the primary whose stream it followed last; 0: none yet. */
  #streamEpoch = 0;
  /** This log keeps what the primary that it follows may lose, until that entry is visible; undefined: it is. */
  #openingPosition: number | undefined;

  constructor(parts: ReplicaSideParts) {
    this.#parts = parts;
    const { store } = parts;
    this.#serving = parts.serving;
    this.#staleness.reset(store.visiblePosition);
    this.#state = new ReplicaReaderState(
      store,
      () => this.role,
      () => this.stalenessMs,
    );
    this.#following = new Following({
      store,
      node: parts.node,
      logger: parts.logger,
      network: parts.network,
      timers: parts.timers,
      random: parts.random,
      monotonicMs: parts.monotonicMs,
      replicationDelayMs: parts.replicationDelayMs,
      onStamp: (stampMs) => this.#staleness.onStamp(stampMs, parts.wallMs()),
      onStream: (epoch, openingPosition) => this.#onStream(epoch, openingPosition),
      onShown: () => this.#onShown(),
      onBeacon: (beacon, primary, isFollowing) => this.#onBeacon(beacon, primary, isFollowing),
      onCut: () => this.#staleness.reset(store.visiblePosition),
      onSnapshot: () => {
        parts.onSnapshot();
        this.#staleness.reset(store.visiblePosition);
        this.#onShown();
      },
    });
  }

  get role(): MemberRole {
    return this.#serving ? 'replica' : 'learner';
  }

  get serving(): boolean {
    return this.#serving;
  }

  /** It follows, and has shown what the primary's log had when a beacon was sent. */
  get isLevel(): boolean {
    return this.stalenessMs < Number.MAX_SAFE_INTEGER;
  }

  get stalenessMs(): number {
    const { monotonicMs, wallMs } = this.#parts;
    return this.#staleness.stalenessMs(monotonicMs(), wallMs());
  }

  get lagEntries(): number {
    return Math.max(0, this.#primaryLast - this.#parts.store.visiblePosition);
  }

  get epoch(): number {
    return this.#epoch;
  }

  state(): ReaderState {
    return this.#state;
  }

  /** A replica shows only what is visible, which is reached. */
  isReached(): boolean {
    return true;
  }

  /** Nothing is waited for here. */
  deliverWhenReached(_position: number, sink: ResultSink, request: number, outcome: Outcome): boolean {
    sink.deliver(request, outcome);
    return true;
  }

  followTarget(target: FollowTarget): void {
    this.#epoch = Math.max(this.#epoch, target.epoch);
    this.#following.follow(target);
  }

  /** Takes in nothing, from nobody. Resolves when nothing of it is being changed any more. */
  async pause(): Promise<void> {
    this.#following.pause();
    await this.#following.idle();
  }

  /** It was the primary: it has a whole copy, and what was shown is shown on. */
  resume(epoch: number): void {
    this.#serving = true;
    this.#epoch = Math.max(this.#epoch, epoch);
    this.#staleness.reset(this.#parts.store.visiblePosition);
  }

  onSynced(): void {
    this.#following.onSynced();
  }

  close(): void {
    this.#following.close();
  }

  follow(stream: MessageStream<FollowResponse, FollowRequest>): void {
    stream.listen({ onMessage: () => {}, onClose: () => {} });
    stream.send({
      message: { kind: 'refused', cause: 'not-primary' },
      epoch: this.#epoch,
      visiblePosition: 0,
      syncPosition: 0,
    });
    stream.end();
  }

  snapshot(stream: MessageStream<SnapshotResponse, SnapshotRequest>): void {
    stream.listen({ onMessage: () => {}, onClose: () => {} });
    stream.cancel(new EdisError('protocol', 'this node is not the primary'));
  }

  beacon(stream: MessageStream<BeaconResponse, BeaconRequest>): void {
    stream.listen({ onMessage: () => {}, onClose: () => {} });
    stream.end();
  }

  #onStream(epoch: number, openingPosition: number): void {
    // What another primary's beacons said about its log says nothing about this one's.
    if (epoch !== this.#streamEpoch) this.#staleness.reset(this.#parts.store.visiblePosition);
    this.#streamEpoch = epoch;
    this.#epoch = Math.max(this.#epoch, epoch);
    this.#openingPosition = openingPosition;
    this.#releaseLog();
    this.#parts.logger.info({ event: 'following', epoch }, 'following the primary');
  }

  /**
   * All of this log is in the primary's, but that may not come to be active, and another one lead without it. Once its
   * opening entry is visible, all before that is on a quorum, and what comes after it the primary keeps itself.
   */
  #releaseLog(): void {
    const { store } = this.#parts;
    if (this.#openingPosition === undefined || store.visiblePosition < this.#openingPosition) return;
    this.#openingPosition = undefined;
    const none = Number.MAX_SAFE_INTEGER;
    store.setRetention({ oldestFollowerPosition: none, oldestLosablePosition: none });
  }

  #onShown(): void {
    const { store, onShown } = this.#parts;
    this.#releaseLog();
    this.#staleness.onApplied(store.visiblePosition);
    this.#updateServing();
    onShown();
  }

  #onBeacon(beacon: BeaconResponse, primary: StoreId, isFollowing: boolean): boolean {
    const isGranted = this.#parts.onLease(primary, beacon);
    // What a primary says that this member promised against, or one without a lease, is not known to be the newest; and
    // before the logs have matched, its positions are not those of this log.
    if (isGranted && isFollowing && beacon.stampMs > 0) {
      this.#primaryLast = beacon.lastPosition;
      this.#staleness.onBeacon(beacon.stampMs, beacon.lastPosition);
      this.#updateServing();
    }
    return isGranted;
  }

  /** Level with a beacon once: the first copy is complete. */
  #updateServing(): void {
    if (this.#serving || this.stalenessMs === Number.MAX_SAFE_INTEGER) return;
    this.#serving = true;
    this.#parts.onServing();
  }
}

/** Asked once per read: it is a view of the store, made once. */
class ReplicaReaderState implements ReaderState {
  readonly active = false;
  readonly #store: Store;
  readonly #role: () => MemberRole;
  readonly #stalenessMs: () => number;
  #applied: Position = { epoch: 0, position: 0 };

  constructor(store: Store, role: () => MemberRole, stalenessMs: () => number) {
    this.#store = store;
    this.#role = role;
    this.#stalenessMs = stalenessMs;
  }

  get role(): MemberRole {
    return this.#role();
  }

  get stalenessMs(): number {
    return this.#stalenessMs();
  }

  get applied(): Position {
    const position = this.#store.visiblePosition;
    // The same position has another entry after a cut.
    const epoch = this.#store.epochAt(position) ?? 0;
    if (position !== this.#applied.position || epoch !== this.#applied.epoch) this.#applied = { epoch, position };
    return this.#applied;
  }
}
