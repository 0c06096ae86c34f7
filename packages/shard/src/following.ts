import type { BeaconResponse, FollowerEffect, FollowRequest, FollowResponse, StoreId, Timers } from '@edis/core';
import { backoffMs, EdisError, Follower, unreachable } from '@edis/core';
import type { Logger } from '@edis/process';
import type { MessageStream, Network, NodeChannel } from '@edis/rpc';
import type { Store } from '@edis/store';
import { BeaconLink } from './beacon-link.ts';
import { takeSnapshot } from './snapshot-receiver.ts';

/** Where the primary is, and as what the follower introduces itself. */
export interface FollowTarget {
  readonly address: string;
  readonly primary: StoreId;
  /** Nothing of a lower one is taken in. */
  readonly epoch: number;
  readonly shard: string;
  readonly cluster: string;
}

export interface FollowingParts {
  readonly store: Store;
  readonly node: string;
  readonly logger: Logger;
  readonly network: Network;
  readonly timers: Timers;
  readonly random: () => number;
  readonly monotonicMs: () => number;
  /** Fault point: entries count as arrived only that much later. 0: none. */
  readonly replicationDelayMs: number;
  /** A stamp of the monotonic clock is sent, to be echoed. */
  readonly onStamp: (stampMs: number) => void;
  /** `openingPosition`: of the entry with which the primary opened the epoch in which it leads. */
  readonly onStream: (epoch: number, openingPosition: number) => void;
  readonly onShown: () => void;
  /**
   * Whether the lease is granted that it asks for. `isFollowing`: its positions are those of the log that is
   * followed.
   */
  readonly onBeacon: (beacon: BeaconResponse, primary: StoreId, isFollowing: boolean) => boolean;
  readonly onSnapshot: () => void;
  /** Entries were cut: less is shown than before. */
  readonly onCut: () => void;
}

/** Entries that may be under way: a few tens of milliseconds of full load. */
const creditBytes = 16 * 1024 * 1024;

/** What is taken in is synced, and thereby acknowledged, in portions of this size or when the store's timer says. */
const syncAfterBytes = creditBytes / 4;

/** grpc's default window of 64 KiB would hold a first sync to a fraction of the speed. */
const flowControlWindowBytes = 4 * 1024 * 1024;

/** Soon at first: a new primary may be about to open its epoch when its followers look for it. */
const retryLimits = { baseMs: 15, maxMs: 1000 } as const;

/** How often a follower without room looks again: its applier frees room in steps of some milliseconds. */
const roomCheckMs = 5;

/**
 * Keeps the own store level with the primary's log, for as long as the node lives and its store is in service.
 *
 * Guarantees: after any interruption it goes on from its last entry; when the log no longer reaches back or disagrees,
 * it takes a snapshot and then follows. Its memory is bounded: without room in the overlay it stops reading, and the
 * primary's log file waits.
 */
export class Following {
  readonly #parts: FollowingParts;
  #target: FollowTarget | undefined;
  #attempt = 0;
  #closed = false;
  #cancelRetry: (() => void) | undefined;
  #connection: Connection | undefined;
  #snapshot: AbortController | undefined;
  /** The log is being cut: nothing may be appended meanwhile. */
  #cutting = false;
  #work: Promise<void> = Promise.resolve();
  readonly #beacons: BeaconLink;

