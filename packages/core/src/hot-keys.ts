/**
 * The keys that are asked for most, in bounded memory: the Space-Saving sketch (Metwally, Agrawal, El Abbadi:
 * "Efficient computation of frequent and top-k elements in data streams", 2005).
 *
 * Guarantees: a key with more than 1/capacity of the counted operations is among the counters, and its count is too
 * high by at most the least count. Old load fades: counts are halved as time passes. The rate of a key is that of the
 * time since its counter is its own, without what the counter had from other keys. Assumes that the caller counts a
 * sample of the operations and says how large a part it is.
 */
import type { ByteString } from './bytes.ts';
import type { HotKey } from './node-stats.ts';

interface Counter {
  readonly keyspace: number;
  readonly key: ByteString;
  count: number;
  /** Part of the count that it took over from the key whose place it has; fades with it. */
  inherited: number;
  /** Of the tick before its first operation. */
  sinceMs: number;
}

/** Beyond that, one key in some hundred thousand is told apart from noise; a miss looks at all of them. */
const defaultCapacity = 256;
/** Counts fade to a half in that time. */
const halfLifeMs = 10_000;
/** The mean age of an operation that is still counted, of a load that has always been there. */
const meanAgeMs = halfLifeMs / Math.LN2;
/** Of a shorter time a rate would be that of single operations. */
const minObservedMs = 1000;
/** Less often than that a key is not hot. */
const minCount = 2;

export class HotKeys {
  readonly #capacity: number;
  readonly #counters = new Map<string, Counter>();
  #tickedMs: number | undefined;

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
      this.#counters.set(name, { keyspace, key, count: 1, inherited: 0, sinceMs: this.#tickedMs ?? 0 });
      return;
    }
    const [least, count] = this.#least();
    this.#counters.delete(least);
    this.#counters.set(name, { keyspace, key, count: count + 1, inherited: count, sinceMs: this.#tickedMs ?? 0 });
  }

  /** Lets old load fade; to be called about once a second. */
  tick(nowMs: number): void {
    const first = this.#tickedMs === undefined;
    const factor = 2 ** (-(nowMs - (this.#tickedMs ?? nowMs)) / halfLifeMs);
    this.#tickedMs = nowMs;
    for (const [name, counter] of this.#counters) {
      // Before the first tick there was no clock.
      if (first) counter.sinceMs = nowMs;
      counter.count *= factor;
      counter.inherited *= factor;
      if (counter.count < 1 / minCount) this.#counters.delete(name);
    }
  }

  /** @param sampledPart part of the operations that were counted, above 0 and at most 1 */
  top(limit: number, sampledPart: number): HotKey[] {
    return [...this.#counters.values()]
      .filter(({ count, inherited }) => count - inherited >= minCount)
      .map((counter) => ({
        keyspace: counter.keyspace,
        key: counter.key,
        operationsPerSecond: Math.round(this.#countPerSecond(counter) / sampledPart),
      }))
      .sort((left, right) => right.operationsPerSecond - left.operationsPerSecond)
      .slice(0, limit);
  }

  /** Of a steady load, a faded count is the rate times the mean age at most, and less while the counter is young. */
  #countPerSecond({ count, inherited, sinceMs }: Counter): number {
    const ageMs = Math.max(minObservedMs, (this.#tickedMs ?? sinceMs) - sinceMs);
    const observedMs = meanAgeMs * (1 - 2 ** (-ageMs / halfLifeMs));
    return ((count - inherited) * 1000) / observedMs;
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
