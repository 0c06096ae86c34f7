import type { EdisError } from '@edis/core';

interface Waiter {
  readonly position: number;
  resolve(): void;
  reject(error: EdisError): void;
}

/** Those who wait until something has come to a position. */
export class PositionWaiters {
  #waiters: Waiter[] = [];

  wait(position: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ position, resolve, reject });
    });
  }

  /** It has come to here. */
  settle(position: number): void {
    const due = this.#waiters.filter((waiter) => waiter.position <= position);
    if (due.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => waiter.position > position);
    for (const waiter of due) waiter.resolve();
  }

  /** It will not come any further. */
  fail(error: EdisError): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }
}
