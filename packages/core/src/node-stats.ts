import type { Position } from './operation.ts';
import type { MemberRole, ShardId } from './topology.ts';

/** Figures of one shard member; proto/edis/v1/shard.proto, GetStatsResponse, says what each means. */
export interface NodeStats {
  readonly node: string;
  readonly shard: ShardId;
  readonly role: MemberRole;
  readonly lastEntry: Position;
  readonly syncedPosition: number;
  readonly visiblePosition: number;
  readonly viewPosition: number;
  readonly recordCount: number;
  readonly recordBytes: number;
  readonly contentHash: string;
  readonly queueOperations: number;
  readonly queueBytes: number;
  readonly overlayBytes: number;
  readonly readCount: number;
  readonly writeCount: number;
  readonly busyCount: number;
  readonly cacheHitCount: number;
  readonly cacheMissCount: number;
  readonly logBytes: number;
  readonly logFirstPosition: number;
  readonly lagEntries: number;
  readonly stalenessMs: number;
  readonly residentBytes: number;
  readonly followerCount: number;
  readonly operationsPerSecond: number;
  readonly repeatedCount: number;
  readonly snapshotCount: number;
}
