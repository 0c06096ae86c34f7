import { afterEach, expect, it } from 'vitest';
import { failureOf, openOver, textOf } from './client-fixture.ts';
import { systemEnvironment } from './environment.ts';
import { FakeCluster } from './fake-cluster.ts';
import type { OpenClient } from './open-client.ts';
import type { BatchWrite } from './options.ts';

let client: OpenClient;
let cluster: FakeCluster;

async function open(shards = 1, formed = true): Promise<void> {
  cluster = new FakeCluster({ shards, replicas: 0, formed });
  client = await openOver(cluster);
}

afterEach(() => client.close());

function puts(count: number, value = 'v'): BatchWrite[] {
  return Array.from({ length: count }, (_, index) => ({ kind: 'put', key: `k${index}`, value }));
}

it('the writes of one shard are one operation with a run of operation ids', async () => {
  await open();
  await client.put('before', 'v');
  const result = await client.batch([
    { kind: 'put', key: 'a', value: '1', metadata: { f: 'x' } },
    { kind: 'increment', key: 'b', by: 5 },
    { kind: 'append', key: 'c', value: 'abc' },
    { kind: 'delete', key: 'before' },
  ]);
  expect(result.applied).toBe(true);
  expect(result.parts).toHaveLength(1);
  expect(result.parts[0]).toMatchObject({ shard: 's1', status: 'done', indexes: [0, 1, 2, 3] });
  expect(result.parts[0]?.results).toMatchObject([
    { applied: true, key: 'a' },
    { applied: true, key: 'b', value: 5n },
    { applied: true, key: 'c', length: 3 },
    { applied: true, key: 'before', existed: true },
  ]);
  const sent = cluster.node('s1-w').operations.filter((operation) => operation.kind === 'atomic');
  expect(sent).toHaveLength(1);
  expect(sent[0]?.writes.map(({ sequence, request, keyspace }) => [sequence, request, keyspace])).toEqual([
    [2, 0, 1],
    [3, 1, 1],
    [4, 2, 1],
    [5, 3, 1],
  ]);
  await client.put('after', 'v');
  expect(cluster.node('s1-w').received.at(-1)?.completedBelow).toBe(6);
});

it('an unmet condition keeps all writes of its shard from being done', async () => {
  await open();
  await client.put('a', 'old');
  const result = await client.batch([
    { kind: 'put', key: 'b', value: 'new' },
    { kind: 'put', key: 'a', value: 'new', ifAbsent: true },
  ]);
  expect(result.applied).toBe(false);
  expect(result.parts[0]?.status).toBe('condition-failed');
  expect(result.parts[0]?.results).toMatchObject([
    { applied: false, key: 'b', reason: 'not-done' },
    { applied: false, key: 'a', version: expect.any(Number) },
  ]);
  expect(await client.exists('b')).toBe(false);
});

it('over several shards each part says how it ended, and the others are done', async () => {
  await open(3);
  cluster.node('s2-w').intercept = (operation) =>
    operation.kind === 'atomic' ? { kind: 'no-quorum', members: 1, needed: 2 } : undefined;
  const result = await client.batch(puts(60));
  expect(result.applied).toBe(false);
  const byShard = new Map(result.parts.map((part) => [part.shard, part]));
  expect([...byShard.keys()].sort()).toEqual(['s1', 's2', 's3']);
  expect(byShard.get('s1')?.status).toBe('done');
  expect(byShard.get('s3')?.status).toBe('done');
  expect(byShard.get('s2')).toMatchObject({ status: 'failed', error: { code: 'no-quorum', outcomeUnknown: false } });
  const indexes = result.parts.flatMap((part) => part.indexes).sort((a, b) => a - b);
  expect(indexes).toEqual(Array.from({ length: 60 }, (_, index) => index));
  const found = await client.mget(puts(60).map((write) => write.key));
  const done = new Set(result.parts.filter((part) => part.status === 'done').flatMap((part) => part.indexes));
  expect(found.map((each) => each !== undefined)).toEqual(found.map((_, index) => done.has(index)));
});

it('a part that was sent and not answered in time is unknown', async () => {
  await open();
  await client.put('warm', 'v');
  cluster.node('s1-w').frozen = true;
  const result = await client.batch(puts(2), { timeoutMs: 60 });
  expect(result.parts[0]).toMatchObject({ status: 'unknown', error: { code: 'deadline', outcomeUnknown: true } });
  expect(result.parts[0]?.error?.message).toMatch(/^batch failed after \d+ ms: /);
});

