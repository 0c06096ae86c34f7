/**
 * The keys that are asked for most, in bounded memory: the Space-Saving sketch (Metwally, Agrawal, El Abbadi:
 * "Efficient computation of frequent and top-k elements in data streams", 2005).
 *
 * Guarantees: a key with more than 1/capacity of the counted operations is among the counters, and its count is too
 * high by at most the least count. Old load fades: counts are halved as time passes. Assumes that the caller counts a
 * sample of the operations and says how large a part it is.
 */
import type { ByteString } from './bytes.ts';
import type { HotKey } from './node-stats.ts';

interface Counter {
  readonly keyspace: number;
  readonly key: ByteString;
  count: number;
}

/** Beyond that, one key in some hundred thousand is told apart from noise; a miss looks at all of them. */
const defaultCapacity = 256;
/** Counts fade to a half in that time. */
const halfLifeMs = 10_000;
/** The mean age of a counted operation, by which a faded count becomes a rate. */
const meanAgeMs = halfLifeMs / Math.LN2;
/** Less often than that a key is not hot. */
const minCount = 2;

export class HotKeys {
  readonly #capacity: number;
  readonly #counters = new Map<string, Counter>();
  #fadedMs = 0;
  #startedMs: number | undefined;

  constructor(capacity: number = defaultCapacity) {
    this.#capacity = capacity;
  }

  /** Counts one operation on a key. */
  note(keyspace: number, key: ByteString): void {
    const name = `${keyspace} ${key}`;
    const counter = this.#counters.get(name);
    if (counter !== undefined) {
      counter.count += 1;
      return;
    }
    if (this.#counters.size < this.#capacity) {
      this.#counters.set(name, { keyspace, key, count: 1 });
      return;
    }
    const [least, count] = this.#least();
    this.#counters.delete(least);
    this.#counters.set(name, { keyspace, key, count: count + 1 });
  }

  /** Lets old load fade; to be called about once a second. */
  tick(nowMs: number): void {
    if (this.#startedMs === undefined) {
      this.#startedMs = nowMs;
      this.#fadedMs = nowMs;
    }
    const factor = 2 ** (-(nowMs - this.#fadedMs) / halfLifeMs);
    this.#fadedMs = nowMs;
    for (const [name, counter] of this.#counters) {
      counter.count *= factor;
      if (counter.count < 1 / minCount) this.#counters.delete(name);
    }
  }

  /** @param sampledPart part of the operations that were counted, above 0 and at most 1 */
  top(limit: number, sampledPart: number): HotKey[] {
    const observedMs = Math.min(meanAgeMs, Math.max(1000, this.#fadedMs - (this.#startedMs ?? this.#fadedMs)));
    return [...this.#counters.values()]
      .filter((counter) => counter.count >= minCount)
      .sort((left, right) => right.count - left.count)
      .slice(0, limit)
      .map(({ keyspace, key, count }) => ({
        keyspace,
        key,
        operationsPerSecond: Math.round((count * 1000) / observedMs / sampledPart),
      }));
  }

  #least(): [string, number] {
    let least = '';
    let count = Number.POSITIVE_INFINITY;
    for (const [name, counter] of this.#counters) {
      if (counter.count >= count) continue;
      least = name;
      count = counter.count;
    }
    return [least, count];
  }
}
