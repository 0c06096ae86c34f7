import type { Client } from '@edis/client';
import { TestCluster, waitFor } from '@edis/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

let running: TestCluster;
let client: Client;

beforeAll(async () => {
  running = await TestCluster.start({ shards: 3, replicas: 1 });
  client = await running.client();
});

afterAll(async () => {
  await running.close();
});

const keys = Array.from({ length: 3000 }, (_, index) => `key-${index}`);

test('counts and bytes of stats and distribution are those of what was written', async () => {
  await client.createKeyspace('beside');
  await client.keyspace('beside').put('other', 'x');
  const written = await client.mput(keys.map((key) => ({ key, value: 'x'.repeat(90), metadata: { a: 'bc' } })));
  const byShard = new Map<string, number>();
  for (const { shard } of written) byShard.set(shard, (byShard.get(shard) ?? 0) + 1);
  // Value, metadata, and eight bytes for its one field.
  const bytes = keys.reduce((sum, key) => sum + key.length + 90 + 3 + 8, 0);
  const replies = await running.settled(client);
  const besideShard = client.keyspace('beside').locate('other').shard;
  for (const { shard, stats } of replies) {
    const expected = (byShard.get(shard) ?? 0) + (shard === besideShard ? 1 : 0);
    expect(stats?.recordCount).toBe(expected);
    expect(stats?.keyspaces.find(({ keyspace }) => keyspace === 1)?.recordCount).toBe(byShard.get(shard));
  }
  expect(
    replies
      .filter(({ stats }) => stats?.role === 'primary')
      .reduce((sum, { stats }) => sum + (stats?.writeCount ?? 0), 0),
  ).toBe(keys.length + 1);
  const distribution = await client.distribution();
  expect(distribution.keyspace).toBe('default');
  expect(distribution.records.total).toBe(keys.length);
  expect(distribution.records.expected).toBeCloseTo(keys.length / 3);
  expect(distribution.bytes.total).toBe(bytes);
  const counts = distribution.shards.map(({ records }) => records);
  expect(new Map(distribution.shards.map(({ shard, records }) => [shard, records]))).toEqual(byShard);
  const mean = keys.length / 3;
  const deviation = Math.sqrt(counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / 3);
  expect(distribution.records.standardDeviation).toBeCloseTo(deviation, 6);
  expect(distribution.records.coefficientOfVariation).toBeCloseTo(deviation / mean, 6);
  expect(distribution.shards.reduce((sum, { slots }) => sum + slots, 0)).toBe(16_384);
  for (const { records, share, slots, deviation: off } of distribution.shards) {
    expect(share).toBeCloseTo(records / keys.length, 6);
    expect(off).toBeCloseTo(records - (keys.length * slots) / 16_384, 6);
  }
  expect((await client.keyspace('beside').distribution()).records.total).toBe(1);
});

test('under load, every figure of speed is there, and the key that is asked for most is the hottest', async () => {
  let stopped = false;
  const load = async (caller: number): Promise<void> => {
    for (let round = caller; !stopped; round += 1) {
      const key = keys[(round * 7) % keys.length] ?? '';
      if (round % 2 === 0) await client.get(round % 4 === 0 ? 'key-42' : key);
      else await client.put(key, 'y', { ack: 'memory' });
    }
  };
  const callers = Promise.all(Array.from({ length: 64 }, (_, caller) => load(caller)));
  try {
    const observer = await running.client();
    await waitFor(async () => {
      const replies = await observer.stats();
      return replies.every(({ stats }) => {
        if (stats === undefined) return false;
        const { operationsPerSecond, readLatencyUs, writeLatencyUs } = stats;
        const latency = stats.role === 'primary' ? writeLatencyUs : readLatencyUs;
        return operationsPerSecond > 0 && latency.p50 > 0 && latency.p99 >= latency.p50;
      });
    }, 'every member shows its speed');
    const hottest = await waitFor(async () => {
      const [first, next] = (await observer.distribution()).hotKeys;
      return first?.key === 'key-42' && first.operationsPerSecond > (next?.operationsPerSecond ?? 0)
        ? first
        : undefined;
    }, 'the hot key leads');
    expect(hottest.shard).toBe(observer.locate('key-42').shard);
    const distribution = await observer.distribution();
    expect(distribution.operations.total).toBeGreaterThan(0);
    expect(distribution.hotKeys.length).toBeLessThanOrEqual(20);
    const cacheHits = (await observer.stats()).reduce((sum, { stats }) => sum + (stats?.cacheHitCount ?? 0), 0);
    expect(cacheHits).toBeGreaterThan(0);
  } finally {
    stopped = true;
    await callers;
  }
});

test('locate names the shard and the nodes that answer', async () => {
  await running.settled(client);
  for (const key of ['a', 'b', 'ключ', '{tag}:1', '{tag}:2', ...keys.slice(0, 50)]) {
    const put = await client.put(key, 'x');
    const location = client.locate(key);
    expect(location).toMatchObject({ key, keyspace: 'default', strategy: 'hash', shard: put.shard });
    const primary = location.members.find(({ role }) => role === 'primary');
    const strong = await client.get(key, { consistency: 'strong' });
    expect(strong?.servedBy).toEqual({ node: primary?.node, role: 'primary', shard: location.shard });
    const read = await client.get(key, { consistency: 'eventual' });
    if (read !== undefined) expect(location.readers).toContain(read.servedBy.node);
  }
  expect(client.locate('{tag}:1').slot).toBe(client.locate('{tag}:2').slot);
});
