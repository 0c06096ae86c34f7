/**
 * How many operations may be under way to one node: fewer as long as the node says that it is busy.
 *
 * Additive increase, multiplicative decrease, as TCP does it: clients that share a node come to equal shares without
 * knowing of each other. One refusal halves the window, and those that were under way at that moment count as the same
 * one, because they say nothing about the smaller window.
 */

/** Half of a shard's queue, so that one client alone does not make it answer with busy. */
const maxWindow = 8192;
/** Enough for one message that is worth its cost. */
const minWindow = 16;
/** Part of the window that is left after a refusal. */
const decrease = 0.5;
/** Operations by which it grows with each window of answers: from the least to the most in about 250 of them. */
const increase = 32;

export class InFlightWindow {
  #size = maxWindow;
  /** Answers still to come to what was under way at the last refusal. */
  #settling = 0;

  /** Operations that may be under way. */
  get size(): number {
    return Math.floor(this.#size);
  }

  /** Whether the node has lately made it smaller. */
  get lowered(): boolean {
    return this.#size < maxWindow;
  }

  /** A message brought so many answers, some of them refusals; `inFlight` operations are still under way. */
  onAnswers(answers: number, refusals: number, inFlight: number): void {
    if (this.#settling > 0) {
      this.#settling -= Math.min(answers, this.#settling);
      return;
    }
    if (refusals > 0) {
      this.#size = Math.max(minWindow, this.#size * decrease);
      this.#settling = inFlight;
    } else if (this.#size < maxWindow) {
      this.#size = Math.min(maxWindow, this.#size + (increase * answers) / this.#size);
    }
  }

  /** The stream ended with all that was under way; what the node can take is not known any better. */
  reset(): void {
    this.#settling = 0;
  }
}
