import type { ByteString } from '@edis/core';
import { invariant } from '@edis/core';
import type { Entry, LoggedOperation } from './logged-operation.ts';
import { lastTimestampOf } from './logged-operation.ts';
import { firstOperation, LoggedRecord } from './logged-record.ts';
import type { Lookup, RecordKey } from './stored-record.ts';
import { recordKeyOf } from './stored-record.ts';
import { asBuffer } from './wire.ts';

/**
 * What the log has and the view does not have yet.
 *
 * Guarantees: per key the chain of its writes, newest first, so that a reader who may see only up to a position
 * finds the newest write not above it; an entry leaves as a whole, after the view has it. Bytes are counted with
 * what they cost in memory, so that the bound is one of real memory. Assumes that positions follow each other.
 *
 * Shaped by hot keys: chains are linked both ways, so that whether a write is superseded within a range of positions,
 * and taking it out, cost O(1) however long its chain is. And by the garbage collector, which is good at what dies at
 * once and worst at what lives for half a second, as each write here does: a write is therefore a row of numbers in a
 * ring, and key and record stay in the entry's body.
 */
export interface OverlayEntry {
  readonly position: number;
  readonly epoch: number;
  readonly timestamp: number;
  /** The highest timestamp that it uses. */
  readonly lastTimestamp: number;
  readonly body: Buffer;
  /** Its writes are this one and those that follow it. */
  readonly firstWrite: number;
  readonly writeCount: number;
  /** Clients whose operation ids it changes. */
  readonly clients: readonly ByteString[];
  readonly bytes: number;
}

/** The ring grows by doubling, and the table too: each write counts with what it has on average. */
const writeOverheadBytes = 128;
/** Entry, Buffer, and what the allocator adds to its memory. */
const entryOverheadBytes = 400;

/** Writes are numbered round this; every size of the ring divides it. */
const numberMask = 0x3fff_ffff;
const none = -1;
const initialWrites = 1024;
/** Below it, to look at all of them first gains nothing. */
const minWarmedWrites = 8;

// Fields of a write in the ring.
const fieldCount = 16;
const startField = 0;
const sizeField = 1;
/** Twice the operation's place in its entry, and one more for a removal. */
const placeField = 2;
const olderField = 3;
const newerField = 4;
const hashField = 5;
const positionField = 6;
const positionHighField = 7;
/** Length of the key, when all of it is in the words; else 0. */
const keyLengthField = 8;
const keyWordsField = 9;
/** Keys up to this, which are nearly all, are told apart within the row: each look at a string costs a cache miss. */
const maxRowKeyLength = 24;
const twoTo32 = 0x1_0000_0000;

/** The write that was taken in after this one. */
export function writeAfter(write: number): number {
  return (write + 1) & numberMask;
}

export class Overlay {
  readonly #seed: number;
  #capacity = initialWrites;
  #fields = new Int32Array(initialWrites * fieldCount);
  /** The oldest write, and the one to come. */
  #first = 0;
  #next = 0;
  /** By hash of the record key: number of its newest write + 1, or 0. */
  #table = new Int32Array(initialWrites * 2);
  #keyCount = 0;
  /** Entries in order; those before the head are gone. */
  #entries: (OverlayEntry | undefined)[] = [];
  #head = 0;
  #bytes = 0;
  readonly #record = new LoggedRecord();
  readonly #written = new LoggedRecord();
  /** The key that was hashed last, as its row has it. */
  readonly #keyWords = new Int32Array(maxRowKeyLength / 4);
  #keyLength = 0;
  /** Scratch of #warm. */
  #warmed = new Int32Array(0);

