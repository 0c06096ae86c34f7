import type { Digest } from './record-row.ts';

/**
 * Slots of a digest table: open addressing with linear search, in one flat array.
 *
 * A slot has three words of hash, two lanes and the size; a size of 0 is a free slot.
 */
const fieldsPerSlot = 6;
/** In the field of the size, which no record comes near: rows are derived from the record. */
const derivesBit = 1 << 30;
/** Fuller than this, searches get long. */
const maxLoad = 0.75;
const growth = 1.25;

/** Where the digest of a found record goes. */
type DigestTarget = { -readonly [Field in keyof Digest]: Digest[Field] };

export class DigestPart {
  readonly #initialSlots: number;
  readonly #maxSlots: number;
  #slots: number;
  #fields: Int32Array;
  #count = 0;

  /** @param phase from 0 to 1: how far its growth is ahead of that of the first part, in steps */
  constructor(leastSlots: number, maxSlots: number, phase: number) {
    this.#maxSlots = maxSlots;
    this.#initialSlots = Math.min(maxSlots, Math.round(leastSlots * growth ** phase));
    this.#slots = this.#initialSlots;
    this.#fields = new Int32Array(this.#slots * fieldsPerSlot);
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#fields.byteLength;
  }

  /** Whether so many records more, and one on its way, leave it without a need to drop one. */
  hasRoom(count: number): boolean {
    return this.#count + count + 1 <= this.#maxSlots * maxLoad;
  }

  clear(): void {
    this.#slots = this.#initialSlots;
    this.#fields = new Int32Array(this.#slots * fieldsPerSlot);
    this.#count = 0;
  }

  /** The slot of a record, or the free one where its search ends. */
  search(first: number, second: number, third: number): number {
    const fields = this.#fields;
    const end = fields.length;
    let at = this.#home(first);
    while ((fields[at + 5] ?? 0) !== 0) {
      if (fields[at] === first && fields[at + 1] === second && fields[at + 2] === third) return at;
      at += fieldsPerSlot;
      if (at === end) at = 0;
    }
    return at;
  }

  /** Whether a slot is taken; its digest then goes to the target. */
  read(at: number, target: DigestTarget): boolean {
    const fields = this.#fields;
    const size = fields[at + 5] ?? 0;
    if (size === 0) return false;
    target.size = size & ~derivesBit;
    target.derives = (size & derivesBit) !== 0;
    target.highLane = fields[at + 3] ?? 0;
    target.lowLane = fields[at + 4] ?? 0;
    return true;
  }

  /** Puts a record where its search ended. False: another one had to go. */
  put(found: number, first: number, second: number, third: number, digest: Digest): boolean {
    let at = found;
    let isComplete = true;
    if ((this.#fields[at + 5] ?? 0) === 0) {
      if (this.#count + 1 > this.#slots * maxLoad) {
        isComplete = this.#makeRoom(first);
        at = this.search(first, second, third);
      }
      this.#count++;
    }
    const { size, highLane, lowLane, derives } = digest;
    this.#fill(at, first, second, third, highLane, lowLane, derives ? size | derivesBit : size);
    return isComplete;
  }

  /** Frees a slot, if it is taken. */
  remove(at: number): void {
    if ((this.#fields[at + 5] ?? 0) === 0) return;
    this.#count--;
    this.#close(at);
  }

  /** Grows, or drops the next record behind the first slot of the one that comes: false. */
  #makeRoom(first: number): boolean {
    if (this.#slots < this.#maxSlots) {
      this.#grow(Math.min(this.#maxSlots, Math.ceil(this.#slots * growth)));
      return true;
    }
    let victim = this.#home(first);
    while ((this.#fields[victim + 5] ?? 0) === 0) victim = (victim + fieldsPerSlot) % this.#fields.length;
    this.remove(victim);
    return false;
  }

  #grow(slots: number): void {
    const old = this.#fields;
    this.#slots = slots;
    this.#fields = new Int32Array(slots * fieldsPerSlot);
    for (let at = 0; at < old.length; at += fieldsPerSlot) {
      const size = old[at + 5] ?? 0;
      if (size === 0) continue;
      const first = old[at] ?? 0;
      const second = old[at + 1] ?? 0;
      const third = old[at + 2] ?? 0;
      this.#fill(this.search(first, second, third), first, second, third, old[at + 3] ?? 0, old[at + 4] ?? 0, size);
    }
  }

  #fill(at: number, first: number, second: number, third: number, high: number, low: number, size: number): void {
    const fields = this.#fields;
    fields[at] = first;
    fields[at + 1] = second;
    fields[at + 2] = third;
    fields[at + 3] = high;
    fields[at + 4] = low;
    fields[at + 5] = size;
  }

  #home(first: number): number {
    return Math.floor(((first >>> 0) / 0x1_0000_0000) * this.#slots) * fieldsPerSlot;
  }

  /** Empties a slot and moves up those behind it whose search would otherwise end there. */
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
}
