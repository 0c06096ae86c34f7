import type { Distribution } from '@edis/client';
import type { NodeStats, Topology } from '@edis/core';
import { defaultKeyspaceSettings } from '@edis/core';

export const sampleTopology: Topology = {
  cluster: 'c1',
  revision: 7,
  formed: true,
  initialShards: 1,
  infos: [{ node: 'info', endpoints: [{ network: '', address: 'localhost:7400' }], host: 'here', pid: 10 }],
  keyspaces: [
    {
      id: 1,
      name: 'default',
      strategy: 'hash',
      settings: defaultKeyspaceSettings,
      slots: [{ from: 0, to: 16_383, shard: 's1' }],
    },
  ],
  shards: [
    {
      shard: 's1',
      epoch: 3,
      primary: 'store-1',
      configuredSize: 1,
      voters: ['store-1'],
      members: [
        {
          node: 'write-shard-1',
          store: 'store-1',
          role: 'primary',
          alive: true,
          endpoints: [{ network: '', address: 'localhost:7410' }],
          host: 'here',
          pid: 11,
        },
        {
          node: 'read-shard-1-1',
          store: 'store-2',
          role: 'learner',
          alive: true,
          endpoints: [
            { network: 'internal', address: 'read-shard-1:7410' },
            { network: 'host', address: 'localhost:7411' },
          ],
          host: 'elsewhere',
          pid: 12,
        },
      ],
    },
  ],
};

/** Figures of a primary. */
export const sampleStats: NodeStats = {
  node: 'write-shard-1',
  shard: 's1',
  role: 'primary',
  lastEntry: { epoch: 3, position: 42 },
  syncedPosition: 42,
  visiblePosition: 42,
  viewPosition: 40,
  recordCount: 1234,
  recordBytes: 3 * 1024 * 1024,
  contentHash: '00000000000000ff',
  queueOperations: 3,
  queueBytes: 300,
  overlayBytes: 2048,
  readCount: 1,
  writeCount: 2,
  busyCount: 0,
  cacheHitCount: 3,
  cacheMissCount: 1,
  logBytes: 100,
  logFirstPosition: 1,
  lagEntries: 0,
  stalenessMs: 0,
  residentBytes: 120 * 1024 * 1024,
  followerCount: 1,
  operationsPerSecond: 5000,
  repeatedCount: 0,
  snapshotCount: 0,
  readLatencyUs: { p50: 90, p99: 850 },
  writeLatencyUs: { p50: 400, p99: 2100 },
  expiredCount: 4,
  queryCount: 5,
  watcherCount: 1,
  receiptCount: 1,
  receiptOperations: 7,
  keyspaces: [{ keyspace: 1, recordCount: 1234, recordBytes: 3 * 1024 * 1024 }],
  hotKeys: [{ keyspace: 1, key: 'user:1', operationsPerSecond: 12.5 }],
};

export const sampleDistribution: Distribution = {
  keyspace: 'default',
  shards: [
    {
      shard: 's1',
      node: 'write-shard-1',
      role: 'primary',
      slots: 8192,
      records: 750,
      bytes: 4096,
      operationsPerSecond: 30,
      share: 0.75,
      deviation: 250,
    },
    {
      shard: 's2',
      node: 'write-shard-2',
      role: 'primary',
      slots: 8192,
      records: 250,
      bytes: 2048,
      operationsPerSecond: 10,
      share: 0.25,
      deviation: -250,
    },
  ],
  records: { total: 1000, expected: 500, standardDeviation: 250, coefficientOfVariation: 0.5 },
  bytes: { total: 6144, expected: 3072, standardDeviation: 1024, coefficientOfVariation: 1 / 3 },
  operations: { total: 40, expected: 20, standardDeviation: 10, coefficientOfVariation: 0.5 },
  hotKeys: [{ key: 'user:1', shard: 's1', operationsPerSecond: 12.5 }],
};
