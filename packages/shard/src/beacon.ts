import type { BeaconRequest, BeaconResponse } from '@edis/core';
import type { MessageStream, RpcChannel } from '@edis/rpc';

/** How often a follower asks; half of it is the age of what it knows on average. */
const beaconMs = 250;

/** Without an answer for that long the primary counts as lost: a stopped process keeps its connections open. */
const silentAfterMs = 3000;

export interface BeaconAnswererParts {
  readonly activeEpoch: () => number;
  readonly visiblePosition: () => number;
  readonly shard: () => string;
}

/** The primary's side: echoes each stamp with what is visible now. */
export function answerBeacons(stream: MessageStream<BeaconResponse, BeaconRequest>, parts: BeaconAnswererParts): void {
  stream.listen({
    onMessage: (request) => {
      const epoch = parts.activeEpoch();
      if (epoch === 0 || request.shard !== parts.shard()) {
        stream.end();
        return;
      }
      stream.send({ epoch, visiblePosition: parts.visiblePosition(), stampMs: request.stampMs, leaseMs: 0 });
    },
    onClose: () => {},
  });
}

export interface BeaconsParts {
  readonly shard: string;
  readonly store: string;
  readonly monotonicMs: () => number;
  readonly onBeacon: (response: BeaconResponse) => void;
  /** The primary answers no longer. */
  readonly onSilent: () => void;
}

/** The follower's side: asks at its interval and notices silence. */
export class Beacons {
  readonly #stream: MessageStream<BeaconRequest, BeaconResponse>;
  readonly #timer: NodeJS.Timeout;
  #heardMs: number;
  #closed = false;

  constructor(channel: RpcChannel, parts: BeaconsParts) {
    this.#heardMs = parts.monotonicMs();
    this.#stream = channel.beacon();
    this.#stream.listen({
      onMessage: (response) => {
        this.#heardMs = parts.monotonicMs();
        if (!this.#closed) parts.onBeacon(response);
      },
      onClose: () => {
        if (!this.#closed) parts.onSilent();
      },
    });
    const ask = (): void => {
      const nowMs = parts.monotonicMs();
      if (nowMs - this.#heardMs > silentAfterMs) {
        parts.onSilent();
        return;
      }
      this.#stream.send({ shard: parts.shard, store: parts.store, stampMs: nowMs });
    };
    this.#timer = setInterval(ask, beaconMs);
    ask();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#stream.cancel();
  }
}
