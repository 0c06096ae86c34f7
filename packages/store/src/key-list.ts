/** Room for the keys of a small batch; it doubles as they come. */
const firstBytes = 4096;

/** The keys of one batch, in one piece of memory: a large batch has a hundred thousand. */
export class KeyList {
  #bytes = Buffer.allocUnsafe(firstBytes);
  readonly #ends: number[] = [];

  /** Copies the key. */
  add(key: Uint8Array): void {
    const start = this.#ends[this.#ends.length - 1] ?? 0;
    const end = start + key.length;
    if (end > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(end, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes = larger;
    }
    this.#bytes.set(key, start);
    this.#ends.push(end);
  }

  /** Hands them out once, in the order in which they came, as many at a time as are asked for. */
  reader(): (count: number) => Uint8Array[] {
    let taken = 0;
    let start = 0;
    return (count) => {
      const part: Uint8Array[] = [];
      for (const end of this.#ends.slice(taken, taken + count)) {
        part.push(this.#bytes.subarray(start, end));
        start = end;
      }
      taken += part.length;
      return part;
    };
  }
}
