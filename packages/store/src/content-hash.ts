/**
 * An order-free hash over the records of a view: the sum of one 64-bit hash per record, so that it can be kept up
 * to date by adding what is written and subtracting what it replaces, and so that members with the same records
 * have the same.
 *
 * A record's hash is two lanes of 32 bits over its key row and its encoded row (keyspace, key, version, expiry,
 * metadata and value). One is made of the CRC that the row carries anyway; the other is a multiplicative hash that
 * shares nothing with it, because differently seeded CRCs of the same bytes differ by a constant only.
 */

/** A CRC is linear, and sums of it would cancel out: its bits are mixed first (the finaliser of MurmurHash3). */
export function laneOfChecksum(checksum: number): number {
  let mixed = checksum | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) | 0;
}

/** The second lane: MurmurHash3's body over little-endian words, then its finaliser. */
export function laneOfBytes(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let hash = seed | 0;
  const wordsEnd = start + ((end - start) & ~3);
  let at = start;
  for (; at < wordsEnd; at += 4) {
    let word =
      (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
    word = Math.imul(word, 0xcc9e2d51);
    word = Math.imul((word << 15) | (word >>> 17), 0x1b873593);
    hash ^= word;
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (let shift = 0; at < end; at++, shift += 8) rest |= (bytes[at] ?? 0) << shift;
  rest = Math.imul(rest, 0xcc9e2d51);
  hash ^= Math.imul((rest << 15) | (rest >>> 17), 0x1b873593);
  return laneOfChecksum(hash ^ (end - start));
}

/** The sum, two lanes modulo 2^32. */
export class ContentHash {
  #high: number;
  #low: number;

  constructor(high = 0, low = 0) {
    this.#high = high;
    this.#low = low;
  }

  static parse(hex: string): ContentHash {
    return new ContentHash(Number.parseInt(hex.slice(0, 8), 16) | 0, Number.parseInt(hex.slice(8), 16) | 0);
  }

  add(high: number, low: number): void {
    this.#high = (this.#high + high) | 0;
    this.#low = (this.#low + low) | 0;
  }

  subtract(high: number, low: number): void {
    this.#high = (this.#high - high) | 0;
    this.#low = (this.#low - low) | 0;
  }

  copy(): ContentHash {
    return new ContentHash(this.#high, this.#low);
  }

  /** 16 hex digits. */
  toString(): string {
    const hex = (lane: number): string => (lane >>> 0).toString(16).padStart(8, '0');
    return hex(this.#high) + hex(this.#low);
  }
}
