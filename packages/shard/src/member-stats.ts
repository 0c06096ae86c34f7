import type { NodeReport, NodeStats } from '@edis/core';
import type { Store } from '@edis/store';
import type { Counters } from './counters.ts';
import type { CurrentSide } from './current-side.ts';
import type { Figures } from './figures.ts';
import type { MemberGroup } from './member-group.ts';

interface ReportParts {
  readonly store: Store;
  readonly counters: Counters;
  readonly current: CurrentSide;
  readonly group: Pick<MemberGroup, 'isIdlePrimary'>;
}

/** What info is told again and again. */
export function nodeReport({ store, counters, current, group }: ReportParts): NodeReport {
  const state = current.state();
  return {
    lastEntry: store.lastEntry,
    applied: state.applied,
    lagEntries: current.replica?.lagEntries ?? 0,
    lagMs: state.stalenessMs,
    serving: current.serving && !group.isIdlePrimary,
    recordCount: store.recordCount,
    operationsPerSecond: counters.operationsPerSecond,
  };
}

interface StatsParts {
  readonly store: Store;
  readonly node: string;
  readonly shard: string;
  readonly counters: Counters;
  readonly current: CurrentSide;
  readonly figures: Figures;
}

/** What a member's store has, what it did for its clients, and how its part goes. */
export function nodeStats({ store, node, shard, counters, current, figures }: StatsParts): NodeStats {
  const { primary, replica, role } = current;
  return {
    node,
    shard,
    role,
    lastEntry: store.lastEntry,
    syncedPosition: store.syncedPosition,
    visiblePosition: store.visiblePosition,
    viewPosition: store.viewPosition,
    recordCount: store.recordCount,
    recordBytes: store.recordBytes,
    contentHash: store.contentHash,
    overlayBytes: store.overlayBytes,
    cacheHitCount: store.cacheHitCount,
    cacheMissCount: store.cacheMissCount,
    logBytes: store.logBytes,
    logFirstPosition: store.firstPosition,
    keyspaces: store.keyspaceStats(),
    receiptCount: store.receipts.count,
    receiptOperations: store.receipts.operationCount,
    readCount: counters.reads,
    writeCount: counters.writes,
    busyCount: counters.busy,
    repeatedCount: counters.repeated,
    snapshotCount: counters.snapshots,
    expiredCount: counters.expired,
    queryCount: counters.queries,
    watcherCount: counters.watchers,
    operationsPerSecond: counters.operationsPerSecond,
    readLatencyUs: figures.readLatencyUs,
    writeLatencyUs: figures.writeLatencyUs,
    hotKeys: figures.hotKeys,
    queueOperations: primary?.queueOperations ?? 0,
    queueBytes: primary?.queueBytes ?? 0,
    followerCount: primary?.followerCount ?? 0,
    lagEntries: replica?.lagEntries ?? 0,
    stalenessMs: replica?.stalenessMs ?? 0,
    residentBytes: process.memoryUsage.rss(),
  };
}
