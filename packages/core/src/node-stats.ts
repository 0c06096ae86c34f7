import type { ByteString } from './bytes.ts';
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
  /** Time from the arrival of an operation to its answer, over the last ten seconds or so, sampled; 0: none yet. */
  readonly readLatencyUs: LatencyFigures;
  readonly writeLatencyUs: LatencyFigures;
  /** Records whose deadline has passed and that were removed for it. */
  readonly expiredCount: number;
  readonly queryCount: number;
  readonly watcherCount: number;
  /** Files in which what had to be discarded was written down. */
  readonly receiptCount: number;
  /** Writes in them. */
  readonly receiptOperations: number;
  readonly keyspaces: readonly KeyspaceStats[];
  /** The keys that were asked for most lately, most first: estimates of a bounded sketch over sampled operations. */
  readonly hotKeys: readonly HotKey[];
}

/** Microseconds. */
export interface LatencyFigures {
  readonly p50: number;
  readonly p99: number;
}

/** What a member's view holds of one keyspace. */
export interface KeyspaceStats {
  /** Keyspace id. */
  readonly keyspace: number;
  readonly recordCount: number;
  /** Bytes of keys, values and metadata. */
  readonly recordBytes: number;
}

export interface HotKey {
  /** Keyspace id. */
  readonly keyspace: number;
  readonly key: ByteString;
  /** Estimated operations per second. */
  readonly operationsPerSecond: number;
}
