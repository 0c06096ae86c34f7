import type { LatencyFigures, NodeStats } from '@edis/core';
import type { NodeStatsReply, ShardStats } from './results.ts';

/** Each shard as a whole, in the order in which the shards are first named. */
export function shardStatsOf(replies: readonly NodeStatsReply[]): ShardStats[] {
  const shards = new Map<string, NodeStats[]>();
  for (const { shard, stats } of replies) {
    const members = shards.get(shard) ?? [];
    if (stats !== undefined) members.push(stats);
    shards.set(shard, members);
  }
  return Array.from(shards, ([shard, members]) => rollUp(shard, members));
}

function rollUp(shard: string, members: readonly NodeStats[]): ShardStats {
  const sum = (figure: (stats: NodeStats) => number) => members.reduce((total, stats) => total + figure(stats), 0);
  const most = (figure: (stats: NodeStats) => number) => Math.max(0, ...members.map(figure));
  const worst = (figures: (stats: NodeStats) => LatencyFigures) => ({
    p50: most((stats) => figures(stats).p50),
    p99: most((stats) => figures(stats).p99),
  });
  const cacheHitCount = sum((stats) => stats.cacheHitCount);
  const cacheMissCount = sum((stats) => stats.cacheMissCount);
  const lookups = cacheHitCount + cacheMissCount;
  const primary = members.find(({ role }) => role === 'primary');
  return {
    shard,
    nodeCount: members.length,
    // While there is no primary, the member that has the most is the best that is known.
    recordCount: primary?.recordCount ?? most((stats) => stats.recordCount),
    recordBytes: primary?.recordBytes ?? most((stats) => stats.recordBytes),
    operationsPerSecond: sum((stats) => stats.operationsPerSecond),
    queueOperations: sum((stats) => stats.queueOperations),
    lagEntries: most((stats) => stats.lagEntries),
    readLatencyUs: worst((stats) => stats.readLatencyUs),
    writeLatencyUs: worst((stats) => stats.writeLatencyUs),
    cacheHitCount,
    cacheMissCount,
    cacheHitRatio: lookups === 0 ? undefined : cacheHitCount / lookups,
    receiptOperations: sum((stats) => stats.receiptOperations),
  };
}
