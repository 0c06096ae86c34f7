import type { Timers } from '@edis/core';
import { EdisError } from '@edis/core';

/**
 * Milliseconds that one query computes before everybody else on the event loop has a turn: a point read that comes in
 * the meantime waits for no longer than this times the queries that run.
 */
const turnMs = 2;

/** Records between two looks at the clock: well under a turn of work. */
export const recordsPerLook = 64;

/** A query ends after that, whatever its caller's deadline is; proto/edis/v1/query.proto promises it. */
const maxQueryMs = 60_000;

/**
 * The work for one query: cut into turns of the event loop, and stopped when nobody waits for its answer any more.
 *
 * To be closed. What it throws when it is stopped: EdisError 'aborted', 'deadline' or 'closed'.
 */
export class QueryWork {
  readonly #signal: AbortSignal;
  readonly #monotonicMs: () => number;
  readonly #cancelLimit: () => void;
  readonly #onAbort = (): void => this.stop(new EdisError('aborted', 'the caller of the query is gone'));
  readonly #stopListeners = new Set<(error: EdisError) => void>();
  #turnStartedMs: number;
  #stopped: EdisError | undefined;

  constructor(signal: AbortSignal, timers: Timers, monotonicMs: () => number) {
    this.#signal = signal;
    this.#monotonicMs = monotonicMs;
    this.#turnStartedMs = monotonicMs();
    this.#cancelLimit = timers.after(maxQueryMs, () => {
      this.stop(new EdisError('deadline', `the query took ${maxQueryMs} ms, which is the limit; ask for less at once`));
    });
    if (signal.aborted) this.#onAbort();
    else signal.addEventListener('abort', this.#onAbort);
  }

  stop(error: EdisError): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = error;
    for (const listener of this.#stopListeners) listener(error);
    this.#stopListeners.clear();
  }

  /** Throws when the work was stopped. */
  check(): void {
    if (this.#stopped !== undefined) throw this.#stopped;
  }

  /** To be asked every few records: `await work.nextTurn()` is due. */
  get isTurnOver(): boolean {
    return this.#monotonicMs() - this.#turnStartedMs >= turnMs;
  }

  /** Lets everybody else on the event loop have a turn. Throws when the work was stopped. */
  async nextTurn(): Promise<void> {
    this.check();
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    this.check();
    this.#turnStartedMs = this.#monotonicMs();
  }

  /** Waits, but no longer than until the work is stopped; `late` takes what comes after that. */
  race<Result>(promise: Promise<Result>, late: (result: Result) => void): Promise<Result> {
    return new Promise((resolve, reject) => {
      const onStop = (error: EdisError): void => reject(error);
      if (this.#stopped === undefined) this.#stopListeners.add(onStop);
      else reject(this.#stopped);
      promise.then(
        (result) => {
          this.#stopListeners.delete(onStop);
          if (this.#stopped === undefined) resolve(result);
          else late(result);
        },
        (error: unknown) => {
          this.#stopListeners.delete(onStop);
          reject(EdisError.from(error));
        },
      );
    });
  }

  close(): void {
    this.#cancelLimit();
    this.#signal.removeEventListener('abort', this.#onAbort);
  }
}
