/** Room for the keys of a small batch; it doubles as they come. */
const firstBytes = 4096;

/** The keys of one batch, in one piece of memory: a large batch has a hundred thousand. */
export class KeyList {
  #bytes = Buffer.allocUnsafe(firstBytes);
  readonly #ends: number[] = [];

  /** Copies the key. */
  add(key: Uint8Array): void {
    const start = this.#end;
    const end = start + key.length;
    if (end > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(end, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes = larger;
    }
    this.#bytes.set(key, start);
    this.#ends.push(end);
  }

  /** The keys in the order in which they came, so many at a time. Their memory is the list's. */
  *parts(size: number): Iterable<Uint8Array[]> {
    let part: Uint8Array[] = [];
    let start = 0;
    for (const end of this.#ends) {
      part.push(this.#bytes.subarray(start, end));
      start = end;
      if (part.length < size) continue;
      yield part;
      part = [];
    }
    if (part.length > 0) yield part;
  }

  get #end(): number {
    return this.#ends[this.#ends.length - 1] ?? 0;
  }
}
