import type { ClusterState, InfoNode } from '@edis/core';
import type { InfoStore } from '@edis/info';
import type { Incarnation } from './incarnation.ts';
import { copyMessage } from './message-copy.ts';
import type { SeededRandom } from './seeded-random.ts';

type StoreListener = Parameters<InfoStore['join']>[1];

/** What an info keeps on the disk of its machine: it outlives its processes. */
export class InfoMemory {
  /** What is being written. */
  pending: ClusterState | undefined;
  readonly #onSaved: (state: ClusterState) => void;
  #state: ClusterState | undefined;

  /** @param onSaved told of each state that is there for good */
  constructor(onSaved: (state: ClusterState) => void = () => {}) {
    this.#onSaved = onSaved;
  }

  get state(): ClusterState | undefined {
    return this.#state;
  }

  save(state: ClusterState): void {
    this.#state = state;
    this.#onSaved(state);
  }
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

  constructor(memory: InfoMemory, life: Incarnation, random: SeededRandom) {
    this.#memory = memory;
    const { disk } = life.process.disk.environmentOf(life);
    this.#sync = () => disk.syncDirectory('info');
    life.onEnd(() => {
      if (memory.pending !== undefined && random.chance(0.5)) memory.save(memory.pending);
      memory.pending = undefined;
    });
  }

  load(): Promise<ClusterState | undefined> {
    return Promise.resolve(copyMessage(this.#memory.state).message);
  }

  async join(_self: InfoNode, listener: StoreListener): Promise<void> {
    listener.onActive(await this.load(), 0);
  }

  async save(state: ClusterState): Promise<void> {
    const saved = copyMessage(state).message;
    this.#memory.pending = saved;
    await this.#sync();
    this.#memory.save(saved);
    if (this.#memory.pending === saved) this.#memory.pending = undefined;
  }

  leave(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
