/**
 * How far a replica may be behind its primary, by the replica's own monotonic clock alone.
 *
 * The replica sends a stamp of its clock, the primary echoes it with the `visible` that it had then. Once the replica
 * has applied that position, it shows everything that was visible when the stamp was sent or later: its staleness is
 * the time since the stamp. Guarantees: the answer is never lower than the truth. Assumes that stamps come back in
 * order on one stream.
 */

/**
 * Beacons that may wait to be applied; above it every second one is dropped, which only makes the answer more
 * careful.
 */
const maxWaitingBeacons = 256;

interface WaitingBeacon {
  readonly stampMs: number;
  readonly visiblePosition: number;
}

export class Staleness {
  #levelAtMs = Number.NEGATIVE_INFINITY;
  #applied = 0;
  #waiting: WaitingBeacon[] = [];

  onBeacon(stampMs: number, visiblePosition: number): void {
    if (visiblePosition <= this.#applied) {
      if (stampMs > this.#levelAtMs) this.#levelAtMs = stampMs;
      return;
    }
    this.#waiting.push({ stampMs, visiblePosition });
    if (this.#waiting.length > maxWaitingBeacons) this.#waiting = this.#waiting.filter((_, index) => index % 2 === 0);
  }

  onApplied(position: number): void {
    this.#applied = position;
    let done = 0;
    for (const beacon of this.#waiting) {
      if (beacon.visiblePosition > position) break;
      if (beacon.stampMs > this.#levelAtMs) this.#levelAtMs = beacon.stampMs;
      done += 1;
    }
    if (done > 0) this.#waiting.splice(0, done);
  }

  /** The state was replaced (snapshot) or its primary changed: what was echoed before says nothing any more. */
  reset(applied: number): void {
    this.#applied = applied;
    this.#waiting = [];
    this.#levelAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Milliseconds, rounded up; the largest safe integer while nothing is known. */
  stalenessMs(nowMs: number): number {
    if (this.#levelAtMs === Number.NEGATIVE_INFINITY) return Number.MAX_SAFE_INTEGER;
    return Math.max(0, Math.ceil(nowMs - this.#levelAtMs));
  }
}
