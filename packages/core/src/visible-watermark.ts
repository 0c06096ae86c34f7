/**
 * The primary's `visible`: the position up to which every entry has reached the ack that its writer asked for.
 *
 * Guarantees: `visible` never falls, and never covers an entry that its writer may still be told has failed. Assumes
 * that positions are handed in rising order. Shaped by the schedule in which a reader sees a `disk` write that a crash
 * then takes away: what is not reached is not shown, and who looked at it waits for it.
 *
 * What a new primary inherits counts as not reached until its opening entry is safe on a quorum (the epoch may have
 * changed under entries that nobody acknowledged; Raft, figure 8).
 */
import type { Ack } from './operation.ts';
import { PositionQueue } from './position-queue.ts';

export class VisibleWatermark {
  #visible: number;
  #last: number;
  #synced: number;
  #quorum = 0;
  /** Entries that wait for a sync, and those that wait for the quorum. */
  readonly #unsynced = new PositionQueue();
  readonly #unsafe = new PositionQueue();
  /** Nothing above `visible` counts before the position `until` is safe on a quorum; 0: no such hold. */
  #holdUntil = 0;

  constructor(start: { visible: number; last: number; synced: number }) {
    this.#visible = start.visible;
    this.#last = start.last;
    this.#synced = start.synced;
  }

  get visible(): number {
    return this.#visible;
  }

  /** Holds back everything above `visible` until the opening entry at `position` is safe on a quorum. */
  holdUntil(position: number): void {
    this.#holdUntil = position;
  }

  /** An entry is in the log file. `ack`: the highest that one of its writers asked for. */
  onAppended(position: number, ack: Ack): void {
    this.#last = position;
    if (ack === 'quorum' && position > this.#quorum) this.#unsafe.push(position);
    else if (ack === 'disk' && position > this.#synced) this.#unsynced.push(position);
    this.#advance();
  }

  onSynced(position: number): void {
    if (position <= this.#synced) return;
    this.#synced = position;
    this.#unsynced.dropUpTo(position);
    this.#advance();
  }

  /** Everything up to there is synced on a quorum. */
  onQuorum(position: number): void {
    if (position <= this.#quorum) return;
    this.#quorum = position;
    this.#unsafe.dropUpTo(position);
    this.#advance();
  }

  /** Whether the entry at `position` has reached its writers' ack, whatever stands before it. */
  isReached(position: number): boolean {
    if (position <= this.#visible) return true;
    return this.#holdUntil === 0 && !this.#unsynced.has(position) && !this.#unsafe.has(position);
  }

  /** Whether the entry at `position` waits for the quorum, or for what the quorum must have first. */
  waitsForQuorum(position: number): boolean {
    return position > this.#visible && (this.#holdUntil !== 0 || this.#unsafe.has(position));
  }

  /** Whether anything up to `position` waits for the quorum. */
  hasUnsafe(position: number): boolean {
    return position > this.#visible && (this.#holdUntil !== 0 || this.#unsafe.first <= position);
  }

  #advance(): void {
    if (this.#holdUntil !== 0) {
      if (this.#quorum < this.#holdUntil) return;
      this.#holdUntil = 0;
    }
    const next = Math.min(this.#unsynced.first, this.#unsafe.first);
    const visible = Math.min(this.#last, next - 1);
    if (visible > this.#visible) this.#visible = visible;
  }
}
