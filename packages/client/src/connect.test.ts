import { EdisError, type Topology } from '@edis/core';
import { RpcServer, type ShardHandlers } from '@edis/rpc';
import { afterEach, expect, test } from 'vitest';
import type { Client } from './client.ts';
import { failureOf, textOf, until } from './client-fixture.ts';
import { connect } from './connect.ts';
import { FakeCluster } from './fake-cluster.ts';

const running: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const each of running.splice(0).reverse()) await each.close();
});

/** Its primary. */
function shardOf(cluster: FakeCluster): ShardHandlers {
  const node = cluster.node('s1-w');
  return {
    batch: (stream) => {
      stream.listen({ onMessage: (request) => stream.send(node.answer(request)), onClose: () => {} });
      stream.send(node.greeting());
    },
    execute: async (request) => node.answer(request),
    stats: () => {
      throw new EdisError('unreachable', 'no figures here');
    },
  };
}

/** A cluster of one primary, over real connections: one server is info and shard. */
async function serve(cluster: FakeCluster, listen = '127.0.0.1:0'): Promise<{ server: RpcServer; address: string }> {
  const info = cluster.transport.channel(cluster.info);
  const map: { topology?: Topology } = {};
  const server = new RpcServer({
    listen,
    info: {
      session: (stream) => stream.cancel(new EdisError('protocol', 'not served here')),
      watchTopology: (stream) => {
        stream.listen({ onMessage: () => {}, onClose: () => {} });
        if (map.topology !== undefined) stream.send({ kind: 'whole', topology: map.topology });
      },
      describeCluster: () => {
        if (map.topology === undefined) throw new EdisError('unreachable', 'not ready');
        return { topology: map.topology, reports: new Map(), waitsFor: [] };
      },
      createKeyspace: (name, settings) => info.createKeyspace(name, settings, { timeoutMs: 1_000 }),
      promote: (wish) => info.promote(wish, { timeoutMs: 1_000 }),
      dropKeyspace: (name) => info.dropKeyspace(name, { timeoutMs: 1_000 }),
    },
    shard: shardOf(cluster),
  });
  const { port } = await server.start();
  running.push(server);
  const address = `127.0.0.1:${port}`;
  const endpoints = [{ network: 'host', address }];
  const [shard] = cluster.topology.shards;
  if (shard === undefined) throw new Error('no shard');
  const members = shard.members.map((member) => ({ ...member, endpoints }));
  map.topology = {
    ...cluster.topology,
    infos: [{ node: 'info', endpoints, host: '', pid: 0 }],
    shards: [{ ...shard, members }],
  };
  return { server, address };
}

async function connectTo(info: string): Promise<Client> {
  const client = await connect({ info, timeoutMs: 5_000 });
  running.push(client);
  return client;
}

test('over real connections, text, bytes, metadata and conditions arrive as they were given', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const { address } = await serve(cluster);
  const client = await connectTo(address);
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  const put = await client.put(bytes, bytes, { metadata: { Größe: 'ok' } });
  const got = await client.get(bytes);
  expect([...(got?.value ?? [])]).toEqual([...bytes]);
  expect(got).toMatchObject({
    version: put.version,
    metadata: { Größe: 'ok' },
    servedBy: { node: 's1-w', role: 'primary' },
  });
  await client.put('ключ', 'значение');
  expect(textOf((await client.get('ключ'))?.value)).toBe('значение');
  expect(await client.put('ключ', 'x', { ifAbsent: true })).toMatchObject({ applied: false });
  expect(await client.exists('nothing')).toBe(false);
  expect(await client.delete('ключ')).toMatchObject({ existed: true });
});

test('over real connections, many callers at once are all answered', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const { address } = await serve(cluster);
  const client = await connectTo(address);
  const keys = Array.from({ length: 20_000 }, (_, index) => `key-${index}`);
  await client.mput(keys.map((key) => ({ key, value: `value of ${key}` })));
  const got = await client.mget(keys);
  expect(got.map((each) => textOf(each?.value))).toEqual(keys.map((key) => `value of ${key}`));
});

