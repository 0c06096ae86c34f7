import type { Client } from '@edis/client';
import { TestCluster } from '@edis/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sharedHash } from './shared-hash.ts';

let cluster: TestCluster;
let client: Client;

beforeAll(async () => {
  cluster = await TestCluster.start({ shards: 3, replicas: 2 });
  client = await cluster.client();
});

afterAll(async () => {
  await cluster.close();
});

test('ten thousand keys land on all three shards, evenly, and on every replica alike', async () => {
  const keys = Array.from({ length: 10_000 }, (_, index) => `key-${index}`);
  const counts = new Map<string, number>();
  for (let from = 0; from < keys.length; from += 500) {
    const results = await client.mput(keys.slice(from, from + 500).map((key) => ({ key, value: `value of ${key}` })));
    for (const { shard } of results) counts.set(shard, (counts.get(shard) ?? 0) + 1);
  }
  expect([...counts.keys()].sort()).toEqual(['s1', 's2', 's3']);
  for (const count of counts.values()) expect(count).toBeGreaterThan(2800);
  const replies = await cluster.settled(client);
  const recordCounts = replies
    .filter(({ stats }) => stats?.role === 'primary')
    .map(({ stats }) => stats?.recordCount ?? 0);
  expect(recordCounts.reduce((sum, count) => sum + count, 0)).toBe(10_000);
  expect(sharedHash(replies)).toBeInstanceOf(Map);
});

test('eight reads of a key by one client alternate between its replicas', async () => {
  await client.put('alternating', 'yes');
  await cluster.settled(client);
  const nodes: string[] = [];
  for (let read = 0; read < 8; read += 1) nodes.push((await client.get('alternating'))?.servedBy.node ?? 'nobody');
  const replicas = [...new Set(nodes)];
  expect(replicas).toHaveLength(2);
  expect(nodes).toEqual(nodes.map((_, index) => nodes[index % 2]));
});

test('a strong read is answered by the primary with the newest value', async () => {
  await client.put('strong', 'one');
  await client.put('strong', 'two');
  const read = await client.get('strong', { consistency: 'strong' });
  expect(read?.servedBy.role).toBe('primary');
  expect(Buffer.from(read?.value ?? []).toString()).toBe('two');
  expect(read?.stalenessMs).toBe(0);
});

test('a bounded read is answered by a replica within the bound, else by the primary', async () => {
  await client.put('bounded', 'value');
  await cluster.settled(client);
  const loose = await client.get('bounded', { consistency: 'bounded', maxStalenessMs: 60_000 });
  expect(loose?.servedBy.role).toBe('replica');
  expect(loose?.stalenessMs).toBeLessThanOrEqual(60_000);
  const tight = await client.get('bounded', { consistency: 'bounded', maxStalenessMs: 0 });
  expect(tight?.servedBy.role).toBe('primary');
});

test('bytes, metadata and text in any script come back as they were put', async () => {
  const value = Uint8Array.from({ length: 256 }, (_, index) => index);
  await client.put('ключ-键', value, { metadata: { owner: 'zoë', note: '' } });
  const read = await client.get('ключ-键');
  expect(Buffer.from(read?.value ?? [])).toEqual(Buffer.from(value));
  expect(read?.metadata).toEqual({ owner: 'zoë', note: '' });
});

test('conditions hold or change nothing', async () => {
  const first = await client.put('conditional', 'one', { ifAbsent: true });
  expect(first.applied).toBe(true);
  expect(await client.put('conditional', 'two', { ifAbsent: true })).toMatchObject({
    applied: false,
    version: first.version,
  });
  expect((await client.put('conditional', 'three', { ifVersion: first.version })).applied).toBe(true);
  expect((await client.delete('conditional', { ifVersion: first.version })).applied).toBe(false);
  expect(Buffer.from((await client.get('conditional'))?.value ?? []).toString()).toBe('three');
});

test('a deleted key is gone on every member', async () => {
  await client.put('doomed', 'value');
  expect((await client.delete('doomed')).existed).toBe(true);
  expect((await client.delete('doomed')).existed).toBe(false);
  expect(await client.exists('doomed')).toBe(false);
  for (let read = 0; read < 4; read += 1) expect(await client.get('doomed')).toBeUndefined();
});
