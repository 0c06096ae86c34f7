import type { BeaconResponse, StoreId, Timers } from '@edis/core';
import { backoffMs } from '@edis/core';
import type { Network, NodeChannel } from '@edis/rpc';
import { BeaconAnswerer } from './beacon.ts';

/** Where the beacons come from. */
export interface BeaconTarget {
  readonly address: string;
  readonly primary: StoreId;
  readonly shard: string;
}

export interface BeaconLinkParts {
  readonly store: () => StoreId;
  readonly network: Network;
  readonly timers: Timers;
  readonly random: () => number;
  readonly monotonicMs: () => number;
  readonly onStamp: (stampMs: number) => void;
  /** Whether the lease is granted that the beacon asks for. */
  readonly onBeacon: (beacon: BeaconResponse, primary: StoreId) => boolean;
  /** The primary is heard no longer; it is asked again by itself. */
  readonly onSilent: () => void;
}

/** A primary waits for its lease meanwhile. */
const retryLimits = { baseMs: 15, maxMs: 500 } as const;

/**
 * The beacons of one primary, for as long as it is the one that is followed.
 *
 * On a connection of its own, and not part of following: a member that takes a snapshot, or cuts its log, answers for
 * its old state, and without its grants the primary could not act.
 */
export class BeaconLink {
  readonly #parts: BeaconLinkParts;
  #target: BeaconTarget | undefined;
  #channel: NodeChannel | undefined;
  #answerer: BeaconAnswerer | undefined;
  #cancelRetry: (() => void) | undefined;
  #attempt = 0;

  constructor(parts: BeaconLinkParts) {
    this.#parts = parts;
  }

  /** Listens there from now on; to nobody when undefined. */
  listenTo(target: BeaconTarget | undefined): void {
    const former = this.#target;
    this.#target = target;
    const isSame = former?.address === target?.address && former?.primary === target?.primary;
    if (isSame && this.#answerer !== undefined) return;
    this.#attempt = 0;
    this.#open();
  }

  close(): void {
    this.#target = undefined;
    this.#stop();
  }

  #stop(): void {
    this.#cancelRetry?.();
    this.#answerer?.close();
    this.#answerer = undefined;
    this.#channel?.close();
    this.#channel = undefined;
  }

  #open(): void {
    this.#stop();
    const target = this.#target;
    if (target === undefined) return;
    const { network, timers, monotonicMs, store, onStamp, onBeacon } = this.#parts;
    const channel = network.dial(target.address);
    this.#channel = channel;
    this.#answerer = new BeaconAnswerer(channel, {
      shard: target.shard,
      store: store(),
      timers,
      monotonicMs,
      onStamp,
      onBeacon: (beacon) => {
        this.#attempt = 0;
        return onBeacon(beacon, target.primary);
      },
      onSilent: () => this.#retry(),
    });
  }

  #retry(): void {
    this.#stop();
    this.#attempt += 1;
    const { timers, random, onSilent } = this.#parts;
    this.#cancelRetry = timers.after(backoffMs(this.#attempt, retryLimits, random()), () => this.#open());
    onSilent();
  }
}
