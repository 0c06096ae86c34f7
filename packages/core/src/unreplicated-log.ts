/**
 * How much of its log the primary alone can lose, in bytes: what it appended and no quorum has yet.
 *
 * Guarantees: `bytes` is at least that, and at most a step more than that and an entry; positions are found to the same
 * step, so that its memory does not grow with the log. Assumes that positions are handed in rising order.
 */
interface Mark {
  readonly position: number;
  /** Of everything up to it. */
  readonly totalBytes: number;
}

export class UnreplicatedLog {
  readonly #stepBytes: number;
  #totalBytes = 0;
  /** The first one is on a quorum; the others are a step apart. */
  readonly #marks: Mark[] = [{ position: 0, totalBytes: 0 }];

  constructor(stepBytes: number) {
    this.#stepBytes = stepBytes;
  }

  get bytes(): number {
    return this.#totalBytes - (this.#marks[0]?.totalBytes ?? 0);
  }

  onAppended(position: number, bytes: number): void {
    this.#totalBytes += bytes;
    const newest = this.#marks[this.#marks.length - 1];
    if (this.#totalBytes - (newest?.totalBytes ?? 0) >= this.#stepBytes) {
      this.#marks.push({ position, totalBytes: this.#totalBytes });
    }
  }

  /** Everything up to there is on a quorum. */
  onQuorum(position: number): void {
    let known = 0;
    while ((this.#marks[known + 1]?.position ?? Number.POSITIVE_INFINITY) <= position) known += 1;
    if (known > 0) this.#marks.splice(0, known);
  }

  /** Who is not safe up to there lacks at least so many bytes; 0: no quorum lacks as much. */
  positionBelow(bytes: number): number {
    return this.#marks.findLast(({ totalBytes }) => this.#totalBytes - totalBytes >= bytes)?.position ?? 0;
  }
}
