/**
 * How far a replica may be behind its primary, by the replica's own clocks alone: the monotonic one, and the wall clock
 * beside it, because on some systems the first stands still while the machine is suspended. The larger of both counts.
 *
 * The replica sends a stamp of its clock, the primary echoes it with the last entry that it had then. Once the replica
 * has applied that position, it shows everything that was acknowledged when the stamp was sent: its staleness is the
 * time since the stamp. (Not with what was visible: a slow `quorum` write holds that back, and behind it others are
 * acknowledged.) Guarantees: the answer is never lower than the truth. Assumes that stamps come back in
 * order on one stream.
 */

/**
 * Beacons that may wait to be applied; above it every second one is dropped, which only makes the answer more
 * careful.
 */
const maxWaitingBeacons = 256;

interface WaitingBeacon {
  readonly stampMs: number;
  readonly wallMs: number;
  readonly lastPosition: number;
}

/** Stamps that were sent and may still be echoed. */
const maxStamps = 64;

export class Staleness {
  #levelAtMs = Number.NEGATIVE_INFINITY;
  #levelWallMs = 0;
  #applied = 0;
  #waiting: WaitingBeacon[] = [];
  /** What the wall clock showed at each stamp. */
  readonly #stamps = new Map<number, number>();

  /** A stamp is sent. */
  onStamp(stampMs: number, wallMs: number): void {
    this.#stamps.set(stampMs, wallMs);
    const [oldest] = this.#stamps.size > maxStamps ? this.#stamps.keys() : [];
    if (oldest !== undefined) this.#stamps.delete(oldest);
  }

  /** A stamp that was never sent, or long ago, says nothing. */
  onBeacon(stampMs: number, lastPosition: number): void {
    const wallMs = this.#stamps.get(stampMs);
    if (wallMs === undefined) return;
    if (lastPosition <= this.#applied) {
      this.#onLevel(stampMs, wallMs);
      return;
    }
    this.#waiting.push({ stampMs, wallMs, lastPosition });
    if (this.#waiting.length > maxWaitingBeacons) this.#waiting = this.#waiting.filter((_, index) => index % 2 === 0);
  }

  onApplied(position: number): void {
    this.#applied = position;
    let done = 0;
    for (const beacon of this.#waiting) {
      if (beacon.lastPosition > position) break;
      this.#onLevel(beacon.stampMs, beacon.wallMs);
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
  stalenessMs(nowMs: number, wallMs: number): number {
    if (this.#levelAtMs === Number.NEGATIVE_INFINITY) return Number.MAX_SAFE_INTEGER;
    return Math.max(0, Math.ceil(nowMs - this.#levelAtMs), Math.ceil(wallMs - this.#levelWallMs));
  }

  #onLevel(stampMs: number, wallMs: number): void {
    if (stampMs <= this.#levelAtMs) return;
    this.#levelAtMs = stampMs;
    this.#levelWallMs = wallMs;
  }
}
