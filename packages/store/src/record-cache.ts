import { LRUCache } from 'lru-cache';
import type { LoggedRecord } from './logged-record.ts';
import type { PackedRecord } from './record-packer.ts';
import { RecordPacker } from './record-packer.ts';
import type { RecordKey, StoredRecord } from './stored-record.ts';
import { compactValue, contentBytes } from './stored-record.ts';

/**
 * Hot records of the view. Holds nothing that the view does not have, so it never needs to be asked for what is newest.
 *
 * The budget is one of heap: each record counts with what its objects and its place in the library's tables cost.
 */

/** Map slot and places in the library's five lists; measured on Node 20. */
const slotOverheadBytes = 80;

/** A record that is kept as an object, with its boxed version, costs as much more; one that is packed, its holder. */
const objectOverheadBytes = 90;
const holderOverheadBytes = 32;

/** Holds a packed record, so that a newer one of the same size can take its place without the library's bookkeeping. */
class PackedHolder {
  packed: PackedRecord;

  constructor(packed: PackedRecord) {
    this.packed = packed;
  }
}

/** From this share of its budget on it counts as full: the next record might push another one out. */
const fullShare = 0.98;

export class RecordCache {
  readonly #records: LRUCache<RecordKey, PackedHolder | StoredRecord>;
  readonly #fullBytes: number;
  readonly #packer = new RecordPacker();
  hitCount = 0;
  missCount = 0;

  /** @param maxBytes 0: nothing is kept */
  constructor(maxBytes: number) {
    this.#fullBytes = maxBytes * fullShare;
    this.#records = new LRUCache<RecordKey, PackedHolder | StoredRecord>({
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
    return this.#unpacked(record);
  }

  /** Does not count as a use. */
  peek(recordKey: RecordKey): StoredRecord | undefined {
    return this.#unpacked(this.#records.peek(recordKey));
  }

  set(recordKey: RecordKey, keyspace: number, record: StoredRecord): void {
    const packed = this.#packer.pack(record);
    const older = this.#records.peek(recordKey);
    if (packed !== undefined && older instanceof PackedHolder && older.packed.length === packed.length) {
      older.packed = packed;
      return;
    }
    const contentSize = slotOverheadBytes + contentBytes(recordKey, keyspace, record.value, record.metadata);
    if (packed === undefined) {
      this.#records.set(recordKey, record, { size: contentSize + objectOverheadBytes });
    } else {
      const size = contentSize + holderOverheadBytes + packed.length - record.value.length;
      this.#records.set(recordKey, new PackedHolder(packed), { size });
    }
  }

  /**
   * Keeps a record that was written: in place of its older self, or where there is room. It pushes nobody out: that
   * is for records that are read. Only a record that is kept is made an object of.
   */
  setWritten(recordKey: RecordKey, written: LoggedRecord): void {
    if (!this.#isFull || this.#records.has(recordKey)) this.#setLogged(recordKey, written);
  }

  #unpacked(record: PackedHolder | StoredRecord | undefined): StoredRecord | undefined {
    return record instanceof PackedHolder ? this.#packer.unpack(record.packed) : record;
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
