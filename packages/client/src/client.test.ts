import { limits } from '@edis/core';
import { afterEach, expect, test } from 'vitest';
import { callUntyped, failureOf, openOver, textOf } from './client-fixture.ts';
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

test('what was put is read back, with metadata and version', async () => {
  const cluster = new FakeCluster({ shards: 3, replicas: 1 });
  const client = await open(cluster);
  const put = await client.put('a', 'one', { metadata: { kind: 'number' } });
  expect(put).toMatchObject({ applied: true, key: 'a' });
  const got = await client.get('a');
  expect(textOf(got?.value)).toBe('one');
  expect(got).toMatchObject({ key: 'a', version: put.version, shard: put.shard, metadata: { kind: 'number' } });
  expect(await client.get('missing')).toBeUndefined();
  expect(await client.exists('a')).toBe(true);
  expect(await client.delete('a')).toMatchObject({ applied: true, existed: true });
  expect(await client.exists('a')).toBe(false);
});

test('a write goes to the primary of the shard that owns the key', async () => {
  const cluster = new FakeCluster({ shards: 3, replicas: 1 });
  const client = await open(cluster);
  for (let index = 0; index < 50; index++) {
    const { shard } = await client.put(`key-${index}`, 'x');
    expect(shard).toBe(client.locate(`key-${index}`).shard);
  }
  for (const name of ['s1', 's2', 's3']) expect(cluster.node(`${name}-w`).operations.length).toBeGreaterThan(0);
  for (const name of ['s1', 's2', 's3']) expect(cluster.node(`${name}-r1`).operations).toEqual([]);
});

test('keys and values may be any bytes or text', async () => {
  const cluster = new FakeCluster({ shards: 2, replicas: 0 });
  const client = await open(cluster);
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  await client.put(bytes, bytes);
  expect([...((await client.get(bytes))?.value ?? [])]).toEqual([...bytes]);
  await client.put('ключ 🔑', 'значение 🔒');
  expect(textOf((await client.get('ключ 🔑'))?.value)).toBe('значение 🔒');
  expect(textOf((await client.get(new TextEncoder().encode('ключ 🔑')))?.value)).toBe('значение 🔒');
});

test('input beyond the limits is refused with the limit in the message, and nothing is sent', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const client = await open(cluster);
  const refused: [Promise<unknown>, string][] = [
    [client.put('', 'x'), '1 byte'],
    [client.get('k'.repeat(limits.maxKeyBytes + 1)), String(limits.maxKeyBytes)],
    [client.put('k', new Uint8Array(limits.maxValueBytes + 1)), String(limits.maxValueBytes)],
    [client.put('k', 'v', { metadata: { m: 'x'.repeat(limits.maxMetadataBytes) } }), String(limits.maxMetadataBytes)],
    [client.put('half \ud83d', 'v'), 'surrogate'],
    [client.put('k', 'v', { metadata: { m: 'half \ud83d' } }), 'surrogate'],
    [client.put('k', 'v', { metadata: { '\udc00': 'm' } }), 'surrogate'],
    [Promise.resolve().then(() => client.search({ '': 'x' }).toArray()), 'empty field'],
    [callUntyped(client, 'mput', undefined), 'list'],
    [callUntyped(client, 'mput', [null]), 'entry 0'],
    [callUntyped(client, 'mget', 'k'), 'list'],
    [callUntyped(client, 'batch', 5), 'list'],
    [callUntyped(client, 'batch', [null]), 'write 0'],
    [callUntyped(client, 'batch', [{ kind: 'boom', key: 'k' }]), 'boom'],
    [callUntyped(client, 'get', 'k', { after: 5 }), 'session token'],
    [callUntyped(client, 'put', 'k', 'v', null), 'options'],
    [callUntyped(client, 'delete', 'k', 5), 'options'],
    [callUntyped(client, 'mput', [], null), 'options'],
    [callUntyped(client, 'mget', [], null), 'options'],
    [callUntyped(client, 'exists', 'k', null), 'options'],
    [client.put('k', 'v', { timeoutMs: 0 }), 'timeoutMs'],
    [client.put('k', 'v', { ifAbsent: true, ifVersion: 3 }), 'exclude'],
    [client.get('k', { consistency: 'bounded' }), 'maxStalenessMs'],
    [client.get('k', { after: 'nonsense!' }), 'session token'],
    [client.get('k', { after: client.token, consistency: 'eventual' }), 'session'],
    [
      client.mput([
        { key: 'k', value: 'v' },
        { key: '', value: 'v' },
      ]),
      '1 byte',
    ],
  ];
  for (const [call, text] of refused) {
    const error = await failureOf(call);
    expect(error.code).toBe('invalid-argument');
    expect(error.message).toContain(text);
  }
  expect(cluster.node('s1-w').operations).toEqual([]);
});

test('a query that is refused before it is asked rejects where it is taken from, and throws nowhere else', async () => {
  const client = await open(new FakeCluster({ shards: 1, replicas: 0 }));
  const streams = [
    client.scan({ limit: 0 }),
    client.scan({ cursor: 'no cursor' }),
    client.keys({ prefix: 'a', to: 'b' }),
    client.search({}),
    client.search({ age: { gte: 18 } }),
    client.scan({ timeoutMs: -1 }),
  ];
  for (const stream of streams) {
    expect(stream.cursor).toBeUndefined();
    expect(await failureOf(stream.toArray())).toMatchObject({ code: 'invalid-argument' });
    const taken = stream[Symbol.asyncIterator]().next();
    expect(await failureOf(taken)).toMatchObject({ code: 'invalid-argument' });
  }
});

test('an unknown keyspace is named as such', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const client = await open(cluster, { keyspace: 'nowhere' });
  const error = await failureOf(client.get('k'));
  expect(error.code).toBe('no-such-keyspace');
  expect(error.message).toContain('default');
});

test('mput and mget spread over the shards and answer in order', async () => {
  const cluster = new FakeCluster({ shards: 3, replicas: 1 });
  const client = await open(cluster);
  const keys = Array.from({ length: 100 }, (_, index) => `key-${index}`);
  const puts = await client.mput(keys.map((key) => ({ key, value: `v:${key}` })));
  expect(puts.map((put) => put.key)).toEqual(keys);
  const gets = await client.mget([...keys, 'missing']);
  expect(gets.map((got) => textOf(got?.value))).toEqual([...keys.map((key) => `v:${key}`), '']);
  expect(new Set(puts.map((put) => put.shard)).size).toBe(3);
  for (const name of ['s1-w', 's2-w', 's3-w']) expect(cluster.node(name).received.length).toBe(1);
});

test('a bulk write with a failing part rejects after all have settled and says how many were done', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const client = await open(cluster);
  cluster.node('s1-w').intercept = (operation) =>
    operation.kind === 'put' && operation.key === 'bad' ? { kind: 'no-quorum', members: 1, needed: 2 } : undefined;
  const error = await failureOf(client.mput(['a', 'bad', 'b'].map((key) => ({ key, value: 'v' }))));
  expect(error.code).toBe('no-quorum');
  expect(error.message).toContain('2 of 3');
  expect(cluster.shard(1).writeCount).toBe(2);
});

test('a result shows its token in JSON although it makes it only when asked', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const client = await open(cluster);
  const put = await client.put('k', 'v');
  expect(Object.keys(put)).not.toContain('token');
  expect(JSON.parse(JSON.stringify(put))).toEqual({
    applied: true,
    key: 'k',
    version: put.version,
    shard: 's1',
    token: put.token,
  });
});
