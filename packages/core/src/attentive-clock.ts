/**
 * The time in which a process looked: what it waits for others is counted by this clock.
 *
 * A process that stood still (stopped, starved, swapped out) finds the news of the others in its sockets when it goes
 * on, but may look at the clock first. By this one its own standstill was only a moment, so that it neither takes
 * the others for silent nor gives up waiting for somebody whom it did not listen to.
 */
export class AttentiveClock {
  readonly #maxGapMs: number;
  #seenMs: number;
  #nowMs: number;

  /** @param maxGapMs the longest time between two looks that still counts in full */
  constructor(startMs: number, maxGapMs: number) {
    this.#maxGapMs = maxGapMs;
    this.#seenMs = startMs;
    this.#nowMs = startMs;
  }

  /** To be asked often, at each tick at least, with any clock that does not go back. */
  at(clockMs: number): number {
    this.#nowMs += Math.min(clockMs - this.#seenMs, this.#maxGapMs);
    this.#seenMs = clockMs;
    return this.#nowMs;
  }
}
