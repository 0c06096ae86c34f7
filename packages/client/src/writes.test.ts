import type { BatchRequest, Operation } from '@edis/core';
import { afterEach, expect, test } from 'vitest';
import { failureOf, openOver, until } from './client-fixture.ts';
import { systemEnvironment } from './environment.ts';
import { FakeCluster } from './fake-cluster.ts';
import type { OpenClient } from './open-client.ts';
import type { ConnectOptions } from './options.ts';

const opened: OpenClient[] = [];

afterEach(async () => {
  for (const client of opened.splice(0)) await client.close();
});

async function open(cluster: FakeCluster, options: Partial<ConnectOptions> = {}): Promise<OpenClient> {
  const client = await openOver(cluster, options);
  opened.push(client);
  return client;
}

test('a key that moved is retried at its new owner with the newer map that the answer brought', async () => {
  const cluster = new FakeCluster({ shards: 2, replicas: 0 });
  const client = await open(cluster);
  await Promise.all([client.put('a', 'x'), client.put('b', 'x'), client.put('c', 'x')]);
  const newer = cluster.giveAllTo('s2', false);
  cluster.node('s1-w').intercept = () => ({ kind: 'wrong-shard', topology: newer });
  for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) expect((await client.put(key, 'y')).shard).toBe('s2');
  expect(client.topology().revision).toBe(newer.revision);
});

test('a key that moved waits for the map when the answer brings none', async () => {
  const cluster = new FakeCluster({ shards: 2, replicas: 0 });
  const client = await open(cluster);
  cluster.node('s1-w').intercept = () => ({ kind: 'wrong-shard', topology: undefined });
  cluster.node('s2-w').intercept = () => ({ kind: 'wrong-shard', topology: undefined });
  const put = client.put('a', 'x');
  await until('it was refused', () => cluster.nodes.some((node) => node.operations.length > 0));
  cluster.node('s2-w').intercept = undefined;
  cluster.giveAllTo('s2');
  expect((await put).shard).toBe('s2');
});

test('a write repeated after a lost connection carries the same id and is applied once', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const client = await open(cluster);
  await client.put('k', '0');
  const node = cluster.node('s1-w');
  node.received.length = 0;
  node.losesAnswer = true;
  const before = cluster.shard(1).writeCount;
  const put = client.put('k', '1');
  await until('the node has died', () => !node.up);
  expect(cluster.shard(1).writeCount).toBe(before + 1);
  node.restart();
  expect((await put).applied).toBe(true);
  expect(cluster.shard(1).writeCount).toBe(before + 1);
  const [first, second] = node.operations as [Operation & { kind: 'put' }, Operation & { kind: 'put' }];
  expect(second.sequence).toBe(first.sequence);
  expect(first.firstSentTimestamp).toBe(0);
  expect(second.firstSentTimestamp).toBeGreaterThanOrEqual(1_000);
  expect(new Set(node.received.map((request) => request.client)).size).toBe(1);
});

test('a write that was refused is sent for the first time when it is accepted', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const client = await open(cluster);
  const node = cluster.node('s1-w');
  let refusals = 2;
  node.intercept = () => (refusals-- > 0 ? { kind: 'busy', cause: 'queue-operations', retryAfterMs: 1 } : undefined);
  expect((await client.put('k', 'v')).applied).toBe(true);
  expect(node.operations).toMatchObject([0, 0, 0].map((firstSentTimestamp) => ({ kind: 'put', firstSentTimestamp })));
});

test('a write after a long silence is known by the clock that the shard has now when it must be repeated', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  let skippedMs = 0;
  const environment = { ...systemEnvironment, nowMs: () => systemEnvironment.nowMs() + skippedMs };
  const client = await openOver(cluster, {}, environment);
  opened.push(client);
  await client.put('k', '0');
  const node = cluster.node('s1-w');
  node.received.length = 0;
  skippedMs = 3_600_000;
  cluster.shard(1).clock = 5_000_000;
  node.losesAnswer = true;
  const put = client.put('k', '1');
  await until('the node has died', () => !node.up);
  node.restart();
  expect((await put).applied).toBe(true);
  expect(node.operations.map((operation) => 'firstSentTimestamp' in operation && operation.firstSentTimestamp)).toEqual(
    [0, 5_000_000],
  );
});

test('a write never sent because its node was away is sent for the first time when the node is back', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const node = cluster.node('s1-w');
  node.kill();
  const client = await open(cluster);
  const put = client.put('k', 'v');
  for (let turns = 0; turns < 5; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  node.restart();
  expect((await put).applied).toBe(true);
  expect(node.operations).toMatchObject([{ kind: 'put', firstSentTimestamp: 0 }]);
});

