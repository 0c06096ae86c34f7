import type { ByteString, Bytes, Metadata } from '@edis/core';
import type { Entry } from './logged-operation.ts';
import type { Lookup, RecordKey, StoredRecord } from './stored-record.ts';
import { compactValue, contentBytes, recordKeyOf } from './stored-record.ts';

/**
 * What the log has and the view does not have yet.
 *
 * Guarantees: per key the chain of its writes, newest first, so that a reader who may see only up to a position
 * finds the newest write not above it; an entry leaves as a whole, after the view has it. Bytes are counted with
 * what the objects cost, so that the bound is one of real memory. Shaped by hot keys: chains are linked both ways,
 * so that whether a write is superseded within a range of positions, and taking it out, cost O(1) however long its
 * chain is.
 */
export class OverlayWrite implements StoredRecord {
  readonly recordKey: RecordKey;
  readonly keyspace: number;
  readonly value: Bytes;
  readonly metadata: Metadata | undefined;
  readonly version: number;
  readonly expiresAtMs: number;
  readonly deleted: boolean;
  readonly position: number;
  /** Neighbours in the key's chain. */
  newer: OverlayWrite | undefined = undefined;
  older: OverlayWrite | undefined = undefined;

  constructor(
    recordKey: RecordKey,
    keyspace: number,
    value: Bytes,
    metadata: Metadata | undefined,
    version: number,
    expiresAtMs: number,
    deleted: boolean,
    position: number,
  ) {
    this.recordKey = recordKey;
    this.keyspace = keyspace;
    this.value = value;
    this.metadata = metadata;
    this.version = version;
    this.expiresAtMs = expiresAtMs;
    this.deleted = deleted;
    this.position = position;
  }
}

/** An entry that the view does not have yet. */
export interface OverlayEntry {
  readonly position: number;
  readonly epoch: number;
  /** The highest timestamp that it uses. */
  readonly lastTimestamp: number;
  readonly writes: readonly OverlayWrite[];
  /** Clients whose operation ids it changes. */
  readonly clients: readonly ByteString[];
  readonly bytes: number;
}

/** Object, version, place in its entry and share of the map, measured on Node 20. */
const writeOverheadBytes = 200;
const entryOverheadBytes = 300;

export class Overlay {
  readonly #newest = new Map<RecordKey, OverlayWrite>();
  /** Entries in order; those before the head are gone. */
  #entries: (OverlayEntry | undefined)[] = [];
  #head = 0;
  #bytes = 0;
  #operationCount = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Writes in it, superseded ones included. */
  get operationCount(): number {
    return this.#operationCount;
  }

  get entryCount(): number {
    return this.#entries.length - this.#head;
  }

  /** The entry at this index; 0 is the oldest. */
  entryAt(index: number): OverlayEntry | undefined {
    return this.#entries[this.#head + index];
  }

  append(entry: Entry): void {
    const writes: OverlayWrite[] = [];
    let bytes = entryOverheadBytes;
    let version = entry.timestamp;
    let clients: Set<ByteString> | undefined;
    let client = '';
    for (const operation of entry.operations) {
      if (operation.kind !== 'open') {
        const recordKey = recordKeyOf(operation.keyspace, operation.key);
        const value = compactValue(operation.value);
        const write = new OverlayWrite(
          recordKey,
          operation.keyspace,
          value,
          operation.metadata,
          version,
          operation.expiresAtMs,
          operation.kind === 'delete',
          entry.position,
        );
        const older = this.#newest.get(recordKey);
        if (older !== undefined) {
          write.older = older;
          older.newer = write;
        }
        this.#newest.set(recordKey, write);
        writes.push(write);
        bytes += writeOverheadBytes + contentBytes(recordKey, operation.keyspace, value, operation.metadata);
      }
      if (operation.client !== client) {
        client = operation.client;
        if (client !== '') {
          clients ??= new Set(entry.completed.keys());
          clients.add(client);
        }
      }
      version++;
    }
    const touched = clients === undefined ? [...entry.completed.keys()] : [...clients];
    this.#entries.push({
      position: entry.position,
      epoch: entry.epoch,
      lastTimestamp: entry.timestamp + Math.max(0, entry.operations.length - 1),
      writes,
      clients: touched,
      bytes,
    });
    this.#bytes += bytes;
    this.#operationCount += writes.length;
  }

  /** The newest write of a key that is not above a position; undefined when the view decides. */
  find(recordKey: RecordKey, upTo: number): OverlayWrite | undefined {
    let write = this.#newest.get(recordKey);
    while (write !== undefined && write.position > upTo) write = write.older;
    return write;
  }

  lookup(recordKey: RecordKey, upTo: number): Lookup | undefined {
    const write = this.find(recordKey, upTo);
    if (write === undefined) return undefined;
    return { record: write.deleted ? undefined : write, position: write.position };
  }

  /** Whether a later write, not above the position, takes the place of this one. */
  static isSuperseded(write: OverlayWrite, upTo: number): boolean {
    return write.newer !== undefined && write.newer.position <= upTo;
  }

  /** Takes a write out, with all older ones of its key: the view has it. */
  drop(write: OverlayWrite): void {
    if (write.newer === undefined) {
      this.#newest.delete(write.recordKey);
    } else {
      write.newer.older = undefined;
      write.newer = undefined;
    }
    write.older = undefined;
  }

  /** Lets go of the oldest entry, whose writes have all been dropped. */
  shift(): void {
    const entry = this.#entries[this.#head];
    if (entry === undefined) return;
    this.#entries[this.#head++] = undefined;
    this.#bytes -= entry.bytes;
    this.#operationCount -= entry.writes.length;
    if (this.#head >= 1024 && this.#head * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Takes out the entries above a position: they have been cut off the log. */
  truncateAfter(position: number): void {
    for (let last = this.#last(); last !== undefined && last.position > position; last = this.#last()) {
      this.#entries.pop();
      this.#bytes -= last.bytes;
      this.#operationCount -= last.writes.length;
      for (let index = last.writes.length - 1; index >= 0; index--) this.#takeNewest(last.writes[index]);
    }
  }

  clear(): void {
    this.#newest.clear();
    this.#entries = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#operationCount = 0;
  }

  #last(): OverlayEntry | undefined {
    return this.#head === this.#entries.length ? undefined : this.#entries[this.#entries.length - 1];
  }

  #takeNewest(write: OverlayWrite | undefined): void {
    if (write === undefined) return;
    if (write.older === undefined) {
      this.#newest.delete(write.recordKey);
    } else {
      write.older.newer = undefined;
      this.#newest.set(write.recordKey, write.older);
    }
  }
}
