/**
 * The primary's `visible`: the position up to which every entry has reached the ack that its writer asked for.
 *
 * Guarantees: `visible` never falls, and never covers an entry that its writer may still be told has failed. Assumes
 * that positions are handed in rising order. Shaped by the schedule in which a reader sees a `disk` write that a crash
 * then takes away: what is not reached is not shown, and who looked at it waits for it.
 *
 * What a new primary inherits counts as not reached until its opening entry is synced (the epoch may have changed under
 * entries that nobody acknowledged; Raft, figure 8).
 */
export class VisibleWatermark {
  #visible: number;
  #last: number;
  #synced: number;
  /** Positions of entries that wait for a sync, rising. The head index avoids shifting. */
  #waiting: number[] = [];
  #head = 0;
  /** Nothing above this counts before the position `until` is synced; 0: no such hold. */
  #holdUntil = 0;

  constructor(start: { visible: number; last: number; synced: number }) {
    this.#visible = start.visible;
    this.#last = start.last;
    this.#synced = start.synced;
  }

  get visible(): number {
    return this.#visible;
  }

  /** Holds back everything above `visible` until the opening entry at `position` is synced. */
  holdUntil(position: number): void {
    this.#holdUntil = position;
  }

  /** An entry is in the log file. `needsSync`: one of its writers asked for more than `memory`. */
  onAppended(position: number, needsSync: boolean): void {
    this.#last = position;
    if (needsSync && position > this.#synced) this.#waiting.push(position);
    this.#advance();
  }

  onSynced(position: number): void {
    if (position <= this.#synced) return;
    this.#synced = position;
    let head = this.#head;
    while (head < this.#waiting.length && (this.#waiting[head] ?? 0) <= position) head += 1;
    this.#head = head;
    if (head > 1024 && head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(head);
      this.#head = 0;
    }
    this.#advance();
  }

  /** Whether the entry at `position` has reached its writers' ack, whatever stands before it. */
  isReached(position: number): boolean {
    if (position <= this.#visible || position <= this.#synced)
      return this.#holdUntil === 0 || position <= this.#visible;
    if (this.#holdUntil !== 0) return false;
    let low = this.#head;
    let high = this.#waiting.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#waiting[middle] ?? 0) < position) low = middle + 1;
      else high = middle;
    }
    return this.#waiting[low] !== position;
  }

  #advance(): void {
    if (this.#holdUntil !== 0) {
      if (this.#synced < this.#holdUntil) return;
      this.#holdUntil = 0;
    }
    const next = this.#waiting[this.#head];
    const visible = next === undefined ? this.#last : next - 1;
    if (visible > this.#visible) this.#visible = visible;
  }
}