test('completedBelow is the lowest sequence that is not finished', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const client = await open(cluster);
  const node = cluster.node('s1-w');
  await client.put('a', 'x');
  let held = true;
  node.intercept = (operation) => (operation.kind === 'put' && operation.key === 'slow' && held ? 'drop' : undefined);
  const slow = client.put('slow', 'x', { timeoutMs: 500 });
  await client.put('b', 'x');
  await client.put('c', 'x');
  expect(node.received.at(-1)?.completedBelow).toBe(2);
  const error = await failureOf(slow);
  expect(error).toMatchObject({ code: 'deadline', outcomeUnknown: true });
  held = false;
  await client.put('d', 'x');
  const last = node.received.at(-1) as BatchRequest;
  expect(last.completedBelow).toBe((last.operations[0] as Operation & { kind: 'put' }).sequence);
});

test('writes that wait for one shard do not hold back what another may forget', async () => {
  const cluster = new FakeCluster({ shards: 2, replicas: 0 });
  const client = await open(cluster, { timeoutMs: 300 });
  const keyOf = (shard: string): string => {
    for (let index = 0; ; index++) if (client.locate(`k${index}`).shard === shard) return `k${index}`;
  };
  const [stuck, fine] = [keyOf('s1'), keyOf('s2')];
  cluster.node('s1-w').intercept = () => 'drop';
  const waiting = failureOf(client.put(stuck, 'x'));
  for (let index = 0; index < 3; index++) await client.put(fine, 'x');
  expect(cluster.node('s2-w').received.at(-1)?.completedBelow).toBe(3);
  expect(await waiting).toMatchObject({ code: 'deadline' });
});

test('an unavailable primary leaves a write unknown, and the write is repeated under its id', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const client = await open(cluster);
  await client.put('k', 'v');
  const node = cluster.node('s1-w');
  let answers = 0;
  node.intercept = () => (++answers === 1 ? { kind: 'unavailable', message: 'sync failed' } : undefined);
  expect((await client.put('k', 'w')).applied).toBe(true);
  const [, first, second] = node.operations as (Operation & { kind: 'put' })[];
  expect(second?.sequence).toBe(first?.sequence);
  node.intercept = () => ({ kind: 'unavailable', message: 'sync failed' });
  expect(await failureOf(client.put('k', 'x', { timeoutMs: 100 }))).toMatchObject({
    code: 'unreachable',
    outcomeUnknown: true,
    message: expect.stringContaining('sync failed'),
  });
});

test('conditions that do not hold are results', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const client = await open(cluster);
  const first = await client.put('k', 'v', { ifAbsent: true });
  expect(first.applied).toBe(true);
  expect(await client.put('k', 'w', { ifAbsent: true })).toMatchObject({ applied: false, version: first.version });
  expect(await client.put('none', 'w', { ifVersion: 5 })).toMatchObject({ applied: false, version: undefined });
  expect(await client.delete('k', { ifVersion: 1 })).toMatchObject({ applied: false, version: first.version });
});

test.each([
  [{ kind: 'invalid', cause: 'malformed', message: 'limit 4096' }, 'invalid-argument', false],
  [{ kind: 'invalid', cause: 'no-such-keyspace', message: 'no such' }, 'no-such-keyspace', false],
  [{ kind: 'too-old', windowMs: 600_000 }, 'too-old', true],
  [{ kind: 'no-quorum', members: 1, needed: 2 }, 'no-quorum', false],
  [{ kind: 'not-found', position: 1 }, 'protocol', true],
  [{ kind: 'not-done' }, 'protocol', true],
] as const)('a write that is answered with %o fails with %s', async (outcome, code, outcomeUnknown) => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const client = await open(cluster);
  cluster.node('s1-w').intercept = () => outcome;
  expect(await failureOf(client.put('k', 'v'))).toMatchObject({ code, outcomeUnknown });
});

test('a write whose keyspace is dropped before it could be repeated may have been done', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const client = await open(cluster);
  await client.createKeyspace('short');
  const keyspace = client.keyspace('short');
  await keyspace.put('k', 'v');
  const node = cluster.node('s1-w');
  node.losesAnswer = true;
  const failure = failureOf(keyspace.increment('n'));
  await until('the node has died', () => !node.up);
  cluster.change({ keyspaces: cluster.topology.keyspaces.filter(({ name }) => name !== 'short') });
  node.restart();
  expect(await failure).toMatchObject({ code: 'no-such-keyspace', outcomeUnknown: true });
  expect(await failureOf(keyspace.increment('n'))).toMatchObject({ code: 'no-such-keyspace', outcomeUnknown: false });
});

test('a connection that is closed in the turn of a call after a long silence stays closed', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  let skippedMs = 0;
  const environment = { ...systemEnvironment, nowMs: () => systemEnvironment.nowMs() + skippedMs };
  const client = await openOver(cluster, {}, environment);
  await client.put('k', '0');
  skippedMs = 130_000;
  const put = failureOf(client.put('k', '1'));
  await client.close();
  expect(await put).toMatchObject({ code: 'closed', outcomeUnknown: false });
  for (let turns = 0; turns < 5; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(cluster.streamCount).toBe(0);
});
