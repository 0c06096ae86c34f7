import type { DeadlineEntry } from './deadline-list.ts';

interface Watched {
  readonly operations: Set<DeadlineEntry>;
  readonly listener: () => void;
}

/**
 * Which operations end when a signal fires. One listener for each signal, however many operations were given it: Node
 * warns of a leak when a signal has many.
 */
export class AbortWatch {
  readonly #signals = new Map<AbortSignal, Watched>();
  readonly #onAbort: (operation: DeadlineEntry) => void;

  constructor(onAbort: (operation: DeadlineEntry) => void) {
    this.#onAbort = onAbort;
  }

  add(signal: AbortSignal, operation: DeadlineEntry): void {
    const watched = this.#signals.get(signal);
    if (watched !== undefined) {
      watched.operations.add(operation);
      return;
    }
    const operations = new Set([operation]);
    const listener = (): void => {
      for (const each of [...operations]) this.#onAbort(each);
    };
    this.#signals.set(signal, { operations, listener });
    signal.addEventListener('abort', listener, { once: true });
  }

  remove(signal: AbortSignal, operation: DeadlineEntry): void {
    const watched = this.#signals.get(signal);
    if (watched === undefined) return;
    watched.operations.delete(operation);
    if (watched.operations.size > 0) return;
    signal.removeEventListener('abort', watched.listener);
    this.#signals.delete(signal);
  }
}
