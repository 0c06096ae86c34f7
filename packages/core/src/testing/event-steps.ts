/** Time in small steps, and what happens in each, in the order in which it was planned. */

const stepMs = 25;

/** Whoever stands still hears nothing until it goes on. */
export interface Receiver {
  readonly frozenUntilMs: number;
}

export class EventSteps {
  readonly random: () => number;
  readonly #steps = new Map<number, (() => void)[]>();
  #now = 0;

  constructor(random: () => number) {
    this.random = random;
  }

  get nowMs(): number {
    return this.#now * stepMs;
  }

  /** In the next step at the earliest. Returns when. */
  after(delayMs: number, run: () => void): number {
    return this.at(this.nowMs + delayMs, run);
  }

  at(timeMs: number, run: () => void): number {
    const step = Math.max(this.#now + 1, Math.ceil(timeMs / stepMs));
    const events = this.#steps.get(step);
    if (events === undefined) this.#steps.set(step, [run]);
    else events.push(run);
    return step * stepMs;
  }

  step(): void {
    this.#now += 1;
    for (const run of this.#steps.get(this.#now) ?? []) run();
    this.#steps.delete(this.#now);
  }
}

/** One direction of a connection: in order, late, and broken when the link is. */
export class Pipe {
  readonly #events: EventSteps;
  readonly #isUp: () => boolean;
  readonly #receiver: () => Receiver | undefined;
  readonly #onBroken: () => void;
  #lastMs = 0;
  #isOpen = true;
  readonly #queue: (() => void)[] = [];

  constructor(events: EventSteps, isUp: () => boolean, receiver: () => Receiver | undefined, onBroken: () => void) {
    this.#events = events;
    this.#isUp = isUp;
    this.#receiver = receiver;
    this.#onBroken = onBroken;
  }

  send(run: () => void): void {
    if (!this.#isOpen) return;
    this.#queue.push(run);
    const { nowMs, random } = this.#events;
    // Now and then one is late, and all that are behind it.
    const delayMs = random() < 0.02 ? random() * 500 : random() * 60;
    this.#lastMs = this.#events.at(Math.max(this.#lastMs, nowMs + delayMs), () => this.#deliver());
  }

  close(): void {
    this.#isOpen = false;
    this.#queue.length = 0;
  }

  #deliver(): void {
    if (!this.#isOpen) return;
    if (!this.#isUp()) {
      this.close();
      this.#onBroken();
      return;
    }
    const frozenUntilMs = this.#receiver()?.frozenUntilMs ?? 0;
    if (frozenUntilMs > this.#events.nowMs) this.#events.at(frozenUntilMs, () => this.#deliver());
    else this.#queue.shift()?.();
  }
}
