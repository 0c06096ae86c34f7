import type { FollowerEffect, FollowRequest, FollowResponse } from '@edis/core';
import { backoffMs, EdisError, Follower, unreachable } from '@edis/core';
import type { Logger } from '@edis/process';
import type { MessageStream } from '@edis/rpc';
import { RpcChannel } from '@edis/rpc';
import type { Store } from '@edis/store';
import { Beacons } from './beacon.ts';
import { takeSnapshot } from './snapshot-receiver.ts';

/** Where the primary is, and as what the follower introduces itself. */
export interface FollowTarget {
  readonly address: string;
  readonly epoch: number;
  readonly shard: string;
  readonly cluster: string;
}

export interface FollowingParts {
  readonly store: Store;
  readonly node: string;
  readonly logger: Logger;
  readonly random: () => number;
  readonly monotonicMs: () => number;
  /** Fault point: entries count as arrived only that much later. 0: none. */
  readonly replicationDelayMs: number;
  readonly onStream: (epoch: number) => void;
  readonly onShown: () => void;
  readonly onBeacon: (stampMs: number, visiblePosition: number) => void;
  readonly onSnapshot: () => void;
}

/** Entries that may be under way: a few tens of milliseconds of full load. */
const creditBytes = 16 * 1024 * 1024;

/** What is taken in is synced, and thereby acknowledged, in portions of this size or when the store's timer says. */
const syncAfterBytes = creditBytes / 4;

/** grpc's default window of 64 KiB would hold a first sync to a fraction of the speed. */
const flowControlWindowBytes = 4 * 1024 * 1024;

const retryLimits = { baseMs: 50, maxMs: 1000 } as const;

/** How often a follower without room looks again: its applier frees room in steps of some milliseconds. */
const roomCheckMs = 5;

/**
 * Keeps the own store level with the primary's log, for as long as the node lives.
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
  #retryTimer: NodeJS.Timeout | undefined;
  #connection: Connection | undefined;
  #snapshot: AbortController | undefined;
  /** The log is being cut: nothing may be appended meanwhile. */
  #cutting = false;

  constructor(parts: FollowingParts) {
    this.#parts = parts;
  }

  /** Follows there from now on. */
  follow(target: FollowTarget): void {
    const same = this.#target?.address === target.address && this.#target.epoch === target.epoch;
    this.#target = target;
    if (same || this.#closed) return;
    this.#attempt = 0;
    this.#open();
  }

  /** The store synced its log. */
  onSynced(): void {
    this.#connection?.onSynced();
  }

  close(): void {
    this.#closed = true;
    this.#stop();
    this.#snapshot?.abort();
  }

  #stop(): void {
    clearTimeout(this.#retryTimer);
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
      onSnapshotNeeded: () => this.#takeSnapshot(target),
    });
  }

  #retry(reason: string): void {
    this.#stop();
    if (this.#closed) return;
    if (this.#attempt === 0) this.#parts.logger.warn({ event: 'primary-lost', reason }, 'not following; trying again');
    this.#attempt += 1;
    this.#retryTimer = setTimeout(() => this.#open(), backoffMs(this.#attempt, retryLimits, this.#parts.random()));
  }

  #cut(after: number): void {
    this.#stop();
    const { store, logger } = this.#parts;
    logger.warn({ event: 'log-cut', after, last: store.lastEntry.position }, 'entries that the primary lacks are cut');
    this.#cutting = true;
    store.truncateAfter(after).then(
      () => {
        this.#cutting = false;
        this.#open();
      },
      (caught: unknown) => {
        this.#cutting = false;
        this.#retry(EdisError.from(caught).message);
      },
    );
  }

  #takeSnapshot(target: FollowTarget): void {
    this.#stop();
    const { store, logger, onSnapshot } = this.#parts;
    const controller = new AbortController();
    this.#snapshot = controller;
    logger.info({ event: 'snapshot-begun', from: target.address }, 'taking a snapshot');
    const channel = new RpcChannel(target.address, { flowControlWindowBytes });
    takeSnapshot(
      channel,
      store,
      { shard: target.shard, cluster: target.cluster, store: store.identity.store },
      controller.signal,
    )
      .then(
        () => {
          this.#snapshot = undefined;
          logger.info({ event: 'snapshot-done', position: store.lastEntry.position }, 'snapshot installed');
          onSnapshot();
          this.#open();
        },
        (caught: unknown) => {
          this.#snapshot = undefined;
          this.#retry(EdisError.from(caught).message);
        },
      )
      .finally(() => channel.close());
  }
}

