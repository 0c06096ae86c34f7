/**
 * Looks again and again after what may have to end or be repeated, as long as there is anything unfinished.
 *
 * Shaped by applications that hold up the event loop: a sweep that comes late finds answers unread, because timers come
 * before what the sockets have. So it says until when all has been heard, and nobody is blamed for what he has left
 * undone since then. That moment goes on with each sweep however late they all come: everything ends, at the latest
 * one turn of the event loop after its time.
 */
import type { CancelTimer, Environment } from './environment.ts';

/** Deadlines and waits are exact to two of these; finer would cost without use. */
const sweepMs = 10;
/** A sweep that comes so late finds answers unread, because the application held up the event loop. */
const lateSweepMs = 250;

export interface SweepMoment {
  readonly nowMs: number;
  /** What had arrived by then has been read. */
  readonly heardMs: number;
  /** It is late after one that was not: what was under way was held up as well. */
  readonly afterPause: boolean;
}

export class Sweep {
  readonly #environment: Environment;
  readonly #task: (moment: SweepMoment) => void;
  #cancel: CancelTimer | undefined;
  #lastMs = 0;
  #wasLate = false;

  constructor(environment: Environment, task: (moment: SweepMoment) => void) {
    this.#environment = environment;
    this.#task = task;
  }

  /** Harmless when it runs already. */
  start(nowMs: number): void {
    if (this.#cancel !== undefined) return;
    this.#lastMs = nowMs;
    this.#wasLate = false;
    this.#cancel = this.#environment.every(sweepMs, () => this.#sweep());
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #sweep(): void {
    const nowMs = this.#environment.nowMs();
    const isLate = nowMs - this.#lastMs > lateSweepMs;
    // Between the sweep before and this one the sockets had their turn.
    const moment = { nowMs, heardMs: isLate ? this.#lastMs : nowMs, afterPause: isLate && !this.#wasLate };
    this.#lastMs = nowMs;
    this.#wasLate = isLate;
    this.#task(moment);
  }
}
