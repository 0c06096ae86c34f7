/**
 * A monotonic clock that goes on while the machine is suspended.
 *
 * Guarantees: it never goes back, and when the monotonic clock has moved by `lookMs` since the last reading it shows
 * all the time that passed, save short suspends of less than 25 ms together. It may show more: 20 ms for each suspend,
 * and as long as a look was held up. (Such a look makes a suspend known one look later.) So it is for whoever must not
 * act any more when time has passed: who holds a lease, who says how old a record is at most. Who owes a lease to
 * somebody else waits by the monotonic clock, which never shows more than the truth.
 * Assumes that the second clock is the first one but for suspends, which it counts; and that a machine needs longer
 * than `lookMs` to fall asleep and to wake, during which its programs stand still and its monotonic clock does not, so
 * that a look is due when a program runs again.
 *
 * The wall clock alone is not enough: a primary was suspended for longer than its lease while its wall clock was set
 * back by nearly as long, and took itself for the primary beside its successor.
 */

/** A look reads a file of the system, microseconds, and learns nothing that is finer than hundredths of a second. */
const lookMs = 10;

/** The second clock's readings are cut to that. */
const resolutionMs = 10;

/** Two readings may seem to be apart by the resolution and by the time that it takes to read. */
const leastSuspendMs = resolutionMs + 5;

export interface ContinuousClockOptions {
  /** Stands still in a suspend, on some systems. */
  readonly monotonicMs: () => number;
  /** Counts suspends too, cut to hundredths of a second; undefined: not known now, or never on this system. */
  readonly bootMs: () => number | undefined;
}

export class ContinuousClock {
  readonly #monotonicMs: () => number;
  readonly #bootMs: () => number | undefined;
  #suspendedMs = 0;
  /** How far the second clock was ahead of the first one at the first look, or after the last suspend. */
  #aheadMs: number | undefined;
  #lookAtMs = Number.NEGATIVE_INFINITY;

  constructor({ monotonicMs, bootMs }: ContinuousClockOptions) {
    this.#monotonicMs = monotonicMs;
    this.#bootMs = bootMs;
  }

  nowMs(): number {
    const monotonicMs = this.#monotonicMs();
    return monotonicMs < this.#lookAtMs ? monotonicMs + this.#suspendedMs : this.#look(this.#bootMs());
  }

  /** The monotonic clock is read last: what holds a look up makes a suspend seem shorter, not longer. */
  #look(bootMs: number | undefined): number {
    const monotonicMs = this.#monotonicMs();
    this.#lookAtMs = monotonicMs + lookMs;
    if (bootMs === undefined) return monotonicMs + this.#suspendedMs;
    const aheadMs = bootMs - monotonicMs;
    this.#aheadMs ??= aheadMs;
    if (aheadMs - this.#aheadMs >= leastSuspendMs) {
      // Both readings were cut: it may have been suspended for that much longer than they show.
      this.#suspendedMs += aheadMs - this.#aheadMs + resolutionMs;
      this.#aheadMs = aheadMs;
    }
    return monotonicMs + this.#suspendedMs;
  }
}
