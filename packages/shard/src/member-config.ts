import type { Endpoint } from '@edis/core';

/** What a shard member needs of its settings; the tables of the two binaries resolve to it. */
export interface MemberConfig {
  readonly node: string | undefined;
  readonly listen: string;
  readonly advertise: readonly Endpoint[];
  readonly data: string | undefined;
  readonly ephemeral: boolean;
  readonly drainMs: number;
  readonly info: readonly string[];
  readonly shard: string | undefined;
  readonly cacheBytes: number;
  readonly overlayBytes: number;
  readonly queueOperations: number;
  readonly queueBytes: number;
  readonly memorySyncMs: number;
  readonly segmentBytes: number;
  readonly retentionBytes: number;
  readonly retentionMaxBytes: number;
  readonly sessionWaitMs: number;
  /** Microseconds, for which a duration has no unit. */
  readonly busyPollUs: number;
  /** Fault point of tests; 0: none. */
  readonly replicationDelayMs: number;
}
