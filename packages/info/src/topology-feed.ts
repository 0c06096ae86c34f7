import type { Topology, TopologyDelta, TopologyUpdate } from '@edis/core';

/**
 * One receiver of the topology. Its queue is one place long: a receiver that lags misses steps and then gets the whole
 * map, which is also the shortest way for it to catch up.
 */
export class TopologyFeed {
  readonly #send: (update: TopologyUpdate) => boolean;
  readonly #current: () => Topology;
  #blocked = false;
  #missed = false;

  constructor(send: (update: TopologyUpdate) => boolean, current: () => Topology) {
    this.#send = send;
    this.#current = current;
  }

  sendWhole(topology: Topology): void {
    this.#missed = false;
    this.#blocked = !this.#send({ kind: 'whole', topology });
  }

  push(delta: TopologyDelta): void {
    if (this.#blocked) this.#missed = true;
    else this.#blocked = !this.#send({ kind: 'delta', delta });
  }

  /** The receiver takes messages again. */
  drained(): void {
    this.#blocked = false;
    if (this.#missed) this.sendWhole(this.#current());
  }
}
