/**
 * Ranks of which the n-th is asked for in proportion to 1 / n^theta: a few are very popular, and most are not. The
 * method is that of YCSB (Gray et al., "Quickly generating billion-record synthetic databases", 1994): after one sum
 * over all ranks, each choice costs two powers.
 */
export class Zipfian {
  readonly count: number;
  readonly #theta: number;
  readonly #zetaOfCount: number;
  readonly #alpha: number;
  readonly #eta: number;

  constructor(count: number, theta: number) {
    if (count < 2) throw new Error(`a distribution over ${count} ranks; give at least 2`);
    if (theta <= 0 || theta >= 1) throw new Error(`theta is ${theta}; give more than 0 and less than 1`);
    this.count = count;
    this.#theta = theta;
    this.#zetaOfCount = zeta(count, theta);
    this.#alpha = 1 / (1 - theta);
    this.#eta = (1 - (2 / count) ** (1 - theta)) / (1 - zeta(2, theta) / this.#zetaOfCount);
  }

  /** Rank for a random fraction; 0 is the most popular. */
  rank(fraction: number): number {
    const scaled = fraction * this.#zetaOfCount;
    if (scaled < 1) return 0;
    if (scaled < 1 + 0.5 ** this.#theta) return 1;
    return Math.min(this.count - 1, Math.floor(this.count * (this.#eta * fraction - this.#eta + 1) ** this.#alpha));
  }
}

/** Spreads neighbouring ranks over all of `count` places, always the same way (FNV-1a over the rank's bytes). */
export function scatter(rank: number, count: number): number {
  let hash = 0x811c_9dc5;
  for (let shift = 0; shift < 32; shift += 8) {
    hash = Math.imul(hash ^ ((rank >>> shift) & 0xff), 0x0100_0193);
  }
  return (hash >>> 0) % count;
}

function zeta(count: number, theta: number): number {
  let sum = 0;
  for (let rank = 1; rank <= count; rank += 1) sum += 1 / rank ** theta;
  return sum;
}
