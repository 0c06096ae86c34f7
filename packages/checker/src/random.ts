/** Numbers that look random and are the same for the same seed (mulberry32), so that a workload can be run again. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  /** One of those, by their weights. */
  pick<Choice>(weighted: readonly (readonly [Choice, number])[]): Choice {
    const total = weighted.reduce((sum, [, weight]) => sum + weight, 0);
    let left = this.next() * total;
    for (const [choice, weight] of weighted) {
      left -= weight;
      if (left < 0) return choice;
    }
    const last = weighted.at(-1);
    if (last === undefined) throw new RangeError('there is nothing to pick from');
    return last[0];
  }
}
