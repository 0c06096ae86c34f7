import type { Timers } from '@edis/core';
import type { SimulatedClock } from './simulated-clock.ts';
import type { SimulatedTime } from './simulated-time.ts';

/** As in Node: nothing fires sooner. */
const minDelayMs = 1;

interface Timer {
  dueMs: number;
  readonly run: () => void;
  cancel: () => void;
  /** It is due, and waits for the process to be able to run it. */
  due: boolean;
}

export interface TimersParts {
  readonly time: SimulatedTime;
  readonly clock: SimulatedClock;
  /** How late a timer fires. */
  readonly latenessMs: () => number;
  /** Runs what is due as the process, when that is able to. */
  readonly deliver: (run: () => void) => void;
}

/** The timers of one process, by its own monotonic clock. */
export class SimulatedTimers implements Timers {
  readonly #parts: TimersParts;
  readonly #timers = new Set<Timer>();
  #closed = false;

  constructor(parts: TimersParts) {
    this.#parts = parts;
  }

  after(delayMs: number, run: () => void): () => void {
    return this.#start(delayMs, (timer) => {
      this.#timers.delete(timer);
      run();
    });
  }

  /** As in Node: a process that was held up runs it once, and then again an interval later. */
  every(intervalMs: number, run: () => void): () => void {
    return this.#start(intervalMs, (timer) => {
      timer.dueMs = this.#dueMs(intervalMs);
      this.#arm(timer);
      run();
    });
  }

  /** The clock has changed. */
  rearm(): void {
    for (const timer of this.#timers) if (!timer.due) this.#arm(timer);
  }

  /** The process is gone. */
  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #start(delayMs: number, fire: (timer: Timer) => void): () => void {
    if (this.#closed) return () => {};
    const timer: Timer = { dueMs: this.#dueMs(delayMs), run: () => fire(timer), cancel: () => {}, due: false };
    this.#timers.add(timer);
    this.#arm(timer);
    return () => {
      timer.cancel();
      this.#timers.delete(timer);
    };
  }

  #dueMs(delayMs: number): number {
    const { clock, latenessMs } = this.#parts;
    return clock.monotonicMs + Math.max(delayMs, minDelayMs) + latenessMs();
  }

  #arm(timer: Timer): void {
    timer.cancel();
    const dueMs = this.#parts.clock.trueMsOf(timer.dueMs);
    if (dueMs === Number.POSITIVE_INFINITY) {
      timer.cancel = () => {};
      return;
    }
    timer.cancel = this.#parts.time.at(dueMs, () => {
      timer.due = true;
      this.#parts.deliver(() => {
        timer.due = false;
        if (this.#timers.has(timer)) timer.run();
      });
    });
  }
}
