import { limits, type Outcome } from '@edis/core';
import { afterEach, expect, test } from 'vitest';
import { failureOf, openOver, textOf, until } from './client-fixture.ts';
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

test('operations of one turn travel in one message', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const client = await open(cluster);
  await client.put('first', 'x');
  const node = cluster.node('s1-w');
  node.received.length = 0;
  const loop = async (caller: number): Promise<void> => {
    for (let round = 0; round < 3; round++) await client.put(`k${caller}`, `${round}`);
  };
  await Promise.all(Array.from({ length: 100 }, (_, caller) => loop(caller)));
  expect(node.received.map((request) => request.operations.length)).toEqual([100, 100, 100]);
});

test('a batch ends at its bytes, and at a number of operations that keeps both sides at work', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const client = await open(cluster);
  await client.put('first', 'x');
  const node = cluster.node('s1-w');
  node.received.length = 0;
  const value = new Uint8Array(limits.maxBatchBytes / 3);
  await Promise.all(Array.from({ length: 7 }, (_, index) => client.put(`k${index}`, value)));
  expect(node.received.map((request) => request.operations.length)).toEqual([2, 2, 2, 1]);
  node.received.length = 0;
  await Promise.all(Array.from({ length: 300 }, () => client.exists('first')));
  expect(node.received.map((request) => request.operations.length)).toEqual([128, 128, 44]);
});

test('a stream that wants no more gets no more until it has drained', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const client = await open(cluster);
  await client.put('first', 'x');
  const node = cluster.node('s1-w');
  const [stream] = node.streams;
  if (stream === undefined) throw new Error('no stream');
  stream.room = 1;
  await client.put('second', 'x');
  node.received.length = 0;
  const held = client.put('third', 'x');
  // Without the brake it would have left at the end of the turn.
  for (let turns = 0; turns < 5; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(node.received).toEqual([]);
  stream.drain();
  expect(await held).toMatchObject({ applied: true });
});

test('busy is retried after the time that the shard asked for', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const client = await open(cluster);
  await client.put('k', 'v');
  const times: number[] = [];
  cluster.node('s1-w').intercept = (): Outcome | undefined => {
    times.push(performance.now());
    return times.length <= 2 ? { kind: 'busy', cause: 'queue-bytes', retryAfterMs: 60 } : undefined;
  };
  expect(await client.put('k', 'w')).toMatchObject({ applied: true });
  expect(times.length).toBe(3);
  expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(60);
  expect((times[2] ?? 0) - (times[1] ?? 0)).toBeGreaterThanOrEqual(60);
});

test('a shard that stays busy until the deadline is reported as busy, with nothing done', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const client = await open(cluster);
  cluster.node('s1-w').intercept = () => ({ kind: 'busy', cause: 'overlay', retryAfterMs: 20 });
  const error = await failureOf(client.put('k', 'v', { timeoutMs: 150 }));
  expect(error).toMatchObject({ code: 'busy', outcomeUnknown: false });
});

test('an operation ends at its deadline, not before and hardly after', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const client = await open(cluster);
  await client.put('k', 'v');
  cluster.node('s1-w').intercept = () => 'drop';
  const startMs = performance.now();
  const [get, put] = await Promise.all([
    failureOf(client.get('k', { timeoutMs: 100 })),
    failureOf(client.put('k', 'v', { timeoutMs: 150 })),
  ]);
  const tookMs = performance.now() - startMs;
  expect(tookMs).toBeGreaterThanOrEqual(150);
  expect(tookMs).toBeLessThan(500);
  expect(get).toMatchObject({ code: 'deadline', outcomeUnknown: false });
  expect(put).toMatchObject({ code: 'deadline', outcomeUnknown: true });
});

test('a late answer to an operation that was given up reaches nobody', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const client = await open(cluster);
  await client.put('k', 'v');
  const node = cluster.node('s1-w');
  node.intercept = () => 'drop';
  expect(await failureOf(client.get('k', { timeoutMs: 30 }))).toMatchObject({ code: 'deadline' });
  const late = node.operations.at(-1)?.request ?? -1;
  node.intercept = undefined;
  const reads = Array.from({ length: 20 }, () => client.get('k'));
  const [stream] = node.streams;
  const outcome: Outcome = { kind: 'not-found', position: 0 };
  const answer = { node: '', role: undefined, shard: '', epoch: 1, timestamp: 1, stalenessMs: 0 };
  stream?.deliver({ ...answer, results: [{ request: late, outcome }] });
  for (const read of reads) expect(textOf((await read)?.value)).toBe('v');
});

test('a caller may abort; a write that was sent by then has an unknown outcome', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const client = await open(cluster);
  await client.put('k', 'v');
  const node = cluster.node('s1-w');
  node.intercept = () => 'drop';
  const before = AbortSignal.abort(new Error('too late'));
  expect(await failureOf(client.put('k', 'w', { signal: before }))).toMatchObject({
    code: 'aborted',
    outcomeUnknown: false,
  });
  const controller = new AbortController();
  const put = failureOf(client.put('k', 'w', { signal: controller.signal }));
  const get = failureOf(client.get('k', { signal: controller.signal }));
  await until('both were sent', () => node.operations.length === 3);
  controller.abort();
  expect(await put).toMatchObject({ code: 'aborted', outcomeUnknown: true });
  expect(await get).toMatchObject({ code: 'aborted', outcomeUnknown: false });
});

test('one signal may be given to many operations, without a warning of Node', async () => {
  const warnings: Error[] = [];
  const listener = (warning: Error): void => void warnings.push(warning);
  process.on('warning', listener);
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const client = await open(cluster);
  const { signal } = new AbortController();
  await client.mget(
    Array.from({ length: 1_000 }, (_, index) => `k${index}`),
    { signal },
  );
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', listener);
  expect(warnings).toEqual([]);
});