test('over real connections, a server that comes back is used again and the write in between is kept', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const { server, address } = await serve(cluster);
  const client = await connectTo(address);
  await client.put('k', '1');
  await server.close();
  const put = client.put('k', '2');
  await serve(cluster, address);
  expect((await put).applied).toBe(true);
  expect(textOf((await client.get('k'))?.value)).toBe('2');
});

test('an address that nobody listens on is unreachable, within the timeout', async () => {
  const { server, address } = await serve(new FakeCluster({ shards: 1, replicas: 0 }));
  await server.close();
  const startMs = performance.now();
  const error = await failureOf(connect({ info: address, timeoutMs: 300 }));
  expect(error.code).toBe('unreachable');
  expect(error.message).toContain(address);
  expect(performance.now() - startMs).toBeLessThan(3_000);
});

test('an address at which no info answers is told at once, and costs nothing beside one that does', async () => {
  const shard = new RpcServer({ listen: '127.0.0.1:0', shard: shardOf(new FakeCluster({ shards: 1, replicas: 0 })) });
  const { port } = await shard.start();
  running.push(shard);
  const stranger = `127.0.0.1:${port}`;
  const error = await failureOf(connect({ info: stranger, timeoutMs: 60_000 }));
  expect(error).toMatchObject({ code: 'invalid-argument' });
  expect(error.message).toMatch(
    new RegExp(
      `^no info at ${stranger} \\(.*WatchTopology\\); info is usually on port 7400, and nodes of shards above$`,
    ),
  );
  const { address } = await serve(new FakeCluster({ shards: 1, replicas: 0 }));
  const client = await connect({ info: [stranger, address], timeoutMs: 5_000 });
  running.push(client);
  expect(client.topology().shards).toHaveLength(1);
});

test('figures of a member that does not give them come with its error', async () => {
  const { address } = await serve(new FakeCluster({ shards: 1, replicas: 0 }));
  const client = await connectTo(address);
  await until('the map is there', () => client.topology().formed);
  const [reply] = await client.stats({ timeoutMs: 2_000 });
  expect(reply?.node).toBe('s1-w');
  expect(reply?.error).toBeInstanceOf(EdisError);
  expect((await client.describe()).topology.cluster).toBe('fake-1');
});

test('over real connections, counters, deadlines and batches arrive as they were given', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const { nowMs } = cluster.shard(1);
  const client = await connectTo((await serve(cluster)).address);
  expect((await client.increment('n', -(2n ** 63n))).value).toBe(-(2n ** 63n));
  expect((await client.append('t', 'grün')).length).toBe(5);
  expect((await client.expire('t', 60_000))?.expiresAtMs).toBe(nowMs + 60_000);
  expect((await client.persist('t'))?.expiresAtMs).toBeUndefined();
  expect(await client.expire('none', 60_000)).toBeUndefined();
  const batch = await client.batch([
    { kind: 'put', key: 'a', value: 'v', metadata: { f: 'x' }, ttlMs: 5_000 },
    { kind: 'increment', key: 'b' },
    { kind: 'append', key: 't', value: '!' },
    { kind: 'delete', key: 'n' },
  ]);
  expect(batch.parts[0]?.results).toMatchObject([{ applied: true }, { value: 1n }, { length: 6 }, { existed: true }]);
  expect(await client.get('a')).toMatchObject({ metadata: { f: 'x' }, expiresAtMs: nowMs + 5_000 });
  const unmet = await client.batch([
    { kind: 'delete', key: 'a', ifVersion: 1 },
    { kind: 'put', key: 'c', value: 'v' },
  ]);
  expect(unmet.parts[0]).toMatchObject({ status: 'condition-failed', results: [{}, { reason: 'not-done' }] });
});
