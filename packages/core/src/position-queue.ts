/** Rising positions, added at the end and dropped from the front. */

/** The dropped beginning is cut off when it is longer than that and than the rest: neither often nor never. */
const minCut = 1024;

export class PositionQueue {
  #positions: number[] = [];
  #head = 0;

  /** Infinite when there is none. */
  get first(): number {
    return this.#positions[this.#head] ?? Number.POSITIVE_INFINITY;
  }

  push(position: number): void {
    this.#positions.push(position);
  }

  dropUpTo(position: number): void {
    let head = this.#head;
    while ((this.#positions[head] ?? Number.POSITIVE_INFINITY) <= position) head += 1;
    this.#head = head;
    if (head > minCut && head * 2 > this.#positions.length) {
      this.#positions = this.#positions.slice(head);
      this.#head = 0;
    }
  }

  has(position: number): boolean {
    let low = this.#head;
    let high = this.#positions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#positions[middle] ?? 0) < position) low = middle + 1;
      else high = middle;
    }
    return this.#positions[low] === position;
  }
}
