import type { BeaconRequest, BeaconResponse, Timers } from '@edis/core';
import type { MessageStream, NodeChannel } from '@edis/rpc';

/**
 * How often a primary asks for its lease. A follower's stamp comes back with the next beacon, so that it takes itself
 * for up to twice as old as this: with 250 ms half of the reads within 400 ms went to the primary.
 */
const beaconMs = 125;

/** At least: a short lease must not end between two beacons, nor may a member seem silent. */
const beaconsPerLease = 8;

/** Without a beacon for that long the primary counts as lost: a stopped process keeps its connections open. */
const silentAfterMs = 3000;
const silenceCheckMs = 250;

/** What the primary puts into its beacons as of now; undefined: it acts no more. */
export interface BeaconContent {
  readonly epoch: number;
  readonly since: number;
  readonly lastPosition: number;
  readonly leaseMs: number;
  /** 0: no lease is asked for. */
  readonly number: number;
  /** What is visible is known to be the newest: the primary holds its lease. */
  readonly isCurrent: boolean;
}

export interface BeaconSenderParts {
  readonly timers: Timers;
  readonly leaseMs: number;
  readonly shard: () => string;
  readonly content: () => BeaconContent | undefined;
  readonly onGrant: (store: string, number: number) => void;
}

interface Listener {
  readonly stream: MessageStream<BeaconResponse, BeaconRequest>;
  stampMs: number;
}

/**
 * The primary's side: asks all its followers for the lease at its interval, and tells them what is visible.
 *
 * A follower's stamp is echoed only under a held lease: who has been replaced must not make a replica believe that it
 * is up to date.
 */
export class BeaconSender {
  readonly #parts: BeaconSenderParts;
  readonly #listeners = new Set<Listener>();
  readonly #cancelTimer: () => void;

  constructor(parts: BeaconSenderParts) {
    this.#parts = parts;
    const intervalMs = Math.min(beaconMs, parts.leaseMs / beaconsPerLease);
    this.#cancelTimer = parts.timers.every(intervalMs, () => this.send());
  }

  add(stream: MessageStream<BeaconResponse, BeaconRequest>): void {
    let listener: Listener | undefined;
    stream.listen({
      onMessage: (request) => {
        if (request.shard !== this.#parts.shard()) {
          stream.end();
          return;
        }
        if (listener !== undefined) {
          listener.stampMs = request.stampMs;
          if (request.granted !== 0) this.#parts.onGrant(request.store, request.granted);
          return;
        }
        listener = { stream, stampMs: request.stampMs };
        this.#listeners.add(listener);
        this.#sendTo([listener]);
      },
      onClose: () => {
        if (listener !== undefined) this.#listeners.delete(listener);
      },
    });
  }

  /** Now, and not at the next interval. */
  send(): void {
    if (this.#listeners.size > 0) this.#sendTo([...this.#listeners]);
  }

  close(): void {
    this.#cancelTimer();
    for (const { stream } of this.#listeners) stream.end();
    this.#listeners.clear();
  }

  #sendTo(listeners: readonly Listener[]): void {
    const content = this.#parts.content();
    if (content === undefined) {
      this.close();
      return;
    }
    const { isCurrent, ...beacon } = content;
    for (const { stream, stampMs } of listeners) stream.send({ ...beacon, stampMs: isCurrent ? stampMs : 0 });
  }
}

export interface BeaconAnswererParts {
  readonly shard: string;
  readonly store: string;
  readonly timers: Timers;
  readonly monotonicMs: () => number;
  /** A stamp is about to be sent. */
  readonly onStamp: (stampMs: number) => void;
  /** Whether the lease is granted that the beacon asks for. */
  readonly onBeacon: (response: BeaconResponse) => boolean;
  /** The primary is heard no longer. */
  readonly onSilent: () => void;
}

/** The follower's side: answers each beacon at once and notices silence. */
export class BeaconAnswerer {
  readonly #stream: MessageStream<BeaconRequest, BeaconResponse>;
  readonly #cancelTimer: () => void;
  #heardMs: number;
  #closed = false;

  constructor(channel: NodeChannel, parts: BeaconAnswererParts) {
    const { shard, store, monotonicMs } = parts;
    this.#heardMs = monotonicMs();
    this.#stream = channel.beacon();
    this.#stream.listen({
      onMessage: (beacon) => {
        if (this.#closed) return;
        this.#heardMs = monotonicMs();
        const isGranted = parts.onBeacon(beacon);
        this.#stream.send({ shard, store, stampMs: this.#stamp(parts), granted: isGranted ? beacon.number : 0 });
      },
      onClose: () => {
        if (!this.#closed) parts.onSilent();
      },
    });
    this.#cancelTimer = parts.timers.every(silenceCheckMs, () => {
      if (monotonicMs() - this.#heardMs > silentAfterMs) parts.onSilent();
    });
    this.#stream.send({ shard, store, stampMs: this.#stamp(parts), granted: 0 });
  }

  #stamp({ monotonicMs, onStamp }: BeaconAnswererParts): number {
    const stampMs = monotonicMs();
    onStamp(stampMs);
    return stampMs;
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer();
    this.#stream.cancel();
  }
}
