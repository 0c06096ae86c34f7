import type { HotKey, LatencyFigures, Operation } from '@edis/core';
import { HotKeys } from '@edis/core';
import { Latency } from './latency.ts';

/** One operation in so many is looked at: enough for figures, and too few to be felt. */
export const sampledEvery = 16;
/** Of those, one in so many counts for the hot keys: a key that is not among them yet costs a look at all counters. */
const countedEvery = 4;
/** Figures are those of the last one to two of these. */
const latencyTurnMs = 5_000;
const hotKeysShown = 32;

/** What a member knows about the operations that it served lately, from a sample of them. */
export class Figures {
  readonly #reads = new Latency();
  readonly #writes = new Latency();
  readonly #hotKeys = new HotKeys();
  #untilCounted = countedEvery;
  #turnedMs = 0;

  /** A sampled operation was answered. */
  record(operation: Operation, elapsedMs: number): void {
    if (operation.kind === 'malformed') return;
    (operation.kind === 'get' ? this.#reads : this.#writes).record(elapsedMs);
    this.#untilCounted -= 1;
    if (this.#untilCounted > 0) return;
    this.#untilCounted = countedEvery;
    this.#hotKeys.note(operation.keyspace, operation.key);
  }

  /** To be called about once a second. */
  tick(nowMs: number): void {
    this.#hotKeys.tick(nowMs);
    if (nowMs - this.#turnedMs < latencyTurnMs) return;
    this.#turnedMs = nowMs;
    this.#reads.turn();
    this.#writes.turn();
  }

  get readLatencyUs(): LatencyFigures {
    return this.#reads.figures();
  }

  get writeLatencyUs(): LatencyFigures {
    return this.#writes.figures();
  }

  get hotKeys(): readonly HotKey[] {
    return this.#hotKeys.top(hotKeysShown, 1 / (sampledEvery * countedEvery));
  }
}