  constructor(parts: FollowingParts) {
    this.#parts = parts;
    this.#beacons = new BeaconLink({
      store: () => parts.store.identity.store,
      network: parts.network,
      timers: parts.timers,
      random: parts.random,
      monotonicMs: parts.monotonicMs,
      onStamp: parts.onStamp,
      onBeacon: (beacon, primary) => parts.onBeacon(beacon, primary, this.#connection?.isFollowing === true),
      onSilent: () => this.#connection?.lost('the primary sends no beacons'),
    });
    // What a store that is out of service has, only the next start of the process can tell.
    parts.store.onFailed(() => this.close());
  }

  /** Follows there from now on. */
  follow(target: FollowTarget): void {
    const former = this.#target;
    this.#target = target;
    if (this.#closed) return;
    this.#beacons.listenTo(target);
    const isSame = former?.address === target.address && former.primary === target.primary;
    // A change of members alone leaves the stream as it is; without one, the news is a reason to try again at once.
    if (isSame && this.#connection !== undefined) return;
    this.#attempt = 0;
    // The snapshot of another primary may never end, and this one needs its followers.
    if (!isSame) this.#snapshot?.abort();
    this.#open();
  }

  /** Follows nobody, until it is told again. A snapshot that is being taken is given up. */
  pause(): void {
    this.#target = undefined;
    this.#beacons.listenTo(undefined);
    this.#stop();
    this.#snapshot?.abort();
  }

  /** Nothing is being changed by what was followed before. */
  async idle(): Promise<void> {
    await this.#work;
  }

  /** The store synced its log. */
  onSynced(): void {
    this.#connection?.onSynced();
  }

  close(): void {
    this.#closed = true;
    this.#beacons.close();
    this.#stop();
    this.#snapshot?.abort();
  }

  #stop(): void {
    this.#cancelRetry?.();
    this.#connection?.close();
    this.#connection = undefined;
  }

  #open(): void {
    this.#stop();
    const target = this.#target;
    if (target === undefined || this.#closed || this.#cutting || this.#snapshot !== undefined) return;
    this.#connection = new Connection(this.#parts, target, {
      onFollowing: () => {
        this.#attempt = 0;
      },
      onLost: (reason) => this.#retry(reason),
      onCut: (after) => this.#cut(after),
      onSnapshotNeeded: (agreed) => this.#takeSnapshot(target, agreed),
    });
  }

  #retry(reason: string): void {
    this.#stop();
    if (this.#closed) return;
    if (this.#attempt === 0) this.#parts.logger.warn({ event: 'primary-lost', reason }, 'not following; trying again');
    this.#attempt += 1;
    const delayMs = backoffMs(this.#attempt, retryLimits, this.#parts.random());
    this.#cancelRetry = this.#parts.timers.after(delayMs, () => this.#open());
  }

  #cut(after: number): void {
    this.#stop();
    const { store, logger, onCut } = this.#parts;
    logger.warn({ event: 'log-cut', after, last: store.lastEntry.position }, 'entries that the primary lacks are cut');
    this.#cutting = true;
    this.#work = store.truncateAfter(after).then(
      () => {
        this.#cutting = false;
        onCut();
        this.#open();
      },
      (caught: unknown) => {
        this.#cutting = false;
        this.#retry(EdisError.from(caught).message);
      },
    );
  }

  /** `agreed`: up to where this log is the primary's; what is above is lost to it, and written down before. */
  #takeSnapshot(target: FollowTarget, agreed: number | undefined): void {
    this.#stop();
    const { store, logger, network, timers, onSnapshot } = this.#parts;
    const controller = new AbortController();
    this.#snapshot = controller;
    logger.info({ event: 'snapshot-begun', from: target.address }, 'taking a snapshot');
    const channel = network.dial(target.address, { flowControlWindowBytes });
    const open = { shard: target.shard, cluster: target.cluster, store: store.identity.store };
    this.#work = takeSnapshot({ channel, store, timers, open, agreed, signal: controller.signal })
      .then(
        () => {
          this.#snapshot = undefined;
          logger.info({ event: 'snapshot-done', position: store.lastEntry.position }, 'snapshot installed');
          onSnapshot();
          this.#open();
        },
        (caught: unknown) => {
          this.#snapshot = undefined;
          // Given up for the sake of another primary, which waits.
          if (controller.signal.aborted) this.#open();
          else this.#retry(EdisError.from(caught).message);
        },
      )
      .finally(() => channel.close());
  }
}

interface ConnectionListener {
  onFollowing(): void;
  onLost(reason: string): void;
  onCut(after: number): void;
  onSnapshotNeeded(agreed: number | undefined): void;
}

/** One Follow stream. */
class Connection {
  readonly #parts: FollowingParts;
  readonly #listener: ConnectionListener;
  readonly #channel: NodeChannel;
  readonly #stream: MessageStream<FollowRequest, FollowResponse>;
  readonly #follower: Follower;
  #closed = false;
  #unsyncedBytes = 0;
  #acknowledged = 0;
  #cancelRoomCheck: (() => void) | undefined;
  readonly #delayed = new Set<() => void>();

