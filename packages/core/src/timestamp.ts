/**
 * Hybrid logical timestamps as one safe integer: 41 bits of milliseconds since 2024-01-01Z, 12 bits of logical counter.
 *
 * Guarantees: the timestamps that one clock hands out never repeat and never fall, whatever the wall clock does; each
 * is at least the wall clock's time. Assumes: its owner hands it the wall clock's time, and raises it above every
 * timestamp that it inherits. Shaped by a wall clock that is stepped back: versions must not repeat.
 */

/** 2024-01-01T00:00:00Z in milliseconds since the Unix epoch. */
export const timestampEpochMs = 1_704_067_200_000;

/** Logical steps within one millisecond. */
export const logicalSteps = 4096;

/** The first timestamp of a millisecond since the Unix epoch. */
export function timestampOfMs(unixMs: number): number {
  return Math.max(0, unixMs - timestampEpochMs) * logicalSteps;
}

/** The millisecond since the Unix epoch that a timestamp lies in. */
export function msOfTimestamp(timestamp: number): number {
  return Math.floor(timestamp / logicalSteps) + timestampEpochMs;
}

export class HybridClock {
  #last: number;

  /** @param last the highest timestamp that this clock inherits */
  constructor(last: number) {
    this.#last = last;
  }

  /** The highest timestamp handed out or inherited. */
  get last(): number {
    return this.#last;
  }

  /** Hands out `count` consecutive timestamps and returns the first. */
  take(count: number, wallMs: number): number {
    const first = Math.max(this.#last + 1, timestampOfMs(wallMs));
    this.#last = first + count - 1;
    return first;
  }

  /** Raises the clock above an inherited timestamp. */
  observe(timestamp: number): void {
    if (timestamp > this.#last) this.#last = timestamp;
  }
}
