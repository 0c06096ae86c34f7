/** Xorshift: as uniform as a key choice needs, and far cheaper than a system's random source. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed, 0x9e37_79b1) | 1;
  }

  /** A whole number of 32 bits. */
  next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return state >>> 0;
  }

  /** From 0 to `limit`, which is not included. */
  below(limit: number): number {
    return this.next() % limit;
  }

  /** From 0 to 1, which is not included. */
  fraction(): number {
    return this.next() / 0x1_0000_0000;
  }
}
