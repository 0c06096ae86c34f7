import type { ByteString } from '@edis/core';
import { LRUCache } from 'lru-cache';
import './buffer-methods.ts';
import type { Derivation } from './derived-rows.ts';
import { HeldWrite } from './held-write.ts';
import type { LoggedRecord } from './logged-record.ts';
import { encodeMetadata } from './metadata-codec.ts';
import type { PackedRecord } from './record-packer.ts';
import { RecordPacker } from './record-packer.ts';
import type { RecordKey, StoredRecord } from './stored-record.ts';
import { compactValue, contentBytes, maxStringValueBytes } from './stored-record.ts';

/**
 * Hot records of the view. Holds nothing that the view does not have, so it never needs to be asked for what is newest.
 *
 * The budget is one of heap: each record counts with what its objects and its place in the library's tables cost.
 */

/** Map slot and places in the library's five lists; measured on Node 20. */
const slotOverheadBytes = 80;

/** A record that is kept as an object, with its boxed version, costs as much more. */
const objectOverheadBytes = 90;
/** With what it costs once it is read; the metadata itself then counts twice. */
const loggedOverheadBytes = 160;
const noBytes = Buffer.alloc(0);
const initialScratchBytes = 1024;

type Holder = PackedRecord | HeldWrite | StoredRecord;

/** From this share of its budget on it counts as full: the next record might push another one out. */
const fullShare = 0.98;

export class RecordCache {
  readonly #records: LRUCache<RecordKey, Holder>;
  readonly #fullBytes: number;
  readonly #packer = new RecordPacker();
  #scratch = Buffer.allocUnsafeSlow(initialScratchBytes);
  hitCount = 0;
  missCount = 0;
  /** What the last `peekDerivation` found, if it is held as it was logged. */
  heldWrite: HeldWrite | undefined;

  /** @param maxBytes 0: nothing is kept */
  constructor(maxBytes: number) {
    this.#fullBytes = maxBytes * fullShare;
    this.#records = new LRUCache<RecordKey, Holder>({
      maxSize: Math.max(1, maxBytes),
      // A record that would push out a large part of the others is not worth it.
      maxEntrySize: Math.max(1, Math.floor(maxBytes / 8)),
      dispose: (held) => {
        if (held instanceof HeldWrite) held.onLetGo();
      },
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

  /**
   * What other rows of the view follow from, until the next call; undefined when it does not have the record. Does not
   * count as a use.
   */
  peekDerivation(recordKey: RecordKey): Derivation | undefined {
    const held = this.#records.peek(recordKey);
    this.heldWrite = held instanceof HeldWrite ? held : undefined;
    if (held === undefined) return undefined;
    if (typeof held === 'string') return { bytes: noBytes, start: 0, end: 0, expiresAtMs: 0 };
    const { expiresAtMs } = held;
    if (held instanceof HeldWrite) {
      const end = this.#unfold(held.content);
      return { bytes: this.#scratch, start: held.valueLength, end, expiresAtMs };
    }
    const bytes = held.metadata === undefined ? noBytes : encodeMetadata(held.metadata);
    return { bytes, start: 0, end: bytes.length, expiresAtMs };
  }

  set(recordKey: RecordKey, keyspace: number, record: StoredRecord): void {
    const packed = this.#packer.pack(record);
    const contentSize = slotOverheadBytes + contentBytes(recordKey, keyspace, record.value, record.metadata);
    if (packed === undefined) {
      this.#records.set(recordKey, record, { size: contentSize + objectOverheadBytes });
    } else {
      this.#records.set(recordKey, packed, { size: contentSize + packed.length - record.value.length });
    }
  }

  /**
   * Keeps a record that was written: in place of its older self, or where there is room. It pushes nobody out: that
   * is for records that are read. Only a record that is kept is made an object of.
   */
  setWritten(recordKey: RecordKey, written: LoggedRecord): void {
    const held = this.#records.peek(recordKey);
    if (held instanceof HeldWrite && held.takes(written)) return;
    if (held !== undefined || !this.#isFull) this.#setLogged(recordKey, written);
  }

  /** Writes a byte string into the scratch memory; returns where it ends. */
  #unfold(bytes: ByteString): number {
    if (bytes.length > this.#scratch.length) this.#scratch = Buffer.allocUnsafeSlow(bytes.length * 2);
    return this.#scratch.latin1Write(bytes, 0);
  }

  #unpacked(record: Holder | undefined): StoredRecord | undefined {
    if (typeof record === 'string') return this.#packer.unpack(record);
    return record instanceof HeldWrite ? record.record() : record;
  }

  #setLogged(recordKey: RecordKey, written: LoggedRecord): void {
    const { keyspace, version, expiresAtMs } = written;
    if (written.derives && written.valueLength <= maxStringValueBytes) {
      const held = new HeldWrite(written);
      const size = contentBytes(recordKey, keyspace, held.content, undefined) + written.metadataLength;
      this.#records.set(recordKey, held, { size: slotOverheadBytes + size + loggedOverheadBytes });
      return;
    }
    const value = compactValue(written.value());
    this.set(recordKey, keyspace, { value, metadata: written.metadata(), version, expiresAtMs });
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
