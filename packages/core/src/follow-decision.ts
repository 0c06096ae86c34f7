import { EpochTable } from './epoch-table.ts';
import type { Position } from './operation.ts';
import type { EpochStart, SnapshotCause } from './replication-message.ts';

/** What a primary has when a follower asks to follow. */
export interface FollowedLog {
  readonly epochs: readonly EpochStart[];
  readonly firstPosition: number;
  readonly lastPosition: number;
  readonly logBytes: number;
  readonly recordBytes: number;
}

export type FollowDecision =
  | { readonly kind: 'start'; readonly fromPosition: number }
  | { readonly kind: 'snapshot'; readonly cause: SnapshotCause };

/** Up to here a log is read faster than a snapshot is set up. */
const shortLogBytes = 32 * 1024 * 1024;

/** A record in the log costs somewhat more than in a snapshot; from twice as much on it has been overwritten. */
const logBytesPerRecordByte = 2;

/** How a follower comes level: by the log from its last entry, or by a snapshot first. */
export function decideFollow(log: FollowedLog, lastEntry: Position): FollowDecision {
  const agreement = new EpochTable(log.epochs).match(lastEntry, log.lastPosition);
  if (agreement.kind === 'diverged') return { kind: 'snapshot', cause: 'diverged' };
  const fromPosition = lastEntry.position + 1;
  if (fromPosition < log.firstPosition) return { kind: 'snapshot', cause: 'log-too-short' };
  const isNew = lastEntry.position === 0;
  if (isNew && log.logBytes > shortLogBytes && log.logBytes > log.recordBytes * logBytesPerRecordByte) {
    return { kind: 'snapshot', cause: 'log-too-long' };
  }
  return { kind: 'start', fromPosition };
}
