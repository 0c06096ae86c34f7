import { afterEach, expect, it } from 'vitest';
import { failureOf, openOver, textOf } from './client-fixture.ts';
import { FakeCluster } from './fake-cluster.ts';
import type { OpenClient } from './open-client.ts';

let client: OpenClient;
let cluster: FakeCluster;

async function open(): Promise<void> {
  cluster = new FakeCluster({ shards: 1, replicas: 0 });
  client = await openOver(cluster);
}

afterEach(() => client.close());

it('an increment starts at 0 and gives the sum as a bigint', async () => {
  await open();
  expect(await client.increment('n')).toMatchObject({ applied: true, key: 'n', value: 1n, shard: 's1' });
  expect((await client.increment('n', -5)).value).toBe(-4n);
  expect((await client.increment('n', 2n ** 62n)).value).toBe(2n ** 62n - 4n);
});

it('the sum of an increment is text in JSON', async () => {
  await open();
  const result = await client.increment('n', 7);
  expect(JSON.parse(JSON.stringify(result))).toEqual({ ...result, value: '7', token: result.token });
});

it.each([1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 2n ** 63n, -(2n ** 63n) - 1n])(
  'an increment by %s is refused before anything is sent',
  async (by) => {
    await open();
    expect(await failureOf(client.increment('n', by))).toMatchObject({ code: 'invalid-argument' });
    expect(cluster.shard(1).writeCount).toBe(0);
  },
);

it('an increment of what is no integer is an invalid argument, and so is a sum beyond 64 bits', async () => {
  await open();
  await client.put('text', 'seven');
  expect(await failureOf(client.increment('text'))).toMatchObject({ code: 'invalid-argument' });
  await client.increment('n', 2n ** 63n - 1n);
  expect(await failureOf(client.increment('n'))).toMatchObject({ code: 'invalid-argument' });
});

it('an increment whose answer is lost counts once', async () => {
  await open();
  await client.increment('n');
  const node = cluster.node('s1-w');
  node.losesAnswer = true;
  const pending = client.increment('n');
  await expect.poll(() => node.up).toBe(false);
  node.restart();
  expect((await pending).value).toBe(2n);
});

it('append makes the record or adds to it, and gives the length in bytes', async () => {
  await open();
  expect((await client.append('log', 'ab')).length).toBe(2);
  expect((await client.append('log', 'ü')).length).toBe(4);
  expect(textOf((await client.get('log'))?.value)).toBe('abü');
});

it('a put with a TTL, expire and persist set the deadline that get and ttl tell', async () => {
  await open();
  const { nowMs } = cluster.shard(1);
  await client.put('k', 'v', { ttlMs: 60_000 });
  expect((await client.get('k'))?.expiresAtMs).toBe(nowMs + 60_000);
  expect(await client.expire('k', 90_000)).toMatchObject({ applied: true, expiresAtMs: nowMs + 90_000 });
  const left = await client.ttl('k');
  expect(left).toBeGreaterThan(30_000);
  expect(left).toBeLessThanOrEqual(90_000);
  expect(await client.persist('k')).toMatchObject({ applied: true, expiresAtMs: undefined });
  expect(await client.ttl('k')).toBe('never');
});

it('a record is gone at its deadline, for ttl, expire and persist as for get', async () => {
  await open();
  await client.put('k', 'v', { ttlMs: 10 });
  cluster.shard(1).nowMs += 10;
  expect(await client.get('k')).toBeUndefined();
  expect(await client.ttl('k')).toBeUndefined();
  expect(await client.expire('k', 10)).toBeUndefined();
  expect(await client.persist('k')).toBeUndefined();
});

it('a record without a deadline is told from one with the default of its keyspace by never', async () => {
  await open();
  await client.put('a', 'v');
  await client.put('b', 'v', { ttlMs: 'never' });
  const [first, second] = cluster.node('s1-w').operations.filter((operation) => operation.kind === 'put');
  expect(first?.ttlMs).toBe(0);
  expect(second?.ttlMs).toBe(-1);
});

