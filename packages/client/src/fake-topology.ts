/** What the clusters in memory of this package's tests have in common. */
import { type MemberRole, type NodeStats, type Position, type SlotRange, slotCount } from '@edis/core';

export const fakeClusterId = 'fake-1';

/** All slots in equal parts, in the order of the shards. */
export function evenSlots(shards: readonly string[]): SlotRange[] {
  const begin = (index: number): number => Math.floor((slotCount * index) / shards.length);
  return shards.map((shard, index) => ({ from: begin(index), to: begin(index + 1) - 1, shard }));
}

interface FakeMember {
  readonly node: string;
  readonly shard: string;
  readonly role: MemberRole;
  readonly stalenessMs: number;
  readonly lastEntry: Position;
}

/** Figures of a member that has done nothing. */
export function idleStats({ node, shard, role, stalenessMs, lastEntry }: FakeMember): NodeStats {
  const { position } = lastEntry;
  return {
    node,
    shard,
    role,
    lastEntry,
    syncedPosition: position,
    visiblePosition: position,
    viewPosition: position,
    recordCount: 0,
    recordBytes: 0,
    contentHash: '',
    queueOperations: 0,
    queueBytes: 0,
    overlayBytes: 0,
    readCount: 0,
    writeCount: 0,
    busyCount: 0,
    cacheHitCount: 0,
    cacheMissCount: 0,
    logBytes: 0,
    logFirstPosition: 0,
    lagEntries: 0,
    stalenessMs,
    residentBytes: 0,
    followerCount: 0,
    operationsPerSecond: 0,
    repeatedCount: 0,
    snapshotCount: 0,
    readLatencyUs: { p50: 0, p99: 0 },
    writeLatencyUs: { p50: 0, p99: 0 },
    expiredCount: 0,
    queryCount: 0,
    watcherCount: 0,
    receiptCount: 0,
    receiptOperations: 0,
    keyspaces: [],
    hotKeys: [],
  };
}
