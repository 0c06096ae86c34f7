/** Someone who might answer a read. */
export interface ReadCandidate {
  /** Living as far as anyone knows, and connected or worth a first attempt to connect. */
  readonly usable: boolean;
}

/**
 * Spreads the reads of one shard over its replicas, one after the other. It remembers only where it stands and looks at
 * the candidates afresh each time: a replica that broke is skipped by the very next read, and takes part again with the
 * first read after it is back. The start is random, so that many short-lived clients do not all begin at the same one.
 */
export class ReplicaPicker {
  #next: number;

  /** `start`: any whole number from 0, random. */
  constructor(start: number) {
    this.#next = start;
  }

  /** The next usable replica; the fallback, which is the primary, when there is none. */
  pick<Replica extends ReadCandidate, Fallback>(replicas: readonly Replica[], fallback: Fallback): Replica | Fallback {
    const count = replicas.length;
    let index = this.#next;
    for (let tried = 0; tried < count; tried++, index++) {
      if (index >= count) index %= count;
      const replica = replicas[index];
      if (replica?.usable !== true) continue;
      this.#next = index + 1;
      return replica;
    }
    return fallback;
  }
}
