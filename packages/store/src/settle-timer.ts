import type { StoreEnvironment } from './store-environment.ts';

/** Runs once, a while after it was asked for first; asked for again meanwhile, it changes nothing. */
export class SettleTimer {
  readonly #environment: StoreEnvironment;
  readonly #delayMs: number;
  #stop: (() => void) | undefined;

  constructor(environment: StoreEnvironment, delayMs: number) {
    this.#environment = environment;
    this.#delayMs = delayMs;
  }

  get isRunning(): boolean {
    return this.#stop !== undefined;
  }

  start(onDue: () => void): void {
    this.#stop ??= this.#environment.startTimer(this.#delayMs, () => {
      this.#stop = undefined;
      onDue();
    });
  }

  stop(): void {
    this.#stop?.();
  }
}
