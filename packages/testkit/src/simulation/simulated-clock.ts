import type { SimulatedTime } from './simulated-time.ts';

export interface ClockStart {
  /** What the wall clock shows at simulated time 0. */
  readonly wallStartMs: number;
  /** Local milliseconds per true one. */
  readonly rate: number;
  /** The system has a clock that counts suspends and can not be set, as Linux has. */
  readonly countsSuspends: boolean;
}

/** Hundredths of a second. */
const bootResolutionMs = 10;

/**
 * The clocks of one machine: a monotonic and a wall clock that run at its own rate.
 *
 * The monotonic clock stands still in a suspend and begins anew with each process, as a runtime's own does; the wall
 * clock goes on and may be stepped. A third one counts suspends and can not be set, where the system has it. While the
 * process is stalled in the middle of its work all are ahead of the simulated time: what the process does next it does
 * that much later.
 */
export class SimulatedClock {
  readonly #time: SimulatedTime;
  /** Told when the moment at which the monotonic clock shows something has moved. */
  onChanged: () => void = () => {};
  #rate: number;
  /** What the monotonic clock shows at `#anchorMs`. */
  #monotonicMs = 0;
  #wallMs: number;
  #anchorMs = 0;
  #suspended = false;
  /** Since the process began. */
  #suspendedMs = 0;
  readonly #countsSuspends: boolean;
  #aheadUntilMs = 0;

  constructor(time: SimulatedTime, { wallStartMs, rate, countsSuspends }: ClockStart) {
    this.#time = time;
    this.#countsSuspends = countsSuspends;
    this.#rate = rate;
    this.#wallMs = wallStartMs;
  }

  /** The true time at which the process is. */
  get trueMs(): number {
    return Math.max(this.#time.nowMs, this.#aheadUntilMs);
  }

  get monotonicMs(): number {
    return this.#monotonicMs + (this.#suspended ? 0 : this.#elapsedMs());
  }

  /** What a program would make of the monotonic clock that sees every suspend at once, where the system can tell. */
  get continuousMs(): number {
    if (!this.#countsSuspends) return this.monotonicMs;
    return this.#monotonicMs + this.#suspendedMs + this.#elapsedMs();
  }

  /** What the system's clock that counts suspends shows, cut as Linux does; undefined: it has none. */
  get bootMs(): number | undefined {
    if (!this.#countsSuspends) return undefined;
    return Math.floor(this.continuousMs / bootResolutionMs) * bootResolutionMs;
  }

  get isSuspended(): boolean {
    return this.#suspended;
  }

  /** It is suspended, and its wall clock alone will show for how long. */
  get needsWall(): boolean {
    return this.#suspended && !this.#countsSuspends;
  }

  get wallMs(): number {
    return this.#wallMs + this.#elapsedMs();
  }

  /** When the monotonic clock will show that; never while it stands still. */
  trueMsOf(monotonicMs: number): number {
    if (this.#suspended) return Number.POSITIVE_INFINITY;
    return this.#anchorMs + (monotonicMs - this.#monotonicMs) / this.#rate;
  }

  get rate(): number {
    return this.#rate;
  }

  setRate(rate: number): void {
    this.#anchor();
    this.#rate = rate;
    this.onChanged();
  }

  stepWall(byMs: number): void {
    this.#anchor();
    this.#wallMs += byMs;
  }

  suspend(): void {
    this.#anchor();
    this.#suspended = true;
    this.onChanged();
  }

  wake(): void {
    this.#anchor();
    this.#suspended = false;
    this.onChanged();
  }

  /** The running code is held up for that long. */
  stall(forMs: number): void {
    this.#aheadUntilMs = this.trueMs + forMs;
  }

  /** A new process begins. */
  restart(): void {
    this.#anchor();
    this.#monotonicMs = 0;
    this.#suspendedMs = 0;
    this.#suspended = false;
    this.#aheadUntilMs = 0;
    this.onChanged();
  }

  #elapsedMs(): number {
    return (this.trueMs - this.#anchorMs) * this.#rate;
  }

  #anchor(): void {
    const elapsedMs = this.#elapsedMs();
    if (this.#suspended) this.#suspendedMs += elapsedMs;
    else this.#monotonicMs += elapsedMs;
    this.#wallMs += elapsedMs;
    this.#anchorMs = this.trueMs;
  }
}
