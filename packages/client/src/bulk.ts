import { EdisError } from '@edis/core';

/** Calls that one bulk call has unfinished at once: one full batch, so that it leaves room for others. */
const maxBulkOperations = 4096;

/** Begins one call of a bulk, which tells its end by one of both, once. No promise each: they would cost a third. */
export type BulkCall<Result> = (resolve: (result: Result) => void, reject: (error: EdisError) => void) => void;

/**
 * Starts prepared calls, a bounded number at a time, and gives their results in order. When some fail, begins no more
 * and rejects after all that were begun have settled: with the first error, and with how many were done.
 */
export function runBulk<Result>(what: string, calls: readonly BulkCall<Result>[]): Promise<Result[]> {
  return new Promise((resolve, reject) => new BulkRun(what, calls, resolve, reject).start());
}

class BulkRun<Result> {
  readonly #what: string;
  readonly #calls: readonly BulkCall<Result>[];
  readonly #resolve: (results: Result[]) => void;
  readonly #reject: (error: EdisError) => void;
  readonly #results: Result[] = [];
  readonly #errors: EdisError[] = [];
  #begun = 0;
  #unfinished = 0;
  readonly #onError = (error: EdisError): void => {
    this.#errors.push(error);
    this.#onSettled();
  };

  constructor(
    what: string,
    calls: readonly BulkCall<Result>[],
    resolve: (results: Result[]) => void,
    reject: (error: EdisError) => void,
  ) {
    this.#what = what;
    this.#calls = calls;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    // Held by one more, so that calls that end at once do not end the whole before all have begun.
    this.#unfinished = 1;
    this.#beginMore();
    this.#onSettled();
  }

  #beginMore(): void {
    while (this.#begun < this.#calls.length && this.#unfinished <= maxBulkOperations && this.#errors.length === 0) {
      const index = this.#begun;
      const call = this.#calls[index];
      this.#begun += 1;
      this.#unfinished += 1;
      call?.((result) => {
        this.#results[index] = result;
        this.#onSettled();
      }, this.#onError);
    }
  }

  #onSettled(): void {
    this.#unfinished -= 1;
    if (this.#unfinished > 0) {
      if (this.#begun < this.#calls.length) this.#beginMore();
      return;
    }
    const [first] = this.#errors;
    if (first === undefined) this.#resolve(this.#results);
    else this.#reject(this.#summary(first));
  }

  #summary(first: EdisError): EdisError {
    const done = this.#begun - this.#errors.length;
    const message = `${done} of ${this.#calls.length} ${this.#what} were done; first error: ${first.message}`;
    return new EdisError(first.code, message, {
      cause: first,
      outcomeUnknown: this.#errors.some((error) => error.outcomeUnknown),
      ...(first.retryAfterMs === undefined ? {} : { retryAfterMs: first.retryAfterMs }),
    });
  }
}
