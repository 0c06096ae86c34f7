/**
 * The records of several shards as one sequence, in the order in which each shard gives its own.
 *
 * Guarantees: holds at most two pages of each shard, the one that is being taken and the one behind it, which is asked
 * for as soon as the first is begun; what has arrived is handed out without waiting. Assumes that no key is in
 * two shards.
 */
import { compareText, EdisError, indexNumber, type QueryRecord, type RecordPage, type SearchPlace } from '@edis/core';
import type { Answered } from './query-runner.ts';

/** By key; by the value of a field, as text or as a number, and then by key. */
export type RecordOrder = 'key' | 'text' | 'number';

/** Fetches a shard's next page. @param after undefined: from the beginning */
export type FetchPage = (after: SearchPlace | undefined, maxRecords: number) => Promise<Answered<RecordPage>>;

export class RecordMerge {
  readonly #sources: readonly ShardSource[];
  readonly #order: RecordOrder;
  /** Sources that have a record; a binary heap, the least record first. */
  readonly #heap: ShardSource[] = [];
  /** Sources whose next page has not arrived. */
  #starving: ShardSource[];

  /**
   * @param limit all that will be taken, at most; Infinity: no limit
   * @param opened gets each page when it is begun
   */
  constructor(
    fetches: readonly FetchPage[],
    order: RecordOrder,
    after: SearchPlace | undefined,
    pageSize: number,
    limit: number,
    opened?: Answered<RecordPage>[],
  ) {
    this.#order = order;
    this.#sources = fetches.map((fetch) => new ShardSource(fetch, order, after, pageSize, opened));
    this.#starving = [...this.#sources];
    for (const source of this.#sources) source.prefetch(limit);
  }

  /** Where the next record is; undefined: nowhere, or it has to arrive first. */
  get head(): ShardSource | undefined {
    return this.#starving.length > 0 ? undefined : this.#heap[0];
  }

  /** There are no more records. */
  get done(): boolean {
    return this.#starving.length === 0 && this.#heap.length === 0;
  }

  /** Records in memory. */
  get held(): number {
    return this.#sources.reduce((sum, source) => sum + source.held, 0);
  }

  /** Steps over the head. @param remaining how many more will be taken, at most */
  advance(remaining: number): void {
    const source = this.#heap[0];
    if (source === undefined) return;
    if (source.advance(remaining)) {
      this.#sink(0);
      return;
    }
    const last = this.#heap.pop();
    if (last !== undefined && last !== source) {
      this.#heap[0] = last;
      this.#sink(0);
    }
    if (!source.finished) this.#starving.push(source);
  }

  /** Waits until there is a head or nothing more. @param remaining how many more will be taken, at most */
  async fill(remaining: number): Promise<void> {
    while (this.#starving.length > 0) {
      await Promise.all(this.#starving.map((source) => source.arrival));
      const starving: ShardSource[] = [];
      for (const source of this.#starving) {
        if (source.open(remaining)) this.#rise(source);
        else if (!source.finished) starving.push(source);
      }
      // Not before: a merge that one of them has failed is not at its end.
      this.#starving = starving;
    }
  }

  #rise(source: ShardSource): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(source);
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !this.#isLess(source, parent)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = source;
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const source = heap[from];
    if (source === undefined) return;
    let index = from;
    for (;;) {
      const left = heap[2 * index + 1];
      if (left === undefined) break;
      const right = heap[2 * index + 2];
      const isRight = right !== undefined && this.#isLess(right, left);
      const child = isRight ? right : left;
      if (!this.#isLess(child, source)) break;
      heap[index] = child;
      index = 2 * index + (isRight ? 2 : 1);
    }
    heap[index] = source;
  }

  #isLess(left: ShardSource, right: ShardSource): boolean {
    if (this.#order === 'number') {
      if (left.number !== right.number) return left.number < right.number;
    } else if (this.#order === 'text') {
      const order = compareText(left.value, right.value);
      if (order !== 0) return order < 0;
    }
    // Each character is a byte.
    return left.key < right.key;
  }
}

/** One shard's records. */
class ShardSource {
  /** Of the record that it stands at. */
  key = '';
  value = '';
  number = 0;
  readonly #fetch: FetchPage;
  readonly #order: RecordOrder;
  readonly #pageSize: number;
  readonly #opened: Answered<RecordPage>[] | undefined;
  #place: SearchPlace | undefined;
  #page: Answered<RecordPage> | undefined;
  #index = 0;
  /** What has arrived, and the wait for it. */
  #next: Answered<RecordPage> | EdisError | undefined;
  #arrival: Promise<void> | undefined;
  /** Its shard has records behind those that arrived; they are not always asked for. */
  #more = true;

