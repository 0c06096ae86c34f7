import type { Position } from '@edis/core';
import { EpochTable } from '@edis/core';
import type { Entry } from './logged-operation.ts';
import { lastTimestampOf } from './logged-operation.ts';
import type { ViewState } from './view-state.ts';

/** What the next entry of a log must follow. */
export interface EntryBefore {
  readonly entry: Position;
  /** The highest timestamp that is known to lie at or before it. */
  readonly timestamp: number;
}

/**
 * Where a log ends: its last entry, in which epochs it was written, and the clock.
 *
 * The clock never goes back, so that no version is given out twice; what an entry must follow does, when the log is
 * cut. They were one number once: a member that had cut the entries of a primary whose clock had jumped ahead at its
 * opening took in no entry of another primary's log that was older than they, for ever.
 */
export class LogHead {
  #epochs: EpochTable;
  #lastEntry: Position;
  #entryTimestamp: number;
  #clock: number;

  constructor(epochs: EpochTable, lastEntry: Position, timestamp: number) {
    this.#epochs = epochs;
    this.#lastEntry = lastEntry;
    this.#entryTimestamp = timestamp;
    this.#clock = timestamp;
  }

  get epochs(): EpochTable {
    return this.#epochs;
  }

  get lastEntry(): Position {
    return this.#lastEntry;
  }

  /** The highest timestamp that any entry has used, also one that was cut. */
  get lastTimestamp(): number {
    return this.#clock;
  }

  get before(): EntryBefore {
    return { entry: this.#lastEntry, timestamp: this.#entryTimestamp };
  }

  take(entry: Entry): void {
    this.#epochs.append(entry.epoch, entry.position);
    this.#lastEntry = { epoch: entry.epoch, position: entry.position };
    this.#entryTimestamp = lastTimestampOf(entry);
    if (this.#entryTimestamp > this.#clock) this.#clock = this.#entryTimestamp;
  }

  /** The entries above a position are gone. @param timestamp the highest that is known to lie at or before it */
  cutAfter(position: number, timestamp: number): void {
    this.#epochs.truncateAfter(position);
    this.#lastEntry = { epoch: this.#epochs.epochAt(position) ?? 0, position };
    this.#entryTimestamp = Math.min(this.#entryTimestamp, timestamp);
  }

  /** The log begins anew behind a view. */
  restart({ epochs, epoch, position, timestamp }: ViewState): void {
    this.#epochs = new EpochTable(epochs);
    this.#lastEntry = { epoch, position };
    this.#entryTimestamp = timestamp;
    this.#clock = Math.max(this.#clock, timestamp);
  }
}
