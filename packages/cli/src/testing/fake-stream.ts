import type { RecordStream } from '@edis/client';
import type { EdisError } from '@edis/core';

/** A stream that ends with an error when so many were taken. */
export interface StreamFailure {
  readonly after: number;
  readonly error: EdisError;
}

/** Gives what it was given, up to a limit; the cursor is the number of the next one. */
export class FakeStream<Found> implements RecordStream<Found> {
  cursor: string | undefined;
  /** How many were taken. */
  taken = 0;
  readonly #all: readonly Found[];
  readonly #limit: number;
  readonly #failure: StreamFailure | undefined;

  constructor(
    all: readonly Found[],
    options: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
    failure?: StreamFailure,
  ) {
    this.#all = all;
    this.#failure = failure;
    this.taken = Number(options.cursor ?? 0);
    this.#limit = this.taken + (options.limit ?? Number.POSITIVE_INFINITY);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Found> {
    for (const found of this.#all.slice(this.taken, this.#limit)) {
      if (this.taken === this.#failure?.after) throw this.#failure.error;
      this.taken += 1;
      this.cursor = this.taken < this.#all.length ? String(this.taken) : undefined;
      yield found;
    }
  }

  async toArray(): Promise<Found[]> {
    const found: Found[] = [];
    for await (const one of this) found.push(one);
    return found;
  }
}