  constructor(
    fetch: FetchPage,
    order: RecordOrder,
    after: SearchPlace | undefined,
    pageSize: number,
    opened: Answered<RecordPage>[] | undefined,
  ) {
    this.#fetch = fetch;
    this.#order = order;
    this.#place = after;
    this.#pageSize = pageSize;
    this.#opened = opened;
  }

  /** Settles, and never rejects, when the page that was asked for is there or has failed. */
  get arrival(): Promise<void> {
    return this.#arrival ?? Promise.resolve();
  }

  /** It has no more records, here or at its shard. */
  get finished(): boolean {
    return !this.#more && (this.#page === undefined || this.#index >= this.#page.page.records.length);
  }

  get held(): number {
    const next = this.#next;
    const waiting = next === undefined || next instanceof EdisError ? 0 : next.page.records.length;
    return (this.#page?.page.records.length ?? 0) + waiting;
  }

  /** The record that it stands at, and who gave it. */
  get record(): QueryRecord | undefined {
    return this.#page?.page.records[this.#index];
  }

  get answered(): Answered<RecordPage> | undefined {
    return this.#page;
  }

  /** Asks for the page behind what it has. @param wanted how many of it will be taken, at most */
  prefetch(wanted: number): void {
    this.#next = undefined;
    const maxRecords = Math.max(1, Math.min(this.#pageSize, wanted));
    this.#arrival = this.#fetch(this.#place, maxRecords).then(
      (answered) => {
        this.#next = this.#faultOf(answered) ?? answered;
      },
      (error: unknown) => {
        this.#next = EdisError.from(error);
      },
    );
  }

  /** Goes to the next record; false: it has to arrive, or there is none. */
  advance(remaining: number): boolean {
    this.#index += 1;
    const page = this.#page?.page;
    if (page !== undefined && this.#index < page.records.length) {
      this.#stand(page);
      return true;
    }
    if (this.#next === undefined) {
      // All of it was taken: it need not be kept while the next one travels.
      this.#page = undefined;
      if (this.#arrival === undefined && this.#more && remaining > 0) this.prefetch(remaining);
      return false;
    }
    // A failed page is told of when its turn has come, which is now.
    return this.#next instanceof EdisError ? false : this.open(remaining);
  }

  /** Begins the page that has arrived; false: it has no records. Throws what it failed with. */
  open(remaining: number): boolean {
    const next = this.#next;
    if (next instanceof EdisError) throw next;
    this.#next = undefined;
    this.#arrival = undefined;
    this.#page = next;
    this.#index = 0;
    if (next === undefined) return false;
    this.#opened?.push(next);
    const { records, places, more } = next.page;
    this.#more = more;
    const last = records[records.length - 1];
    if (last === undefined) return false;
    const value = this.#order === 'key' ? '' : (places[records.length - 1] ?? '');
    this.#place = { value, key: last.key };
    // Whoever takes no more than this page has needs no other.
    if (more && remaining > records.length) this.prefetch(remaining - records.length);
    this.#stand(next.page);
    return true;
  }

  #stand({ records, places }: RecordPage): void {
    this.key = records[this.#index]?.key ?? '';
    if (this.#order === 'key') return;
    this.value = places[this.#index] ?? '';
    if (this.#order === 'number') this.number = indexNumber(this.value) ?? Number.POSITIVE_INFINITY;
  }

  /** A node that gives the same again and again would be asked forever. */
  #faultOf(answered: Answered<RecordPage>): EdisError | undefined {
    const { records, places, more } = answered.page;
    const first = records[0];
    if (first === undefined) return more ? faulty(answered, 'says that there is more, and gave nothing') : undefined;
    if (this.#order !== 'key' && places.length !== records.length) {
      return faulty(answered, `gave ${records.length} records, and the values of ${places.length}`);
    }
    const repeats = this.#order === 'key' && this.#place !== undefined && first.key <= this.#place.key;
    return repeats ? faulty(answered, 'gave records that it gave before') : undefined;
  }
}

function faulty({ answer, address }: Answered<RecordPage>, what: string): EdisError {
  return new EdisError('protocol', `${answer.servedBy.node} at ${address} ${what}`);
}
