/**
 * The earliest of the deadlines that the view was given since somebody looked at it: who keeps what he saw then need
 * not open the view to learn that nothing in it has expired.
 *
 * Guarantees that it is never later than what it stands for; it may be earlier, because a record may have been written
 * anew since.
 */
export class DeadlineSign {
  /** Of the batch that is being built. */
  #buildingMs = Number.POSITIVE_INFINITY;
  /** What the view had before is not known. */
  #earliestMs = 0;

  /** Infinity: there are none. */
  get earliestMs(): number {
    return this.#earliestMs;
  }

  /** A record of the batch that is being built has this deadline. */
  note(expiresAtMs: number): void {
    if (expiresAtMs < this.#buildingMs) this.#buildingMs = expiresAtMs;
  }

  /** The batch is in the view. */
  onWritten(): void {
    this.#earliestMs = Math.min(this.#earliestMs, this.#buildingMs);
    this.#buildingMs = Number.POSITIVE_INFINITY;
  }

  /** Another view has taken the place of this one. */
  onReplaced(): void {
    this.#earliestMs = 0;
  }

  /** The view is about to be looked at: what comes into it from now on is noted anew. */
  clear(): void {
    this.#earliestMs = Number.POSITIVE_INFINITY;
  }
}
