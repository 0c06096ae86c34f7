import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { LatencyFigures } from '@edis/core';

/** Microseconds; a longer latency is a fault that other figures show. */
const highestUs = 60_000_000;
/** Two digits: a figure for people. */
const digits = 2;

/**
 * The latencies of the last while: two histograms of which the older is dropped at each turn, so that the figures are
 * those of one to two turns.
 */
export class Latency {
  #current = newHistogram();
  #previous = newHistogram();

  record(elapsedMs: number): void {
    this.#current.record(Math.min(highestUs, Math.max(1, Math.round(elapsedMs * 1000))));
  }

  /** Drops the older half; to be called every five seconds or so. */
  turn(): void {
    this.#previous = this.#current;
    this.#current = newHistogram();
  }

  figures(): LatencyFigures {
    const both = newHistogram();
    both.add(this.#previous);
    both.add(this.#current);
    if (both.count === 0) return { p50: 0, p99: 0 };
    return { p50: both.percentile(50), p99: both.percentile(99) };
  }
}

function newHistogram(): RecordableHistogram {
  return createHistogram({ lowest: 1, highest: highestUs, figures: digits });
}
