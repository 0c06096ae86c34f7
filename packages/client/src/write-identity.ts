/**
 * The operation ids of one client's writes to one shard.
 *
 * Guarantees: sequences rise from 1; every sequence below `completedBelow` is finished and never sent again.
 * Each shard has an identity of its own, so that a write which waits for one shard does not hold back what another
 * shard may forget. A write keeps its identity when a new map sends its repetition to another owner.
 * The distance between the oldest unfinished sequence and the newest is bounded by what a shard remembers of a
 * client.
 */
import { type ByteString, limits } from '@edis/core';
import type { Environment } from './environment.ts';

const identityBytes = 16;
const windowLength = limits.maxOutstandingPerClient;

export class WriteIdentity {
  /** 16 random bytes. */
  readonly client: ByteString;
  /** One flag a sequence of the window, by sequence modulo its length: 1 when finished. */
  readonly #finished = new Uint8Array(windowLength);
  #next = 1;
  #completedBelow = 1;

  constructor(environment: Pick<Environment, 'randomBytes'>) {
    this.client = environment.randomBytes(identityBytes);
  }

  get completedBelow(): number {
    return this.#completedBelow;
  }

  /** The first of the next `count` sequences; 0 while the window has no room for them. */
  next(count = 1): number {
    if (this.#next - this.#completedBelow + count > windowLength) return 0;
    const first = this.#next;
    this.#next += count;
    return first;
  }

  /** The write with this sequence will not be sent again, whatever became of it. */
  finish(sequence: number): void {
    if (sequence !== this.#completedBelow) {
      this.#finished[sequence % windowLength] = 1;
      return;
    }
    let below = sequence + 1;
    while (below < this.#next && this.#finished[below % windowLength] === 1) {
      this.#finished[below % windowLength] = 0;
      below += 1;
    }
    this.#completedBelow = below;
  }
}
