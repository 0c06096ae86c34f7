import { getActiveResourcesInfo } from 'node:process';
import { EdisError } from '@edis/core';
import { EventQueue } from './event-queue.ts';

/**
 * The time of a simulation. It moves only from one event to the next.
 *
 * Guarantees: between two events everything asynchronous that the first one set off has come to its end, so that a run
 * is a function of its seed. This holds because nothing in the simulated world waits for anything real: promises are
 * resolved by events or by other promises, and code that lets "the event loop do the rest" uses immediates, which are
 * run here until none is left. An extra turn of the real event loop changes nothing; one too few would.
 *
 * Assumes that no code waits for time to pass by turning the event loop over: such a loop never ends while the clock
 * stands still, and is reported (busy polling has to be switched off in the settings of a simulated node).
 */
const maxTurns = 10_000;

/** How a run of the clock may be cut short. */
export interface RunLimits {
  /** Looked at after each event. */
  readonly until?: () => boolean;
}

export class SimulatedTime {
  readonly #queue = new EventQueue();
  readonly #watchers: (() => void)[] = [];
  #nowMs = 0;
  #eventCount = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events that have happened. */
  get eventCount(): number {
    return this.#eventCount;
  }

  /** Calls back at a time, at once (but not from here) when that has passed. The result calls it off. */
  at(timeMs: number, run: () => void): () => void {
    const event = this.#queue.add(Math.max(timeMs, this.#nowMs), run);
    return () => {
      event.cancelled = true;
    };
  }

  after(delayMs: number, run: () => void): () => void {
    return this.at(this.#nowMs + delayMs, run);
  }

  /** Called after each event, when all that followed from it has happened. */
  onSettled(watch: () => void): void {
    this.#watchers.push(watch);
  }

  /** Lets time pass up to a moment; the clock stands there afterwards unless `until` was fulfilled earlier. */
  async run(untilMs: number, limits: RunLimits = {}): Promise<boolean> {
    await this.settle();
    if (limits.until?.() === true) return true;
    for (;;) {
      const event = this.#queue.peek();
      if (event === undefined || event.timeMs > untilMs) break;
      this.#queue.take();
      this.#nowMs = event.timeMs;
      this.#eventCount += 1;
      event.run();
      await this.settle();
      for (const watch of this.#watchers) watch();
      if (limits.until?.() === true) return true;
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
    return false;
  }

  /** Waits for something while time passes; fails when it has not come by then. */
  async runFor<T>(promise: Promise<T>, limitMs: number, what: string): Promise<T> {
    let settled = false;
    const watched = promise.finally(() => {
      settled = true;
    });
    // It is awaited below, or given up.
    watched.catch(() => undefined);
    const untilMs = this.#nowMs + limitMs;
    const done = await this.run(untilMs, { until: () => settled });
    if (!done) throw new EdisError('internal', `waited ${limitMs} simulated ms in vain: ${what}`);
    return watched;
  }

  /** Everything that follows without time passing has happened. */
  async settle(): Promise<void> {
    for (let turns = 0; turns < maxTurns; turns++) {
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
      if (!getActiveResourcesInfo().includes('Immediate')) return;
    }
    throw new EdisError('internal', `something turns the event loop over and over at ${this.#nowMs} ms`);
  }
}
