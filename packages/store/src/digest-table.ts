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
 */
/** Digests of 1.5 million records. */
export const digestBytesMax: number = 48 * 1024 * 1024;
const fieldsPerSlot = 6;
/** In the field of the size, which no record comes near: rows are derived from the record. */
const derivesBit = 1 << 30;
const initialSlots = 4096;
/**
 * Fuller than this, searches get long; the table then grows by a quarter: the old memory goes with a later garbage
 * collection only, so that both are resident for a while.
 */
const maxLoad = 0.75;
const growth = 1.25;

export class DigestTable implements Digest {
  readonly #maxSlots: number;
  readonly #seed: number;
  #slots = initialSlots;
  #fields = new Int32Array(initialSlots * fieldsPerSlot);
  #count = 0;
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
    this.#maxSlots = Math.max(initialSlots, Math.floor(maxBytes / (fieldsPerSlot * 4)));
    this.#seed = seed | 0;
    this.#complete = complete;
  }

  /** Whether a record that is not in the table is not in the view either. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Announces that many new records: whether the table will have been complete throughout. */
  expect(count: number): boolean {
    if (this.#count + count + 1 > this.#maxSlots * maxLoad) this.#complete = false;
    return this.#complete;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#fields.byteLength;
  }

  /** Forgets everything, as when another view takes the place of this one. */
  reset(complete: boolean): void {
    this.#slots = initialSlots;
    this.#fields = new Int32Array(initialSlots * fieldsPerSlot);
    this.#count = 0;
    this.#found = undefined;
    this.#complete = complete;
  }

  /** Whether it has the record; its digest is then set, until the next call. */
  find(recordKey: RecordKey): boolean {
    this.#hash(recordKey);
    const at = this.#search();
    this.#found = recordKey;
    this.#foundAt = at;
    const fields = this.#fields;
    const size = fields[at + 5] ?? 0;
    if (size === 0) return false;
    this.size = size & ~derivesBit;
    this.derives = (size & derivesBit) !== 0;
    this.highLane = fields[at + 3] ?? 0;
    this.lowLane = fields[at + 4] ?? 0;
    return true;
  }

  set(recordKey: RecordKey, { size, highLane, lowLane, derives }: Digest): void {
    // Most records are looked for just before they are replaced.
    const known = this.#found === recordKey;
    if (!known) this.#hash(recordKey);
    let at = known ? this.#foundAt : this.#search();
    this.#found = undefined;
    if ((this.#fields[at + 5] ?? 0) === 0) {
      if (this.#count + 1 > this.#slots * maxLoad) at = this.#makeRoom();
      else this.#count++;
    }
    this.#put(at, this.#first, this.#second, this.#third, highLane, lowLane, derives ? size | derivesBit : size);
  }

  delete(recordKey: RecordKey): void {
    this.#found = undefined;
    this.#hash(recordKey);
    const at = this.#search();
    if ((this.#fields[at + 5] ?? 0) === 0) return;
    this.#count--;
    this.#close(at);
  }

  /** A place for the record that was hashed last: in a larger table, or in place of another record. */
  #makeRoom(): number {
    if (this.#slots < this.#maxSlots) {
      const { first, second, third } = { first: this.#first, second: this.#second, third: this.#third };
      this.#grow(Math.min(this.#maxSlots, Math.ceil(this.#slots * growth)));
      this.#first = first;
      this.#second = second;
      this.#third = third;
      this.#count++;
      return this.#search();
    }
    // The next record behind its first slot goes.
    this.#complete = false;
    let victim = this.#home(this.#first);
    while ((this.#fields[victim + 5] ?? 0) === 0) victim = (victim + fieldsPerSlot) % this.#fields.length;
    this.#close(victim);
    return this.#search();
  }

  #grow(slots: number): void {
    const old = this.#fields;
    this.#slots = slots;
    this.#fields = new Int32Array(slots * fieldsPerSlot);
    for (let at = 0; at < old.length; at += fieldsPerSlot) {
      const size = old[at + 5] ?? 0;
      if (size === 0) continue;
      this.#first = old[at] ?? 0;
      this.#second = old[at + 1] ?? 0;
      this.#third = old[at + 2] ?? 0;
      const to = this.#search();
      this.#put(to, this.#first, this.#second, this.#third, old[at + 3] ?? 0, old[at + 4] ?? 0, size);
    }
  }

  #put(at: number, first: number, second: number, third: number, high: number, low: number, size: number): void {
    const fields = this.#fields;
    fields[at] = first;
    fields[at + 1] = second;
    fields[at + 2] = third;
    fields[at + 3] = high;
    fields[at + 4] = low;
    fields[at + 5] = size;
  }

  /** The slot of the record that was hashed last, or the free one where its search ends. */
  #search(): number {
    const fields = this.#fields;
    const end = fields.length;
    let at = this.#home(this.#first);
    while ((fields[at + 5] ?? 0) !== 0) {
      if (fields[at] === this.#first && fields[at + 1] === this.#second && fields[at + 2] === this.#third) return at;
      at += fieldsPerSlot;
      if (at === end) at = 0;
    }
    return at;
  }

  #home(first: number): number {
    return Math.floor(((first >>> 0) / 0x1_0000_0000) * this.#slots) * fieldsPerSlot;
  }

  /** Frees a slot and moves up those behind it whose search would otherwise end there. */
  #close(freed: number): void {
    const fields = this.#fields;
    const end = fields.length;
    let hole = freed;
    for (let at = (hole + fieldsPerSlot) % end; (fields[at + 5] ?? 0) !== 0; at = (at + fieldsPerSlot) % end) {
      const home = this.#home(fields[at] ?? 0);
      const distanceFromHome = (at - home + end) % end;
      const distanceFromHole = (at - hole + end) % end;
      if (distanceFromHome < distanceFromHole) continue;
      fields.copyWithin(hole, at, at + fieldsPerSlot);
      hole = at;
    }
    fields.fill(0, hole, hole + fieldsPerSlot);
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
