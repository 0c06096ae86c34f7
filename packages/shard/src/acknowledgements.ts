import type { Outcome } from '@edis/core';
import type { ResultSink } from './result-sink.ts';

interface Waiting {
  readonly sinks: ResultSink[];
  readonly requests: number[];
  readonly outcomes: Outcome[];
}

/**
 * Results that may wait at once: the disk writes of a full overlay. Only a disk that stands still gets here, with
 * clients that go on asking.
 */
export const maxWaitingResults = 262_144;

/**
 * Results that may leave only once an entry of the log is safe, be it on this disk or on a quorum: writes that asked
 * for that, and whatever looked at a write that is not safe yet.
 *
 * Guarantees that a result never leaves before `release` covered its position, and that all of them, later ones too,
 * get an answer when the node goes out of service. Assumes that nothing is taken on that could wait while it is full.
 */
export class Acknowledgements {
  /** By position, in the order in which they were first waited for. */
  readonly #waiting = new Map<number, Waiting>();
  #size = 0;
  /** What everybody is told once the node is out of service: no sync will come any more. */
  #failure: Outcome | undefined;

  get size(): number {
    return this.#size;
  }

  get isFull(): boolean {
    return this.#size >= maxWaitingResults;
  }

  /** The result is delivered by `release` or `fail`; at once, for the caller to flush, when the node has failed. */
  wait(position: number, sink: ResultSink, request: number, outcome: Outcome): void {
    if (this.#failure !== undefined) {
      sink.deliver(request, this.#failure);
      return;
    }
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
  release(upTo: number, flushLater: (sink: ResultSink) => void): void {
    for (const [position, waiting] of this.#waiting) {
      if (position > upTo) continue;
      this.#waiting.delete(position);
      this.#deliver(waiting, flushLater, undefined);
    }
  }

  /** Every waiting result becomes `outcome`; who waits from now on has another chance. */
  giveUp(outcome: Outcome, flushLater: (sink: ResultSink) => void): void {
    for (const waiting of this.#waiting.values()) this.#deliver(waiting, flushLater, outcome);
    this.#waiting.clear();
  }

  /** The node is out of service: every waiting result becomes `outcome`, and so does every later one. */
  fail(outcome: Outcome, flushLater: (sink: ResultSink) => void): void {
    this.#failure = outcome;
    this.giveUp(outcome, flushLater);
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
