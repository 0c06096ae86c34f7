/**
 * When the operations of an open loop are due: evenly, at a rate, whatever became of earlier ones. Latency counts from
 * the moment at which an operation was due, so that a stall shows in all operations that it held up.
 */
export class Pace {
  readonly #startMs: number;
  readonly #perMs: number;
  readonly #total: number;
  #taken = 0;

  constructor(startMs: number, ratePerSecond: number, durationMs: number) {
    this.#startMs = startMs;
    this.#perMs = ratePerSecond / 1000;
    this.#total = Math.floor(durationMs * this.#perMs);
  }

  /** All were taken. */
  get done(): boolean {
    return this.#taken === this.#total;
  }

  /** Due time of the next one if that is not later than `nowMs`; undefined: nothing is due. */
  take(nowMs: number): number | undefined {
    if (this.done) return undefined;
    const dueMs = this.#startMs + this.#taken / this.#perMs;
    if (dueMs > nowMs) return undefined;
    this.#taken += 1;
    return dueMs;
  }
}
