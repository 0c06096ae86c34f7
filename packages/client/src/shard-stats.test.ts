import { EdisError } from '@edis/core';
import { expect, test } from 'vitest';
import { idleStats } from './fake-topology.ts';
import type { NodeStatsReply } from './results.ts';
import { shardStatsOf } from './shard-stats.ts';

const idle = idleStats({
  node: 'w',
  shard: 's1',
  role: 'primary',
  stalenessMs: 0,
  lastEntry: { epoch: 1, position: 1 },
});
const primary = {
  ...idle,
  recordCount: 10,
  recordBytes: 100,
  operationsPerSecond: 5,
  queueOperations: 1,
  cacheHitCount: 3,
  cacheMissCount: 1,
  readLatencyUs: { p50: 90, p99: 850 },
  writeLatencyUs: { p50: 400, p99: 2100 },
  receiptOperations: 7,
};
const replica = {
  ...idle,
  role: 'replica' as const,
  recordCount: 12,
  recordBytes: 120,
  operationsPerSecond: 20,
  lagEntries: 3,
  cacheMissCount: 4,
  readLatencyUs: { p50: 80, p99: 3000 },
};

test('a shard has what its primary has, does what all members do, and is as slow as its slowest', () => {
  const replies: NodeStatsReply[] = [
    { node: 'w', shard: 's1', stats: primary },
    { node: 'r', shard: 's1', stats: replica },
    { node: 'x', shard: 's1', error: new EdisError('unreachable', 'nobody answers') },
  ];
  expect(shardStatsOf(replies)).toEqual([
    {
      shard: 's1',
      nodeCount: 2,
      recordCount: 10,
      recordBytes: 100,
      operationsPerSecond: 25,
      queueOperations: 1,
      lagEntries: 3,
      readLatencyUs: { p50: 90, p99: 3000 },
      writeLatencyUs: { p50: 400, p99: 2100 },
      cacheHitCount: 3,
      cacheMissCount: 5,
      cacheHitRatio: 0.375,
      receiptOperations: 7,
    },
  ]);
});

test('a shard whose primary does not answer has what its fullest member has; one without answers has nothing', () => {
  const error = new EdisError('unreachable', 'nobody answers');
  const replies: NodeStatsReply[] = [
    { node: 'w', shard: 's1', error },
    { node: 'r', shard: 's1', stats: replica },
    { node: 'q', shard: 's1', stats: { ...replica, recordCount: 11 } },
    { node: 'w2', shard: 's2', error },
  ];
  expect(shardStatsOf(replies)).toMatchObject([
    { shard: 's1', nodeCount: 2, recordCount: 12, recordBytes: 120 },
    { shard: 's2', nodeCount: 0, recordCount: 0, cacheHitRatio: undefined },
  ]);
});