  /**
   * @param seed that nobody knows who chooses keys
   * @param firstWrite number of the first write
   */
  constructor(seed = 0, firstWrite = 0) {
    this.#seed = seed | 0;
    this.#first = firstWrite & numberMask;
    this.#next = this.#first;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Writes in it, superseded ones included. */
  get operationCount(): number {
    return (this.#next - this.#first) & numberMask;
  }

  get entryCount(): number {
    return this.#entries.length - this.#head;
  }

  /** The entry at this index; 0 is the oldest. */
  entryAt(index: number): OverlayEntry | undefined {
    return this.#entries[this.#head + index];
  }

  /** @param encoded the entry's body: kept, with all the memory that it is a part of */
  append(entry: Entry, encoded: Uint8Array): void {
    const { operations, position, epoch, timestamp } = entry;
    const body = asBuffer(encoded);
    this.#makeRoom(operations.length);
    const firstWrite = this.#next;
    const clients = clientsOf(entry);
    const bytes = entryOverheadBytes + body.length + operations.length * writeOverheadBytes;
    const lastTimestamp = lastTimestampOf(entry);
    const taken = { position, epoch, timestamp, lastTimestamp, body, firstWrite, writeCount: 0, clients, bytes };
    // Before its writes: what is found of one may be read already when the next is added.
    this.#entries.push(taken);
    this.#bytes += bytes;
    if (operations.length >= minWarmedWrites) this.#warm(operations, body);
    const written = this.#written;
    let start = firstOperation(body);
    let place = 0;
    for (const { kind, keyspace, key } of operations) {
      written.load(body, start, 0);
      const end = written.metadataEnd;
      if (kind === 'put' || kind === 'delete' || kind === 'expire') {
        const recordKey = recordKeyOf(keyspace, key);
        // Reading bytes costs a fraction of what reading a string's characters does.
        const hash = recordKey === key ? this.#hashBytes(body, written.keyStart, key.length) : this.#hash(recordKey);
        this.#add(recordKey, hash, position, start, end - start, place * 2 + (kind === 'put' ? 0 : 1));
      }
      start = end;
      place++;
    }
    taken.writeCount = (this.#next - firstWrite) & numberMask;
  }

  /**
   * Looks at all places of the table, then at all rows, that the writes of an entry will need. The processor waits for
   * memory many times at once then, instead of twice for each write: that was most of what a write cost.
   */
  #warm(operations: readonly LoggedOperation[], body: Buffer): void {
    if (this.#warmed.length < operations.length) this.#warmed = new Int32Array(operations.length);
    const warmed = this.#warmed;
    const written = this.#written;
    const count = operations.length;
    let start = firstOperation(body);
    for (let index = 0; index < count; index++) {
      written.load(body, start, 0);
      warmed[index] = this.#hashBytes(body, written.keyStart, written.valueStart - written.keyStart);
      start = written.metadataEnd;
    }
    const table = this.#table;
    const tableMask = table.length - 1;
    for (let index = 0; index < count; index++) warmed[index] = table[(warmed[index] ?? 0) & tableMask] ?? 0;
    const fields = this.#fields;
    const slotMask = this.#capacity - 1;
    for (let index = 0; index < count; index++) {
      warmed[index] = fields[(((warmed[index] ?? 0) - 1) & slotMask) * fieldCount + hashField] ?? 0;
    }
  }

  lookup(recordKey: RecordKey, upTo: number): Lookup | undefined {
    if (this.#keyCount === 0) return undefined;
    let write = (this.#table[this.#find(recordKey, this.#hash(recordKey))] ?? 0) - 1;
    while (write !== none && this.#positionOf(write) > upTo) write = this.#field(write, olderField);
    if (write === none) return undefined;
    return {
      record: this.isRemoval(write) ? undefined : this.read(write).record(),
      position: this.#positionOf(write),
    };
  }

  /** Whether a later write, not above the position, takes the place of this one. */
  isSuperseded(write: number, upTo: number): boolean {
    const newer = this.#field(write, newerField);
    return newer !== none && this.#positionOf(newer) <= upTo;
  }

  isRemoval(write: number): boolean {
    return (this.#field(write, placeField) & 1) === 1;
  }

  /** Bytes in the log. */
  sizeOf(write: number): number {
    return this.#field(write, sizeField);
  }

  /** The write as its entry has it: good until the next call, or lookup. */
  read(write: number): LoggedRecord {
    const oldest = this.#entries[this.#head];
    const entry = this.#entries[this.#head + this.#positionOf(write) - (oldest?.position ?? 0)];
    const record = this.#record;
    invariant(entry !== undefined, 'the entry of a write is in the overlay');
    record.load(entry.body, this.#field(write, startField), entry.timestamp + (this.#field(write, placeField) >> 1));
    return record;
  }

  /** Takes a write out, with all older ones of its key: the view has it. */
  drop(write: number): void {
    const newer = this.#field(write, newerField);
    if (newer === none) {
      this.#close(this.#placeOf(write));
    } else {
      this.#setField(newer, olderField, none);
      this.#setField(write, newerField, none);
    }
    this.#setField(write, olderField, none);
  }

  /** Lets go of the oldest entry, whose writes have all been dropped. */
  shift(): void {
    const entry = this.#entries[this.#head];
    if (entry === undefined) return;
    this.#entries[this.#head++] = undefined;
    this.#bytes -= entry.bytes;
    this.#first = (this.#first + entry.writeCount) & numberMask;
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
      for (let count = last.writeCount; count > 0; count--) this.#takeNewest();
    }
  }

  clear(): void {
    this.#capacity = initialWrites;
    this.#fields = new Int32Array(initialWrites * fieldCount);
    this.#first = 0;
    this.#next = 0;
    this.#table = new Int32Array(initialWrites * 2);
    this.#keyCount = 0;
    this.#entries = [];
    this.#head = 0;
    this.#bytes = 0;
  }

  #last(): OverlayEntry | undefined {
    return this.#head === this.#entries.length ? undefined : this.#entries[this.#entries.length - 1];
  }

  #add(recordKey: RecordKey, hash: number, position: number, start: number, size: number, place: number): void {
    const write = this.#next;
    this.#next = writeAfter(write);
    const at = this.#find(recordKey, hash);
    const older = (this.#table[at] ?? 0) - 1;
    this.#table[at] = write + 1;
    if (older === none) this.#keyCount++;
    else this.#setField(older, newerField, write);
    const fields = this.#fields;
    const row = (write & (this.#capacity - 1)) * fieldCount;
    fields[row + startField] = start;
    fields[row + sizeField] = size;
    fields[row + placeField] = place;
    fields[row + olderField] = older;
    fields[row + newerField] = none;
    fields[row + hashField] = hash;
    fields[row + positionField] = position;
    fields[row + positionHighField] = Math.floor(position / twoTo32);
    fields[row + keyLengthField] = this.#keyLength;
    const words = this.#keyWords;
    for (let index = 0; index * 4 < this.#keyLength; index++) fields[row + keyWordsField + index] = words[index] ?? 0;
  }

  /** The newest write of all has been cut off. */
  #takeNewest(): void {
    this.#next = (this.#next - 1) & numberMask;
    const write = this.#next;
    const at = this.#placeOf(write);
    const older = this.#field(write, olderField);
    if (older === none) {
      this.#close(at);
    } else {
      this.#setField(older, newerField, none);
      this.#table[at] = older + 1;
    }
  }

  #field(write: number, field: number): number {
    return this.#fields[(write & (this.#capacity - 1)) * fieldCount + field] ?? 0;
  }

  #setField(write: number, field: number, value: number): void {
    this.#fields[(write & (this.#capacity - 1)) * fieldCount + field] = value;
  }

  #positionOf(write: number): number {
    const row = (write & (this.#capacity - 1)) * fieldCount;
    return (this.#fields[row + positionHighField] ?? 0) * twoTo32 + ((this.#fields[row + positionField] ?? 0) >>> 0);
  }

  #makeRoom(count: number): void {
    const needed = this.operationCount + count;
    if (needed > this.#capacity) this.#growRing(needed);
    if ((this.#keyCount + count) * 2 > this.#table.length) this.#growTable((this.#keyCount + count) * 2);
  }

  #growRing(needed: number): void {
    const fields = this.#fields;
    const mask = this.#capacity - 1;
    while (this.#capacity < needed) this.#capacity *= 2;
    this.#fields = new Int32Array(this.#capacity * fieldCount);
    for (let write = this.#first; write !== this.#next; write = writeAfter(write)) {
      const from = write & mask;
      const to = write & (this.#capacity - 1);
      for (let field = 0; field < fieldCount; field++) {
        this.#fields[to * fieldCount + field] = fields[from * fieldCount + field] ?? 0;
      }
    }
  }

  #growTable(needed: number): void {
    const old = this.#table;
    let size = old.length;
    while (size < needed) size *= 2;
    this.#table = new Int32Array(size);
    for (const held of old) {
      if (held === 0) continue;
      let at = this.#field(held - 1, hashField) & (size - 1);
      while (this.#table[at] !== 0) at = (at + 1) & (size - 1);
      this.#table[at] = held;
    }
  }

  /** The place in the table of the key that was hashed last, or the free one where its search ends. */
  #find(recordKey: RecordKey, hash: number): number {
    const table = this.#table;
    const mask = table.length - 1;
    let at = hash & mask;
    for (let held = table[at] ?? 0; held !== 0; held = table[at] ?? 0) {
      if (this.#field(held - 1, hashField) === hash && this.#hasKey(held - 1, recordKey)) return at;
      at = (at + 1) & mask;
    }
    return at;
  }

  #hasKey(write: number, recordKey: RecordKey): boolean {
    const length = this.#keyLength;
    const row = (write & (this.#capacity - 1)) * fieldCount;
    const fields = this.#fields;
    if (fields[row + keyLengthField] !== length) return false;
    if (length === 0) return this.read(write).recordKey() === recordKey;
    const words = this.#keyWords;
    for (let index = 0; index * 4 < length; index++) {
      if (fields[row + keyWordsField + index] !== words[index]) return false;
    }
    return true;
  }

  /** The place in the table of a write that is its key's newest. */
  #placeOf(write: number): number {
    const table = this.#table;
    const mask = table.length - 1;
    let at = this.#field(write, hashField) & mask;
    while (table[at] !== write + 1) at = (at + 1) & mask;
    return at;
  }

  /** Frees a place and moves up those behind it whose search would otherwise end there. */
  #close(freed: number): void {
    const table = this.#table;
    const mask = table.length - 1;
    let hole = freed;
    for (let at = (hole + 1) & mask; table[at] !== 0; at = (at + 1) & mask) {
      const held = table[at] ?? 0;
      const home = this.#field(held - 1, hashField) & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      table[hole] = held;
      hole = at;
    }
    table[hole] = 0;
    this.#keyCount--;
  }

  /** Four characters at a time: the same for a key of the default keyspace and for its bytes. */
  #hash(recordKey: RecordKey): number {
    const length = recordKey.length;
    // Two of other keyspaces may have the same words.
    this.#keyLength = length > maxRowKeyLength || recordKey.charCodeAt(0) > maxByte ? 0 : length;
    let hash = this.#seed ^ length;
    for (let start = 0; start < length; start += 4) {
      let word = 0;
      const count = Math.min(4, length - start);
      for (let index = 0; index < count; index++) word |= recordKey.charCodeAt(start + index) << (index << 3);
      hash = mixed(hash, word);
      this.#keyWords[start >> 2] = word;
    }
    return finished(hash);
  }

  #hashBytes(bytes: Buffer, from: number, length: number): number {
    this.#keyLength = length > maxRowKeyLength ? 0 : length;
    let hash = this.#seed ^ length;
    for (let start = 0; start < length; start += 4) {
      const at = from + start;
      let word = bytes[at] ?? 0;
      if (length - start >= 4) {
        word |= ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
      } else {
        for (let index = 1; index < length - start; index++) word |= (bytes[at + index] ?? 0) << (index << 3);
      }
      hash = mixed(hash, word);
      this.#keyWords[start >> 2] = word;
    }
    return finished(hash);
  }
}

const maxByte = 0xff;

/** The clients whose operation ids an entry changes. */
function clientsOf({ operations, completed }: Entry): readonly ByteString[] {
  let clients: Set<ByteString> | undefined;
  let previous = '';
  for (const { client } of operations) {
    if (client === previous || client === '') continue;
    previous = client;
    if (completed.has(client)) continue;
    clients ??= new Set(completed.keys());
    clients.add(client);
  }
  return clients === undefined ? [...completed.keys()] : [...clients];
}

function mixed(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, 0x85ebca6b);
  return product ^ (product >>> 15);
}

function finished(hash: number): number {
  const product = Math.imul(hash, 0xc2b2ae35);
  return product ^ (product >>> 16);
}
