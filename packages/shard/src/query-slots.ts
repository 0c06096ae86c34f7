import type { QueryWork } from './query-work.ts';

/**
 * How many queries run at once, and how many wait for that in the order of their arrival.
 *
 * Queries share one event loop: more at once would answer none of them sooner, but make each point read wait for a turn
 * of all of them.
 */
export class QuerySlots {
  readonly #maxRunning: number;
  readonly #maxWaiting: number;
  readonly #waiting = new Set<() => void>();
  #running = 0;
  #admitted = 0;

  constructor(maxRunning: number, maxWaiting: number) {
    this.#maxRunning = maxRunning;
    this.#maxWaiting = maxWaiting;
  }

  /** False: too many are here. Else the query must `depart`. */
  admit(): boolean {
    if (this.#admitted >= this.#maxRunning + this.#maxWaiting) return false;
    this.#admitted += 1;
    return true;
  }

  depart(): void {
    this.#admitted -= 1;
  }

  /** Resolves when it is the query's turn to run; then it must `leave`. Throws when the work is stopped before that. */
  async enter(work: QueryWork): Promise<void> {
    work.check();
    if (this.#running < this.#maxRunning) {
      this.#running += 1;
      return;
    }
    let grant: () => void = () => {};
    const granted = new Promise<void>((resolve) => {
      grant = resolve;
    });
    this.#waiting.add(grant);
    try {
      // Granted, but stopped in the same turn: the slot goes on to the next one.
      await work.race(granted, () => this.leave());
    } finally {
      this.#waiting.delete(grant);
    }
  }

  leave(): void {
    const [grant] = this.#waiting;
    if (grant === undefined) {
      this.#running -= 1;
    } else {
      // The slot changes hands without becoming free.
      this.#waiting.delete(grant);
      grant();
    }
  }
}
