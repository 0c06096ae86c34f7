import type { NodeStats } from '@edis/core';
import type { Store } from '@edis/store';
import type { Counters } from './counters.ts';
import type { Figures } from './figures.ts';

type StoreStats = Pick<
  NodeStats,
  | 'lastEntry'
  | 'syncedPosition'
  | 'visiblePosition'
  | 'viewPosition'
  | 'recordCount'
  | 'recordBytes'
  | 'contentHash'
  | 'overlayBytes'
  | 'cacheHitCount'
  | 'cacheMissCount'
  | 'logBytes'
  | 'logFirstPosition'
  | 'keyspaces'
  | 'receiptCount'
  | 'receiptOperations'
>;

/** What a member's store has. */
export function storeStats(store: Store): StoreStats {
  return {
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
  };
}

type ServingStats = Pick<
  NodeStats,
  | 'readCount'
  | 'writeCount'
  | 'busyCount'
  | 'repeatedCount'
  | 'snapshotCount'
  | 'expiredCount'
  | 'queryCount'
  | 'watcherCount'
  | 'operationsPerSecond'
  | 'readLatencyUs'
  | 'writeLatencyUs'
  | 'hotKeys'
>;

/** What it did for its clients. */
export function servingStats(counters: Counters, figures: Figures): ServingStats {
  return {
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
  };
}