interface ConnectionListener {
  onFollowing(): void;
  onLost(reason: string): void;
  onCut(after: number): void;
  onSnapshotNeeded(): void;
}

/** One Follow stream and the beacons beside it. */
class Connection {
  readonly #parts: FollowingParts;
  readonly #listener: ConnectionListener;
  readonly #channel: RpcChannel;
  readonly #stream: MessageStream<FollowRequest, FollowResponse>;
  readonly #follower: Follower;
  readonly #beacons: Beacons;
  #closed = false;
  #unsyncedBytes = 0;
  #acknowledged = 0;
  #roomTimer: NodeJS.Timeout | undefined;
  readonly #delayed = new Set<NodeJS.Timeout>();

  constructor(parts: FollowingParts, target: FollowTarget, listener: ConnectionListener) {
    this.#parts = parts;
    this.#listener = listener;
    const { store, node, monotonicMs } = parts;
    this.#follower = new Follower({
      lastEntry: store.lastEntry,
      viewPosition: store.viewPosition,
      epoch: target.epoch,
    });
    this.#channel = new RpcChannel(target.address, { flowControlWindowBytes });
    this.#stream = this.#channel.follow();
    this.#stream.listen({
      onMessage: (response) => this.#arrive(response),
      onClose: (error) => this.#lost(error?.message ?? 'the primary ended the stream'),
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
    this.#beacons = new Beacons(this.#channel, {
      shard: target.shard,
      store: store.identity.store,
      monotonicMs,
      onBeacon: (response) => {
        if (response.epoch >= target.epoch) parts.onBeacon(response.stampMs, response.visiblePosition);
      },
      onSilent: () => this.#lost('the primary does not answer beacons'),
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#roomTimer);
    for (const timer of this.#delayed) clearTimeout(timer);
    this.#beacons.close();
    this.#stream.cancel();
    this.#channel.close();
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
    const timer = setTimeout(() => {
      this.#delayed.delete(timer);
      this.#onResponse(response);
    }, replicationDelayMs);
    this.#delayed.add(timer);
  }

  #onResponse(response: FollowResponse): void {
    if (this.#closed) return;
    try {
      for (const effect of this.#follower.onResponse(response)) this.#carryOut(effect, response.epoch);
    } catch (caught) {
      this.#lost(EdisError.from(caught).message);
      return;
    }
    if (response.message.kind === 'start' && this.#follower.state.kind === 'following') {
      this.#parts.onStream(response.epoch);
      this.#listener.onFollowing();
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
      case 'cut':
        this.close();
        this.#listener.onCut(effect.after);
        return;
      case 'take-snapshot':
        this.close();
        this.#listener.onSnapshotNeeded();
        return;
      case 'drop':
        logger.debug({ event: 'stream-dropped', reason: effect.reason, epoch }, 'follow stream dropped');
        this.#lost(effect.reason);
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
    if (this.#roomTimer !== undefined || this.#closed || !mustWait()) return;
    this.#stream.pause();
    store.requestSync();
    this.#roomTimer = setInterval(() => {
      if (mustWait()) return;
      clearInterval(this.#roomTimer);
      this.#roomTimer = undefined;
      this.#stream.resume();
    }, roomCheckMs);
  }

  #lost(reason: string): void {
    if (this.#closed) return;
    this.close();
    this.#listener.onLost(reason);
  }
}