it('a batch whose answer is lost is repeated under the same ids and done once', async () => {
  await open();
  await client.put('warm', 'v');
  const node = cluster.node('s1-w');
  node.losesAnswer = true;
  const pending = client.batch([
    { kind: 'increment', key: 'n', by: 2 },
    { kind: 'append', key: 't', value: 'x' },
  ]);
  await expect.poll(() => node.up).toBe(false);
  node.restart();
  expect((await pending).parts[0]?.results).toMatchObject([{ value: 2n }, { length: 1 }]);
  expect(textOf((await client.get('n'))?.value)).toBe('2');
});

it('a write that the shard refuses as invalid fails its part, with the reason', async () => {
  await open();
  await client.put('text', 'seven');
  const result = await client.batch([
    { kind: 'put', key: 'other', value: 'v' },
    { kind: 'increment', key: 'text' },
  ]);
  expect(result.parts[0]).toMatchObject({ status: 'failed', error: { code: 'invalid-argument' } });
  expect(await client.exists('other')).toBe(false);
});

it('a part that is refused when it is repeated may have been done before', async () => {
  await open();
  await client.put('text', 'seven');
  let lost = 1;
  cluster.node('s1-w').intercept = ({ kind }) =>
    kind === 'atomic' && lost-- > 0 ? { kind: 'unavailable', message: 'the disk is slow' } : undefined;
  const { parts } = await client.batch([{ kind: 'increment', key: 'text' }]);
  expect(parts[0]).toMatchObject({ status: 'unknown', error: { code: 'invalid-argument', outcomeUnknown: true } });
  expect(parts[0]?.error?.message).not.toContain('nothing of the part was done');
});

it('a part with a deadline that has passed fails with the code that says so', async () => {
  await open();
  cluster.node('s1-w').intercept = (operation) => {
    const invalid = { kind: 'invalid', cause: 'deadline-passed', message: 'the deadline has passed' } as const;
    return operation.kind === 'atomic'
      ? { kind: 'atomic', applied: false, outcomes: [invalid], position: 1 }
      : undefined;
  };
  const { parts } = await client.batch(puts(1));
  expect(parts[0]).toMatchObject({ status: 'failed', error: { code: 'expired', outcomeUnknown: false } });
});

it('the deadline passes for all parts or for none: what was begun is told of part by part', async () => {
  cluster = new FakeCluster({ shards: 2, replicas: 0 });
  let skippedMs = 0;
  let skipsMs = 0;
  const environment = {
    ...systemEnvironment,
    nowMs: () => systemEnvironment.nowMs() + skippedMs,
    endOfTurn: (task: () => void) => {
      // The first part has been begun.
      skippedMs += skipsMs;
      systemEnvironment.endOfTurn(task);
    },
  };
  client = await openOver(cluster, {}, environment);
  await client.mput(puts(60).map(({ key }) => ({ key, value: 'before' })));
  skipsMs = 10_000;
  expect((await client.batch(puts(60))).parts.map(({ status }) => status)).toEqual(['done', 'done']);
});

it('an empty batch is done', async () => {
  await open();
  expect(await client.batch([])).toEqual({ applied: true, parts: [] });
});

it('a batch waits until the cluster is formed', async () => {
  await open(1, false);
  const pending = client.batch(puts(2));
  cluster.giveAllTo('s1');
  expect((await pending).applied).toBe(true);
});

it('nobody forms the cluster: the batch ends at its deadline', async () => {
  await open(1, false);
  expect(await failureOf(client.batch(puts(1), { timeoutMs: 30 }))).toMatchObject({ code: 'not-formed' });
});

it.each<[string, BatchWrite[]]>([
  ['a key twice', [...puts(3), { kind: 'delete', key: 'k1' }]],
  ['a key twice, as text and as bytes', [...puts(1), { kind: 'delete', key: Buffer.from('k0') }]],
  ['more writes of a shard than a batch may have', puts(1025)],
  ['more bytes of a shard than a batch may have', puts(3, 'x'.repeat(400_000))],
  ['an empty key', [...puts(1), { kind: 'delete', key: '' }]],
  ['two conditions', [{ kind: 'put', key: 'k', value: 'v', ifAbsent: true, ifVersion: 3 }]],
  ['a fraction', [...puts(1), { kind: 'increment', key: 'n', by: 0.5 }]],
])('a batch with %s is refused before anything is sent', async (_what, writes) => {
  await open();
  expect(await failureOf(client.batch(writes))).toMatchObject({ code: 'invalid-argument' });
  expect(cluster.node('s1-w').operations).toEqual([]);
});
