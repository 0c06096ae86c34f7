import type { Bytes, Metadata } from '@edis/core';
import { LRUCache } from 'lru-cache';
import type { LoggedRecord } from './logged-record.ts';
import type { RecordKey, StoredRecord } from './stored-record.ts';
import { compactValue, contentBytes } from './stored-record.ts';

/**
 * Hot records of the view. Holds nothing that the view does not have, so it never needs to be asked for what is newest.
 *
 * The budget is one of heap: each record counts with what its objects and its place in the library's tables cost.
 */

/** Record object with its version, map slot, places in the library's five lists; measured on Node 20. */
const recordOverheadBytes = 205;

/** The cache's own object, so that its fields may be renewed; it has no more of them than a record needs. */
class CachedRecord implements StoredRecord {
  value: Bytes;
  metadata: Metadata | undefined;
  version: number;
  expiresAtMs: number;

  constructor(record: StoredRecord) {
    this.value = record.value;
    this.metadata = record.metadata;
    this.version = record.version;
    this.expiresAtMs = record.expiresAtMs;
  }
}

/** From this share of its budget on it counts as full: the next record might push another one out. */
const fullShare = 0.98;

export class RecordCache {
  readonly #records: LRUCache<RecordKey, CachedRecord>;
  readonly #fullBytes: number;
  hitCount = 0;
  missCount = 0;

  /** @param maxBytes 0: nothing is kept */
  constructor(maxBytes: number) {
    this.#fullBytes = maxBytes * fullShare;
    this.#records = new LRUCache<RecordKey, CachedRecord>({
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
    this.#records.set(recordKey, new CachedRecord(record), { size });
  }

  /**
   * Keeps a record that was written: in place of its older self, or where there is room. It pushes nobody out: that
   * is for records that are read. Only a record that is kept is made an object of.
   */
  setWritten(recordKey: RecordKey, written: LoggedRecord): void {
    const older = this.#records.peek(recordKey);
    if (older === undefined) {
      if (!this.#isFull) this.#setLogged(recordKey, written);
    } else if (
      older.value.length === written.valueEnd - written.valueStart &&
      older.metadata === undefined &&
      !written.hasMetadata
    ) {
      // The same size in the same place: the library's bookkeeping, which costs more than the rest, can stay as it is.
      older.value = compactValue(written.value());
      older.version = written.version;
      older.expiresAtMs = written.expiresAtMs;
    } else {
      this.#setLogged(recordKey, written);
    }
  }

  #setLogged(recordKey: RecordKey, written: LoggedRecord): void {
    const { keyspace, version, expiresAtMs } = written;
    this.set(recordKey, keyspace, {
      value: compactValue(written.value()),
      metadata: written.metadata(),
      version,
      expiresAtMs,
    });
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
