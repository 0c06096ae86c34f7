import type {
  BeaconRequest,
  BeaconResponse,
  FollowRequest,
  FollowResponse,
  MemberRole,
  Position,
  ReaderState,
  SnapshotRequest,
  SnapshotResponse,
} from '@edis/core';
import { EdisError, Staleness } from '@edis/core';
import type { Logger } from '@edis/process';
import type { MessageStream, ReplicationHandlers } from '@edis/rpc';
import type { Store } from '@edis/store';
import type { FollowTarget } from './following.ts';
import { Following } from './following.ts';
import type { ReadingRole } from './reader.ts';

export interface ReplicaSideParts {
  readonly store: Store;
  readonly node: string;
  readonly logger: Logger;
  readonly replicationDelayMs: number;
  readonly random: () => number;
  readonly monotonicMs: () => number;
  /** Served reads before this start: it goes on serving what it has. */
  readonly serving: boolean;
  /** What its reads show moved, or its role changed. */
  readonly onShown: () => void;
  readonly onServing: () => void;
  readonly onSnapshot: () => void;
}

/**
 * What a member does as a follower: keeps level with the primary, and knows how stale it may be.
 *
 * A first copy serves no reads (role `learner`) until it has shown all that was visible at the primary when the copy's
 * stream began; from then on it is a replica for good, also while the primary is away.
 */
export class ReplicaSide implements ReadingRole, ReplicationHandlers {
  readonly #parts: ReplicaSideParts;
  readonly #following: Following;
  readonly #staleness = new Staleness();
  readonly #state: ReplicaReaderState;
  #serving: boolean;
  /** The newest `visible` of the primary that this follower heard of. */
  #primaryVisible = 0;
  #epoch = 0;
  /** Of the primary whose stream it followed last; 0: none yet. */
  #streamEpoch = 0;

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
      random: parts.random,
      monotonicMs: parts.monotonicMs,
      replicationDelayMs: parts.replicationDelayMs,
      onStream: (epoch) => this.#onStream(epoch),
      onShown: () => this.#onShown(),
      onBeacon: (stampMs, visiblePosition) => this.#onBeacon(stampMs, visiblePosition),
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

  get stalenessMs(): number {
    return this.#staleness.stalenessMs(this.#parts.monotonicMs());
  }

  get lagEntries(): number {
    return Math.max(0, this.#primaryVisible - this.#parts.store.visiblePosition);
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

  followTarget(target: FollowTarget): void {
    this.#epoch = Math.max(this.#epoch, target.epoch);
    this.#following.follow(target);
  }

  onSynced(): void {
    this.#following.onSynced();
  }

  close(): void {
    this.#following.close();
  }

  follow(stream: MessageStream<FollowResponse, FollowRequest>): void {
    stream.listen({ onMessage: () => {}, onClose: () => {} });
    stream.send({ message: { kind: 'refused', cause: 'not-primary' }, epoch: this.#epoch, visiblePosition: 0 });
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

  #onStream(epoch: number): void {
    // What another primary's beacons said about its `visible` says nothing about this one's.
    if (epoch !== this.#streamEpoch) this.#staleness.reset(this.#parts.store.visiblePosition);
    this.#streamEpoch = epoch;
    this.#epoch = Math.max(this.#epoch, epoch);
    this.#parts.logger.info({ event: 'following', epoch }, 'following the primary');
  }

  #onShown(): void {
    const { store, onShown } = this.#parts;
    this.#staleness.onApplied(store.visiblePosition);
    this.#updateServing();
    onShown();
  }

  #onBeacon(stampMs: number, visiblePosition: number): void {
    this.#primaryVisible = visiblePosition;
    this.#staleness.onBeacon(stampMs, visiblePosition);
    this.#updateServing();
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
    if (position !== this.#applied.position || this.#applied.epoch === 0) {
      this.#applied = { epoch: this.#store.epochAt(position) ?? 0, position };
    }
    return this.#applied;
  }
}