it.each([0, -1, 1.5, Number.NaN, 200 * 365 * 24 * 3_600_000])('a TTL of %s is refused everywhere', async (ttlMs) => {
  await open();
  expect(await failureOf(client.put('k', 'v', { ttlMs }))).toMatchObject({ code: 'invalid-argument' });
  expect(await failureOf(client.mput([{ key: 'k', value: 'v', ttlMs }]))).toMatchObject({ code: 'invalid-argument' });
  expect(await failureOf(client.expire('k', ttlMs))).toMatchObject({ code: 'invalid-argument' });
  const batch = client.batch([{ kind: 'put', key: 'k', value: 'v', ttlMs }]);
  expect(await failureOf(batch)).toMatchObject({ code: 'invalid-argument' });
  expect(cluster.shard(1).writeCount).toBe(0);
});

it('a record may name the moment of its end, and the shard says when that has passed', async () => {
  await open();
  const expiresAtMs = cluster.shard(1).nowMs + 5;
  await client.put('a', 'v', { expiresAtMs });
  await client.mput([{ key: 'b', value: 'v', expiresAtMs }]);
  expect((await client.mget(['a', 'b'])).map((each) => each?.expiresAtMs)).toEqual([expiresAtMs, expiresAtMs]);
  cluster.node('s1-w').intercept = () => ({ kind: 'invalid', cause: 'deadline-passed', message: 'it has passed' });
  expect(await failureOf(client.put('c', 'v', { expiresAtMs }))).toMatchObject({ code: 'expired' });
});

it.each([
  [{ expiresAtMs: 0 }, 'whole milliseconds since 1970'],
  [{ expiresAtMs: 1.5 }, 'whole milliseconds since 1970'],
  [{ expiresAtMs: 5, ttlMs: 5 }, 'exclude each other'],
  [{ expiresAtMs: 5, ttlMs: 'never' as const }, 'exclude each other'],
])('a put with %o is refused', async (options, reason) => {
  await open();
  const error = await failureOf(client.put('k', 'v', options));
  expect(error).toMatchObject({ code: 'invalid-argument', message: expect.stringContaining(reason) });
  expect(cluster.shard(1).writeCount).toBe(0);
});

it('mput takes a TTL for each record', async () => {
  await open();
  await client.mput([
    { key: 'a', value: '1', ttlMs: 60_000 },
    { key: 'b', value: '2' },
  ]);
  const found = await client.mget(['a', 'b']);
  expect(found.map((each) => each?.expiresAtMs)).toEqual([cluster.shard(1).nowMs + 60_000, undefined]);
});

it('putIfAbsent writes once', async () => {
  await open();
  expect(await client.putIfAbsent('k', 'first')).toMatchObject({ applied: true });
  expect(await client.putIfAbsent('k', 'second')).toMatchObject({ applied: false });
  expect(textOf((await client.get('k'))?.value)).toBe('first');
});

it('getAndDelete gives a record to one caller alone', async () => {
  await open();
  await client.put('job', 'work', { metadata: { a: 'b' } });
  const taken = await Promise.all([client.getAndDelete('job'), client.getAndDelete('job'), client.getAndDelete('job')]);
  const got = taken.filter((each) => each !== undefined);
  expect(got).toHaveLength(1);
  expect(got[0]).toMatchObject({ key: 'job', metadata: { a: 'b' } });
  expect(await client.exists('job')).toBe(false);
});

it('getAndDelete takes what a writer put between its reading and its removal', async () => {
  await open();
  await client.put('k', 'old');
  const node = cluster.node('s1-w');
  let interfered = false;
  node.intercept = (operation) => {
    if (operation.kind !== 'delete' || interfered) return undefined;
    interfered = true;
    void client.put('k', 'new');
    return { kind: 'condition-failed', version: 999_999, position: cluster.shard(1).position };
  };
  expect(textOf((await client.getAndDelete('k'))?.value)).toBe('new');
});

it('getAndDelete ends at its deadline when others always come between', async () => {
  await open();
  await client.put('k', 'v');
  cluster.node('s1-w').intercept = (operation) =>
    operation.kind === 'delete' ? { kind: 'condition-failed', version: 1, position: 1 } : undefined;
  expect(await failureOf(client.getAndDelete('k', { timeoutMs: 50 }))).toMatchObject({ code: 'deadline' });
});
