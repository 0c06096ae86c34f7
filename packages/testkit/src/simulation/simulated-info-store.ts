import type { ClusterState, InfoNode } from '@edis/core';
import type { InfoStore } from '@edis/info';
import type { Incarnation } from './incarnation.ts';
import { copyMessage } from './message-copy.ts';

type StoreListener = Parameters<InfoStore['join']>[1];

/** What an info keeps on the disk of its machine: it outlives its processes. */
export class InfoMemory {
  state: ClusterState | undefined;
}

/**
 * The store of a simulated info that is the only one: a state is there for good when a sync of the machine's disk has
 * come back, and may be there or not when the process ends before.
 */
export class SimulatedInfoStore implements InfoStore {
  readonly isActive = true;
  readonly deciding = 'this one';
  readonly #memory: InfoMemory;
  readonly #sync: () => Promise<void>;

  constructor(memory: InfoMemory, life: Incarnation) {
    this.#memory = memory;
    const { disk } = life.process.disk.environmentOf(life);
    this.#sync = () => disk.syncDirectory('info');
  }

  load(): Promise<ClusterState | undefined> {
    return Promise.resolve(copyMessage(this.#memory.state).message);
  }

  async join(_self: InfoNode, listener: StoreListener): Promise<void> {
    listener.onActive(await this.load(), 0);
  }

  async save(state: ClusterState): Promise<void> {
    const saved = copyMessage(state).message;
    await this.#sync();
    this.#memory.state = saved;
  }

  leave(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
