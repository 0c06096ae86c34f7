import { LRUCache } from 'lru-cache';
import type { RecordKey, StoredRecord } from './stored-record.ts';
import { contentBytes } from './stored-record.ts';

/**
 * Hot records of the view. Holds nothing that the view does not have, so it never needs to be asked for what is newest.
 *
 * The budget is one of heap: each record counts with what its objects and its place in the library's tables cost.
 */

/**
 * Record object with its version, map slot, places in the library's five lists; measured on Node 20. The object is the
 * overlay's, where the record came from there: making another one would cost more than the few fields it saves.
 */
const recordOverheadBytes = 215;

/** From this share of its budget on it counts as full: the next record might push another one out. */
const fullShare = 0.98;

export class RecordCache {
  readonly #records: LRUCache<RecordKey, StoredRecord>;
  readonly #fullBytes: number;
  hitCount = 0;
  missCount = 0;

  /** @param maxBytes 0: nothing is kept */
  constructor(maxBytes: number) {
    this.#fullBytes = maxBytes * fullShare;
    this.#records = new LRUCache<RecordKey, StoredRecord>({
      maxSize: Math.max(1, maxBytes),
      // A record that would push out a large part of the others is not worth it.
      maxEntrySize: Math.max(1, Math.floor(maxBytes / 8)),
    });
  }

  get bytes(): number {
    return this.#records.calculatedSize;
  }

  get count(): number {
    return this.#records.size;
  }

  /** Counts as a use. */
  get(recordKey: RecordKey): StoredRecord | undefined {
    const record = this.#records.get(recordKey);
    if (record === undefined) this.missCount++;
    else this.hitCount++;
    return record;
  }

  /** Does not count as a use. */
  peek(recordKey: RecordKey): StoredRecord | undefined {
    return this.#records.peek(recordKey);
  }

  set(recordKey: RecordKey, keyspace: number, record: StoredRecord): void {
    const size = recordOverheadBytes + contentBytes(recordKey, keyspace, record.value, record.metadata);
    this.#records.set(recordKey, record, { size });
  }

  /**
   * Keeps a record that was written: in place of its older self, or where there is room. It pushes nobody out: that
   * is for records that are read.
   */
  setWritten(recordKey: RecordKey, keyspace: number, record: StoredRecord): void {
    if (this.#isFull && !this.#records.has(recordKey)) return;
    this.set(recordKey, keyspace, record);
  }

  get #isFull(): boolean {
    return this.#records.calculatedSize > this.#fullBytes;
  }

  delete(recordKey: RecordKey): void {
    this.#records.delete(recordKey);
  }

  clear(): void {
    this.#records.clear();
  }
}
