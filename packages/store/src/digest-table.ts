import { invariant } from '@edis/core';
import { DigestPart } from './digest-part.ts';
import type { Digest } from './record-row.ts';
import type { RecordKey } from './stored-record.ts';

/**
 * For records of the view: their size and their share of the content hash, without the records themselves.
 *
 * The applier must know what each write replaces to keep the view's sums exact. Asking LevelDB costs several times what
 * the rest of a fold does, even for a record that is not there; here a record costs 24 bytes, no object, and a search
 * some hundred nanoseconds. While the table has never had to drop anything it is `complete`: what it does not have,
 * the view does not have either. Beyond its bound it goes on as a cache, and the view is asked for the rest.
 *
 * Records are told apart by 96 bits of hash over their key (seeded, so that nobody can choose keys that collide).
 *
 * A large table is made of parts that grow one after the other. Grown as a whole it stood still for tens of
 * milliseconds, and left the memory of its older selves, as much as its own again, to a garbage collection that an
 * idle process does not run.
 */
/** Digests of 1.5 million records. */
const digestBytesMax = 56 * 1024 * 1024;
/** Bits of the hash that name the part. */
const partBits = 4;
/** A table that can not have more slots than this has one part. */
const undividedSlotsMax = 1 << 17;
const initialSlots = 4096;
const bytesPerSlot = 24;

export class DigestTable implements Digest {
  readonly #parts: readonly DigestPart[];
  readonly #partShift: number;
  readonly #seed: number;
  #complete: boolean;
  // Result of #hash.
  #first = 0;
  #second = 0;
  #third = 0;
  /** The key that was looked for last, while what was found is still so. */
  #found: RecordKey | undefined;
  #foundAt = 0;
  // Result of find.
  size = 0;
  highLane = 0;
  lowLane = 0;
  derives = false;

  /** @param complete whether the view has no records yet */
  constructor(maxBytes: number, seed: number, complete: boolean) {
    const maxSlots = Math.max(initialSlots, Math.floor(maxBytes / bytesPerSlot));
    const bits = maxSlots > undividedSlotsMax ? partBits : 0;
    const count = 1 << bits;
    this.#partShift = 32 - bits;
    this.#parts = Array.from(
      { length: count },
      (_, index) => new DigestPart(initialSlots / count, Math.floor(maxSlots / count), index / count),
    );
    this.#seed = seed | 0;
    this.#complete = complete;
  }

  /** The table of a store. Nobody who chooses keys knows its id. */
  static of(storeId: string, complete: boolean): DigestTable {
    return new DigestTable(digestBytesMax, idHash(storeId), complete);
  }

  /** Whether a record that is not in the table is not in the view either. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Announces that many new records: whether the table will have been complete throughout. */
  expect(count: number): boolean {
    if (this.#complete) this.#complete = this.#parts.every((part) => part.hasRoom(count));
    return this.#complete;
  }

  get count(): number {
    return this.#parts.reduce((sum, part) => sum + part.count, 0);
  }

  get bytes(): number {
    return this.#parts.reduce((sum, part) => sum + part.bytes, 0);
  }

  /** Forgets everything, as when another view takes the place of this one. */
  reset(complete: boolean): void {
    for (const part of this.#parts) part.clear();
    this.#found = undefined;
    this.#complete = complete;
  }

  /** Whether it has the record; its digest is then set, until the next call. */
  find(recordKey: RecordKey): boolean {
    this.#hash(recordKey);
    const part = this.#part();
    const at = part.search(this.#first, this.#second, this.#third);
    this.#found = recordKey;
    this.#foundAt = at;
    return part.read(at, this);
  }

  set(recordKey: RecordKey, digest: Digest): void {
    // Most records are looked for just before they are replaced.
    const known = this.#found === recordKey;
    if (!known) this.#hash(recordKey);
    this.#found = undefined;
    const part = this.#part();
    const at = known ? this.#foundAt : part.search(this.#first, this.#second, this.#third);
    if (!part.put(at, this.#first, this.#second, this.#third, digest)) this.#complete = false;
  }

  delete(recordKey: RecordKey): void {
    this.#found = undefined;
    this.#hash(recordKey);
    const part = this.#part();
    part.remove(part.search(this.#first, this.#second, this.#third));
  }

  /** The part of the record that was hashed last. Its bits are not those that find the slot. */
  #part(): DigestPart {
    // A shift by 32 is one by 0: an undivided table must not come here with bits.
    const index = this.#parts.length === 1 ? 0 : Math.imul(this.#second, 0x9e3779b1) >>> this.#partShift;
    const part = this.#parts[index];
    invariant(part !== undefined, 'the bits of a hash name a part');
    return part;
  }

  #hash(recordKey: RecordKey): void {
    let first = this.#seed;
    let second = this.#seed ^ 0x9e3779b9;
    let third = this.#seed ^ 0x7f4a7c15;
    for (let index = 0; index < recordKey.length; index++) {
      const unit = recordKey.charCodeAt(index);
      first = Math.imul(first ^ unit, 0x85ebca6b);
      first ^= first >>> 15;
      second = Math.imul(second ^ unit, 0xc2b2ae35);
      second ^= second >>> 13;
      third = Math.imul(third + unit, 0x27d4eb2f);
      third ^= third >>> 16;
    }
    first = Math.imul(first ^ second, 0x85ebca6b);
    this.#first = (first ^ (first >>> 16)) | 0;
    this.#second = second | 0;
    this.#third = (third ^ recordKey.length) | 0;
  }
}

/** A seed for a table, of a store's random id. */
export function idHash(id: string): number {
  let hash = 0;
  for (let index = 0; index < id.length; index++) hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193) + 1;
  return hash;
}
