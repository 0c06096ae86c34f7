/**
 * Hybrid logical timestamps as one safe integer: 41 bits of milliseconds since 2024-01-01Z, 12 bits of logical counter.
 *
 * Guarantees: the timestamps that one clock hands out never repeat and never fall, whatever the wall clock does; each
 * is at least the wall clock's time, if that can be believed. Assumes: its owner hands it the wall clock's time, and
 * raises it above every timestamp that it inherits. Shaped by a wall clock that is stepped back: versions must not
 * repeat.
 *
 * A primary whose wall clock is years ahead takes its shard there, and nobody can take it back: versions rise. Two
 * things keep that harmless. Years near the end of the safe integers are not believed; and a clock that is ahead goes
 * on at half the pace of the wall clock, so that what expires by the log's time (operation ids) does not stay for years
 * while wall clocks come near.
 */

/** 2024-01-01T00:00:00Z in milliseconds since the Unix epoch. */
export const timestampEpochMs = 1_704_067_200_000;

/** 2090-01-01Z. Behind it are three years of safe integers, for a shard whose clock was taken there. */
const lastBelievedMs = 3_786_912_000_000;

/** Logical steps within one millisecond. */
export const logicalSteps = 4096;

/** More than that since it was last asked is a pause or a step, and no measure of time. */
const maxElapsedSteps = 1000 * logicalSteps;

/** The first timestamp of a millisecond since the Unix epoch. */
export function timestampOfMs(unixMs: number): number {
  return Math.max(0, Math.min(unixMs, lastBelievedMs) - timestampEpochMs) * logicalSteps;
}

export class HybridClock {
  #last: number;
  /** The wall clock's time when it was last asked. */
  #wall = Number.POSITIVE_INFINITY;

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
    const wall = timestampOfMs(wallMs);
    const elapsed = Math.min(Math.max(0, wall - this.#wall), maxElapsedSteps);
    this.#wall = wall;
    const first = Math.max(this.#last + Math.max(1, Math.floor(elapsed / 2)), wall);
    this.#last = first + count - 1;
    return first;
  }

  /** The highest timestamp, raised to the wall clock's time first: after a long silence it would be an old one. */
  now(wallMs: number): number {
    this.observe(timestampOfMs(wallMs));
    return this.#last;
  }

  /** Raises the clock above an inherited timestamp. */
  observe(timestamp: number): void {
    if (timestamp > this.#last) this.#last = timestamp;
  }
}
