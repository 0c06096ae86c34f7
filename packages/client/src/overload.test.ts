import { afterEach, expect, it } from 'vitest';
import { failureOf, openOver, until } from './client-fixture.ts';
import { FakeCluster } from './fake-cluster.ts';
import type { OpenClient } from './open-client.ts';

let client: OpenClient;

afterEach(() => client.close());

it('a client that was told busy has fewer operations under way', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  client = await openOver(cluster, { timeoutMs: 20_000 });
  const node = cluster.node('s1-w');
  let refusals = 1;
  node.intercept = () => {
    refusals -= 1;
    return refusals >= 0 ? { kind: 'busy', cause: 'client-share', retryAfterMs: 1 } : undefined;
  };
  await client.put('first', 'v');
  node.intercept = () => 'drop';
  const before = node.operations.length;
  const calls = Array.from({ length: 6_000 }, (_, index) => failureOf(client.put(`k${index}`, 'v')));
  await until('the window is full', () => node.operations.length - before >= 4_096);
  await client.close();
  await Promise.all(calls);
  expect(node.operations.length - before).toBeLessThan(4_200);
});

it('all that was refused is done in the end', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  client = await openOver(cluster, { timeoutMs: 20_000 });
  let refusals = 200;
  cluster.node('s1-w').intercept = () => {
    refusals -= 1;
    return refusals >= 0 ? { kind: 'busy', cause: 'client-share', retryAfterMs: 1 } : undefined;
  };
  await Promise.all(Array.from({ length: 3_000 }, (_, index) => client.put(`k${index}`, 'v')));
  expect(cluster.shard(1).writeCount).toBe(3_000);
});

it('what a busy node never takes ends as busy', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  client = await openOver(cluster);
  cluster.node('s1-w').intercept = () => ({ kind: 'busy', cause: 'queue-operations', retryAfterMs: 60_000 });
  const calls = Array.from({ length: 500 }, (_, index) => failureOf(client.put(`k${index}`, 'v', { timeoutMs: 300 })));
  const codes = new Set((await Promise.all(calls)).map((error) => error.code));
  expect([...codes]).toEqual(['busy']);
});
