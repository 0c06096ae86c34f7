import type { Outcome } from '@edis/core';
import type { ResultSink } from './result-sink.ts';

interface Waiting {
  readonly sinks: ResultSink[];
  readonly requests: number[];
  readonly outcomes: Outcome[];
}

/**
 * Results that may leave only once an entry of the log is synced: `disk` writes, and whatever looked at a write that is
 * not safe yet.
 *
 * Guarantees that a result never leaves before `release` covered its position, and that all of them get an answer when
 * the node goes out of service. Its size is bounded by the write queue and by the operations under way of the streams.
 */
export class Acknowledgements {
  readonly #waiting = new Map<number, Waiting>();
  /** Positions that wait, in the order in which they were first waited for. */
  #size = 0;

  get size(): number {
    return this.#size;
  }

  wait(position: number, sink: ResultSink, request: number, outcome: Outcome): void {
    let waiting = this.#waiting.get(position);
    if (waiting === undefined) {
      waiting = { sinks: [], requests: [], outcomes: [] };
      this.#waiting.set(position, waiting);
    }
    waiting.sinks.push(sink);
    waiting.requests.push(request);
    waiting.outcomes.push(outcome);
    this.#size += 1;
  }

  /** Delivers what waited for positions up to `synced`. The caller flushes the sinks that are reported. */
  release(synced: number, flushLater: (sink: ResultSink) => void): void {
    for (const [position, waiting] of this.#waiting) {
      if (position > synced) continue;
      this.#waiting.delete(position);
      this.#deliver(waiting, flushLater, undefined);
    }
  }

  /** The node is out of service: every waiting result becomes `outcome`. */
  fail(outcome: Outcome, flushLater: (sink: ResultSink) => void): void {
    for (const waiting of this.#waiting.values()) this.#deliver(waiting, flushLater, outcome);
    this.#waiting.clear();
  }

  #deliver(waiting: Waiting, flushLater: (sink: ResultSink) => void, instead: Outcome | undefined): void {
    const { sinks, requests, outcomes } = waiting;
    this.#size -= sinks.length;
    let previous: ResultSink | undefined;
    for (let index = 0; index < sinks.length; index += 1) {
      const sink = sinks[index];
      const outcome = instead ?? outcomes[index];
      if (sink === undefined || outcome === undefined) continue;
      sink.deliver(requests[index] ?? 0, outcome);
      if (sink !== previous) flushLater(sink);
      previous = sink;
    }
  }
}
