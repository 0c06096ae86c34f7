import { EdisError, type QueryRecord, type RecordPage, type SearchPlace } from '@edis/core';
import type { RecordStream } from './query-options.ts';
import type { Answered } from './query-runner.ts';
import type { RecordMerge } from './record-merge.ts';

/** What a stream of records is made of. */
export interface StreamSource<Found> {
  /** Asks the shards; from the first call on pages travel. */
  open(): Promise<RecordMerge>;
  /** What callers get of a record; may throw, also because they gave up. */
  found(record: QueryRecord, answered: Answered<RecordPage>): Found;
  /** Tells the caller of the pages that were begun since it was last told. */
  tellOpened(): void;
  /** The cursor at a place. @param place undefined: the beginning */
  cursorAt(place: SearchPlace | undefined): string;
  /** Nobody will take more: ends what is under way. */
  close(): void;
  /** How many are taken at most. */
  readonly limit: number;
  /** Behind which it begins; undefined: the beginning. */
  readonly after: SearchPlace | undefined;
}

/** Of a query that cannot be asked: nothing is thrown before somebody takes from it, as with every other call. */
class FailedStream implements RecordStream<never> {
  readonly cursor: undefined = undefined;
  readonly #error: EdisError;

  constructor(error: EdisError) {
    this.#error = error;
  }

  [Symbol.asyncIterator](): AsyncIterator<never> {
    return { next: () => Promise.reject(this.#error) };
  }

  toArray(): Promise<never[]> {
    return Promise.reject(this.#error);
  }
}

/** The stream that `open` makes, or one that fails with what it threw. */
export function streamOf<Found>(open: () => RecordStream<Found>): RecordStream<Found> {
  try {
    return open();
  } catch (caught) {
    return new FailedStream(EdisError.from(caught));
  }
}

/**
 * Records in order, taken one by one or all at once. Asks nobody before the first is taken. May be gone through once.
 * An error ends it, and is what every later step rejects with; `cursor` still says where to go on.
 */
export class MergedStream<Found> implements RecordStream<Found>, AsyncIterableIterator<Found> {
  readonly #source: StreamSource<Found>;
  #merge: RecordMerge | undefined;
  #taken = 0;
  /** Of the record that was taken last: its value, and its key; an empty key: none was taken. */
  #value = '';
  #key = '';
  #ended = false;
  #closed = false;
  #error: Error | undefined;
  /** Steps that wait; steps that come meanwhile go behind them. */
  #waiting: Promise<unknown> | undefined;

  constructor(source: StreamSource<Found>) {
    this.#source = source;
  }

  get cursor(): string | undefined {
    if (this.#ended || (this.#merge !== undefined && this.#merge.done)) return undefined;
    const place = this.#key === '' ? this.#source.after : { value: this.#value, key: this.#key };
    return this.#source.cursorAt(place);
  }

  /** Records in memory that were not taken yet, and those of pages that are not used up. */
  get held(): number {
    return this.#merge?.held ?? 0;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Found>> {
    if (this.#waiting === undefined && this.#merge?.head !== undefined && this.#mayTake()) {
      try {
        return Promise.resolve({ done: false, value: this.#take(this.#merge) });
      } catch (error) {
        return Promise.reject(this.#fail(error));
      }
    }
    return this.#behindOthers(() => this.#step());
  }

  async return(): Promise<IteratorResult<Found>> {
    this.#close();
    return { done: true, value: undefined };
  }

  toArray(): Promise<Found[]> {
    return this.#behindOthers(async () => {
      const all: Found[] = [];
      for (;;) {
        const merge = await this.#filled();
        if (merge === undefined) return all;
        try {
          while (merge.head !== undefined && this.#mayTake()) all.push(this.#take(merge));
        } catch (error) {
          throw this.#fail(error);
        }
      }
    });
  }

  async #step(): Promise<IteratorResult<Found>> {
    const merge = await this.#filled();
    if (merge === undefined) return { done: true, value: undefined };
    try {
      return { done: false, value: this.#take(merge) };
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Waits until there is a record to take; undefined: there will be none. */
  async #filled(): Promise<RecordMerge | undefined> {
    if (this.#error !== undefined) throw this.#error;
    if (this.#ended || !this.#mayTake()) return this.#end();
    try {
      this.#merge ??= await this.#source.open();
      if (this.#merge.head === undefined) await this.#merge.fill(this.#source.limit - this.#taken);
    } catch (error) {
      if (this.#closed) return undefined;
      throw this.#fail(error);
    }
    if (this.#closed) return undefined;
    if (!this.#merge.done) return this.#merge;
    this.#ended = true;
    this.#tellLast();
    return this.#end();
  }

  /** Of pages without records, from which nothing is taken. */
  #tellLast(): void {
    try {
      this.#source.tellOpened();
    } catch (error) {
      throw this.#fail(error);
    }
  }

  #mayTake(): boolean {
    return !this.#closed && this.#error === undefined && this.#taken < this.#source.limit;
  }

  #take(merge: RecordMerge): Found {
    this.#source.tellOpened();
    const { head } = merge;
    const record = head?.record;
    const answered = head?.answered;
    if (head === undefined || record === undefined || answered === undefined) {
      throw new EdisError('internal', 'there is no record to take');
    }
    const found = this.#source.found(record, answered);
    this.#key = head.key;
    this.#value = head.value;
    this.#taken += 1;
    merge.advance(this.#source.limit - this.#taken);
    return found;
  }

  #end(): undefined {
    this.#close();
    return undefined;
  }

  #fail(caught: unknown): Error {
    const error = caught instanceof Error ? caught : EdisError.from(caught);
    this.#error = error;
    this.#close();
    return error;
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#source.close();
  }

  #behindOthers<Result>(step: () => Promise<Result>): Promise<Result> {
    const result = this.#waiting === undefined ? step() : this.#waiting.then(step);
    const settled: Promise<unknown> = result.then(
      () => this.#settle(settled),
      () => this.#settle(settled),
    );
    this.#waiting = settled;
    return result;
  }

  #settle(step: Promise<unknown>): void {
    if (this.#waiting === step) this.#waiting = undefined;
  }
}
