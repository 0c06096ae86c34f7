import { ContinuousClock } from '@edis/core';
import type { SeededRandom } from './seeded-random.ts';
import type { SimulatedProcess, StepKind } from './simulated-process.ts';
import type { SimulatedTime } from './simulated-time.ts';
import { SimulatedTimers } from './simulated-timers.ts';

/** Timers of a busy runtime fire up to that late. */
const maxLatenessMs = 0.5;

export interface IncarnationParts {
  readonly time: SimulatedTime;
  readonly random: SeededRandom;
}

/** One life of a process, from its start to its end, and what of the world around it is its own. */
export class Incarnation {
  readonly process: SimulatedProcess;
  readonly number: number;
  readonly timers: SimulatedTimers;
  readonly #random: SeededRandom;
  readonly #continuous: ContinuousClock;
  readonly #watchers: (() => void)[] = [];
  #alive = true;

  constructor(process: SimulatedProcess, number: number, { time, random }: IncarnationParts) {
    this.process = process;
    this.number = number;
    this.#random = random.split('program');
    const { clock } = process;
    this.#continuous = new ContinuousClock({ monotonicMs: () => clock.monotonicMs, bootMs: () => clock.bootMs });
    const lateness = random.split('timers');
    this.timers = new SimulatedTimers({
      time,
      clock,
      latenessMs: () => lateness.fraction() * maxLatenessMs,
      deliver: (run) => this.deliver(run),
    });
  }

  get alive(): boolean {
    return this.#alive;
  }

  readonly monotonicMs = (): number => {
    this.step('clock');
    return this.process.clock.monotonicMs;
  };

  /** The monotonic clock of a program that asks for suspends, too. */
  readonly continuousMs = (): number => {
    this.step('clock');
    return this.#continuous.nowMs();
  };

  readonly wallMs = (): number => {
    this.step('clock');
    return this.process.clock.wallMs;
  };

  /** From 0 (inclusive) to 1 (exclusive): what the program itself draws. */
  readonly random = (): number => this.#random.fraction();

  /** A number that tells this start of the process from all others. */
  get mark(): number {
    return 1 + this.number;
  }

  /** A random name of its own. */
  newId(digits = 16): string {
    return this.#random.hex(digits);
  }

  deliver(run: () => void): void {
    this.process.deliver(this, run);
  }

  step(kind: StepKind): void {
    this.process.step(this, kind);
  }

  /** Called when it is over; for whoever watches it from outside. */
  onEnd(watch: () => void): void {
    this.#watchers.push(watch);
  }

  end(): void {
    this.#alive = false;
    this.timers.close();
    for (const watch of this.#watchers) watch();
  }
}