  constructor(parts: FollowingParts, target: FollowTarget, listener: ConnectionListener) {
    this.#parts = parts;
    this.#listener = listener;
    const { store, node, network } = parts;
    this.#follower = new Follower({
      lastEntry: store.lastEntry,
      epochs: store.epochs,
      viewPosition: store.viewPosition,
      epoch: target.epoch,
    });
    this.#channel = network.dial(target.address, { flowControlWindowBytes });
    this.#stream = this.#channel.follow();
    this.#stream.listen({
      onMessage: (response) => this.#arrive(response),
      onClose: (error) => this.lost(error?.message ?? 'the primary ended the stream'),
    });
    this.#stream.send({
      kind: 'open',
      shard: target.shard,
      cluster: target.cluster,
      store: store.identity.store,
      node,
      epoch: target.epoch,
      lastEntry: store.lastEntry,
      creditBytes,
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelRoomCheck?.();
    for (const cancel of this.#delayed) cancel();
    this.#stream.cancel();
    this.#channel.close();
  }

  /** The two logs have matched, and what comes is a part of this primary's. */
  get isFollowing(): boolean {
    return !this.#closed && this.#follower.state.kind === 'following';
  }

  /** The store's log is synced up to here: tell the primary, which gives the credit back. */
  onSynced(): void {
    const { store } = this.#parts;
    if (this.#closed || this.#follower.state.kind !== 'following' || store.syncedPosition <= this.#acknowledged) return;
    this.#acknowledged = store.syncedPosition;
    this.#stream.send({
      kind: 'acknowledge',
      durablePosition: store.syncedPosition,
      appliedPosition: store.visiblePosition,
      receivedPosition: store.lastEntry.position,
    });
  }

  #arrive(response: FollowResponse): void {
    const { replicationDelayMs } = this.#parts;
    if (replicationDelayMs === 0) {
      this.#onResponse(response);
      return;
    }
    const cancel = this.#parts.timers.after(replicationDelayMs, () => {
      this.#delayed.delete(cancel);
      this.#onResponse(response);
    });
    this.#delayed.add(cancel);
  }

  #onResponse(response: FollowResponse): void {
    if (this.#closed) return;
    try {
      for (const effect of this.#follower.onResponse(response)) this.#carryOut(effect, response.epoch);
    } catch (caught) {
      this.lost(EdisError.from(caught).message);
      return;
    }
    if (response.message.kind === 'start' && this.#follower.state.kind === 'following') {
      this.#parts.onStream(response.epoch, response.message.epochs.at(-1)?.firstPosition ?? 0);
      this.#listener.onFollowing();
      // What it has is the primary's from here on; how much of that is synced, the primary learns at once.
      this.onSynced();
    }
    this.#holdWithoutRoom();
  }

  #carryOut(effect: FollowerEffect, epoch: number): void {
    const { store, logger, onShown } = this.#parts;
    switch (effect.kind) {
      case 'append': {
        store.appendEncoded(effect.firstPosition, effect.bodies, effect.checksums);
        for (const body of effect.bodies) this.#unsyncedBytes += body.length;
        if (this.#unsyncedBytes >= syncAfterBytes) {
          this.#unsyncedBytes = 0;
          store.requestSync();
        }
        return;
      }
      case 'show':
        store.setVisible(effect.position);
        onShown();
        return;
      case 'sync':
        store.requestSync();
        return;
      case 'cut':
        this.close();
        this.#listener.onCut(effect.after);
        return;
      case 'take-snapshot':
        this.close();
        this.#listener.onSnapshotNeeded(effect.agreed);
        return;
      case 'drop':
        logger.debug({ event: 'stream-dropped', reason: effect.reason, epoch }, 'follow stream dropped');
        this.lost(effect.reason);
        return;
      default:
        unreachable(effect);
    }
  }

  /**
   * Stops reading while the overlay is full and the applier can make room. What is not visible yet it may not fold, and
   * only the stream says what is visible: then waiting would be for ever, and the primary's own bound has to do.
   */
  #holdWithoutRoom(): void {
    const { store } = this.#parts;
    const mustWait = (): boolean => !store.hasRoom() && store.viewPosition < store.visiblePosition;
    if (this.#cancelRoomCheck !== undefined || this.#closed || !mustWait()) return;
    this.#stream.pause();
    store.requestSync();
    this.#cancelRoomCheck = this.#parts.timers.every(roomCheckMs, () => {
      if (mustWait()) return;
      this.#cancelRoomCheck?.();
      this.#cancelRoomCheck = undefined;
      this.#stream.resume();
    });
  }

  lost(reason: string): void {
    if (this.#closed) return;
    this.close();
    this.#listener.onLost(reason);
  }
}
