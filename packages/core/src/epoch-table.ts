import { invariant } from './error.ts';
import type { Position } from './operation.ts';
import type { EpochStart } from './replication-message.ts';

/**
 * Which epoch each position of a log was written in: the first position of each epoch, oldest first.
 *
 * Guarantees: epochs and first positions rise together; the table outlives the removed beginning of the log.
 * Rests on the log's matching rule: within one epoch only one primary writes, so two logs that have the same epoch at a
 * position are the same up to it.
 */
export type LogAgreement =
  /** The follower's log is a beginning of this one: go on after it. */
  | { readonly kind: 'continue'; readonly fromPosition: number }
  /** The follower has entries that this log does not. */
  | { readonly kind: 'diverged' };

export class EpochTable {
  #starts: EpochStart[];

  constructor(starts: readonly EpochStart[] = []) {
    this.#starts = [];
    for (const start of starts) this.append(start.epoch, start.firstPosition);
  }

  get starts(): readonly EpochStart[] {
    return this.#starts;
  }

  get lastEpoch(): number {
    return this.#starts[this.#starts.length - 1]?.epoch ?? 0;
  }

  /** Notes the entry at a position; only the first one of an epoch changes the table. */
  append(epoch: number, position: number): void {
    const last = this.#starts[this.#starts.length - 1];
    if (last !== undefined && last.epoch === epoch) return;
    invariant(last === undefined || (epoch > last.epoch && position > last.firstPosition), 'epochs rise along the log');
    this.#starts = [...this.#starts, { epoch, firstPosition: position }];
  }

  /** The epoch of the entry at a position; undefined before the first one. The caller knows where the log ends. */
  epochAt(position: number): number | undefined {
    for (let index = this.#starts.length - 1; index >= 0; index--) {
      const start = this.#starts[index];
      if (start !== undefined && start.firstPosition <= position) return start.epoch;
    }
    return undefined;
  }

  /** Forgets the entries above a position. */
  truncateAfter(position: number): void {
    this.#starts = this.#starts.filter((start) => start.firstPosition <= position);
  }

  /** The starts of the epochs up to a position. */
  startsUpTo(position: number): EpochStart[] {
    return this.#starts.filter((start) => start.firstPosition <= position);
  }

  /**
   * Whether a follower whose log ends at `follower` may go on with this log, which ends at `lastPosition`. How much two
   * logs that have diverged have in common, `agreedPositionWith` says: it takes the epochs of both.
   */
  match(follower: Position, lastPosition: number): LogAgreement {
    if (follower.position === 0) return { kind: 'continue', fromPosition: 1 };
    if (follower.position <= lastPosition && this.epochAt(follower.position) === follower.epoch) {
      return { kind: 'continue', fromPosition: follower.position + 1 };
    }
    return { kind: 'diverged' };
  }

  /** The last position up to which this log, ending at `last`, and another, ending at `otherLast`, are the same. */
  agreedPositionWith(last: number, other: EpochTable, otherLast: number): number {
    for (let index = this.#starts.length - 1; index >= 0; index--) {
      const start = this.#starts[index];
      if (start === undefined) continue;
      const end = Math.min(last, (this.#starts[index + 1]?.firstPosition ?? last + 1) - 1);
      const otherIndex = other.#starts.findIndex((candidate) => candidate.epoch === start.epoch);
      const otherStart = other.#starts[otherIndex];
      if (otherStart === undefined) continue;
      const otherEnd = Math.min(otherLast, (other.#starts[otherIndex + 1]?.firstPosition ?? otherLast + 1) - 1);
      const agreed = Math.min(end, otherEnd);
      if (agreed >= Math.max(start.firstPosition, otherStart.firstPosition)) return agreed;
    }
    return 0;
  }
}
