import { EpochTable } from './epoch-table.ts';
import type { Position } from './operation.ts';
import type { EpochStart } from './replication-message.ts';

/** What a member has when a reader of changes asks to go on behind a position. */
export interface WatchedLog {
  readonly epochs: readonly EpochStart[];
  readonly firstPosition: number;
  readonly visiblePosition: number;
}

/**
 * `behind`: this member does not know the position yet, another one may. `diverged`: the shard has lost the entry that
 * the reader stands at.
 */
export type WatchDecision = 'continue' | 'behind' | 'log-too-short' | 'diverged';

/** Whether a feed can go on behind a position in a member's log. */
export function decideWatch(log: WatchedLog, after: Position): WatchDecision {
  if (after.position > 0) {
    const table = new EpochTable(log.epochs);
    // The member may itself have entries that the shard lost, and not know it yet.
    if (after.epoch > table.lastEpoch) return 'behind';
    const next = log.epochs.find((start) => start.epoch > after.epoch);
    if (next !== undefined && next.firstPosition <= after.position) return 'diverged';
    if (after.position > log.visiblePosition) return 'behind';
    const epoch = table.epochAt(after.position);
    if (epoch !== undefined && epoch !== after.epoch) return 'diverged';
  }
  return after.position + 1 < log.firstPosition ? 'log-too-short' : 'continue';
}
