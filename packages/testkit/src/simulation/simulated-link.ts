import type { Incarnation } from './incarnation.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimulatedTime } from './simulated-time.ts';

/** How long messages are under way: mostly `usualMs`, now and then up to `slowMs`. */
export interface LinkTemper {
  readonly usualMs: readonly [number, number];
  readonly slowMs: number;
  readonly slowChance: number;
}

export const calmLink: LinkTemper = { usualMs: [0.05, 0.5], slowMs: 5, slowChance: 0.01 };

/** Messages of one stream in one direction: they arrive in the order in which they were sent, or not at all. */
export class Lane {
  readonly link: SimulatedLink;
  readonly held: (() => void)[] = [];
  lastMs = 0;
  /** The connection is gone: what is under way is lost. */
  cut = false;

  constructor(link: SimulatedLink) {
    this.link = link;
  }
}

/**
 * One direction between two processes.
 *
 * A blocked link holds what arrives, as a TCP connection does that sends again and again: it comes through when the
 * link is free again, unless the connection was given up meanwhile.
 */
export class SimulatedLink {
  readonly #time: SimulatedTime;
  readonly #random: SeededRandom;
  #temper: LinkTemper = calmLink;
  #addedMs = 0;
  /** How many faults block it at once. */
  #blocks = 0;
  #blockedSinceMs = 0;
  readonly #waiting = new Set<Lane>();

  constructor(time: SimulatedTime, random: SeededRandom) {
    this.#time = time;
    this.#random = random;
  }

  get blocked(): boolean {
    return this.#blocks > 0;
  }

  /** Since when it has been blocked; undefined: it is not. */
  get blockedSinceMs(): number | undefined {
    return this.blocked ? this.#blockedSinceMs : undefined;
  }

  setTemper(temper: LinkTemper): void {
    this.#temper = temper;
  }

  /** Everything takes that much longer, or less again. */
  addDelay(addedMs: number): void {
    this.#addedMs += addedMs;
  }

  block(): void {
    this.#blocks += 1;
    if (this.#blocks === 1) this.#blockedSinceMs = this.#time.nowMs;
  }

  /** Takes one block off. */
  unblock(): void {
    if (this.#blocks === 0) return;
    this.#blocks -= 1;
    if (this.#blocks === 0) this.#releaseAll();
  }

  heal(): void {
    this.#addedMs = 0;
    if (this.#blocks === 0) return;
    this.#blocks = 0;
    this.#releaseAll();
  }

  #releaseAll(): void {
    const lanes = [...this.#waiting];
    this.#waiting.clear();
    for (const lane of lanes) this.#time.after(this.delayMs(), () => this.#release(lane));
  }

  /** Carries something to a process; it is handed over when that is able to take it. */
  send(lane: Lane, from: Incarnation, to: Incarnation, deliver: () => void): void {
    this.#carry(lane, from.process.clock.trueMs, () => to.deliver(deliver));
  }

  /** What one message takes. */
  delayMs(): number {
    const { usualMs, slowMs, slowChance } = this.#temper;
    const [fromMs, toMs] = usualMs;
    const slow = this.#random.fraction();
    const share = this.#random.fraction();
    const ms = slow < slowChance ? toMs + share * (slowMs - toMs) : fromMs + share * (toMs - fromMs);
    return ms + this.#addedMs;
  }

  /** One after the other, and before whatever arrives meanwhile. */
  #release(lane: Lane): void {
    if (lane.cut) return;
    if (this.blocked) {
      this.#waiting.add(lane);
      return;
    }
    lane.held.shift()?.();
    if (lane.held.length > 0) this.#time.after(0, () => this.#release(lane));
  }

  #carry(lane: Lane, sentMs: number, deliver: () => void): void {
    const arrivesMs = Math.max(lane.lastMs, sentMs + this.delayMs());
    lane.lastMs = arrivesMs;
    this.#time.at(arrivesMs, () => {
      if (lane.cut) return;
      if (this.blocked || lane.held.length > 0) {
        lane.held.push(deliver);
        this.#waiting.add(lane);
        return;
      }
      deliver();
    });
  }
}
