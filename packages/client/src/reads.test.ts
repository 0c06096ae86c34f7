import type { Outcome } from '@edis/core';
import { afterEach, expect, test } from 'vitest';
import { failureOf, openOver, until } from './client-fixture.ts';
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

test('the reads of a key alternate between its replicas', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 2 });
  const client = await open(cluster);
  await client.put('k', 'v');
  const served: string[] = [];
  for (let index = 0; index < 8; index++) served.push((await client.get('k'))?.servedBy.node ?? '');
  expect(new Set(served)).toEqual(new Set(['s1-r1', 's1-r2']));
  for (let index = 2; index < 8; index++) {
    expect(served[index]).toBe(served[index - 2]);
    expect(served[index]).not.toBe(served[index - 1]);
  }
});

test('strong reads go to the primary, as do all reads of a shard without replicas', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 1 });
  const client = await open(cluster);
  await client.put('k', 'v');
  expect((await client.get('k', { consistency: 'strong' }))?.servedBy).toEqual({
    node: 's1-w',
    role: 'primary',
    shard: 's1',
  });
  const alone = new FakeCluster({ shards: 1, replicas: 0 });
  const other = await open(alone);
  await other.put('k', 'v');
  expect((await other.get('k'))?.servedBy.role).toBe('primary');
});

test('a replica that dies is skipped at once, and used again when it is back', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 2 });
  const client = await open(cluster);
  await client.put('k', 'v');
  const servers = async (count: number): Promise<Set<string | undefined>> => {
    const served = new Set<string | undefined>();
    for (let index = 0; index < count; index++) served.add((await client.get('k'))?.servedBy.node);
    return served;
  };
  expect(await servers(4)).toEqual(new Set(['s1-r1', 's1-r2']));
  cluster.node('s1-r1').kill();
  expect(await servers(6)).toEqual(new Set(['s1-r2']));
  cluster.node('s1-r1').restart();
  await until('the replica is connected again', () => cluster.node('s1-r1').streams.size === 1);
  await new Promise((resolve) => setImmediate(resolve));
  expect(await servers(4)).toEqual(new Set(['s1-r1', 's1-r2']));
});

test('reads in flight at a replica that dies are answered by another', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 2 });
  const client = await open(cluster);
  await client.put('k', 'v');
  await Promise.all([client.get('k'), client.get('k')]);
  cluster.node('s1-r1').intercept = () => 'drop';
  const reads = Array.from({ length: 10 }, () => client.get('k'));
  await until('half are stuck', () => cluster.node('s1-r1').operations.length >= 5);
  cluster.node('s1-r1').kill();
  for (const read of reads) expect((await read)?.servedBy.node).toBe('s1-r2');
});

test('a replica that leaves reads unanswered is given up, and the reads are answered elsewhere', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 1 });
  const client = await open(cluster, { timeoutMs: 8_000 });
  await client.put('k', 'v');
  await client.get('k');
  cluster.node('s1-r1').frozen = true;
  expect((await client.get('k'))?.servedBy.node).toBe('s1-w');
});

test('a replica that info calls dead is skipped; when nobody else is left it is asked all the same', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 1 });
  const client = await open(cluster);
  await client.put('k', 'v');
  expect((await client.get('k'))?.servedBy.node).toBe('s1-r1');
  cluster.changeMember('s1-r1', { alive: false });
  expect((await client.get('k'))?.servedBy.node).toBe('s1-w');
  cluster.node('s1-w').kill();
  expect((await client.get('k'))?.servedBy.node).toBe('s1-r1');
});

test('a replica that joins while a client reads takes its turn, and one that leaves costs no error', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 2 });
  const whole = cluster.topology;
  const [shard] = whole.shards;
  if (shard === undefined) throw new Error('no shard');
  const without = { ...shard, members: shard.members.filter((member) => member.node !== 's1-r2') };
  cluster.change({ shards: [without] });
  const client = await open(cluster);
  await client.put('k', 'v');
  const served: (string | undefined)[] = [];
  let reading = true;
  const reader = (async () => {
    while (reading) served.push((await client.get('k'))?.servedBy.node);
  })();
  await until('the only replica answers', () => served.length > 5);
  expect(new Set(served)).toEqual(new Set(['s1-r1']));
  cluster.change({ shards: [{ ...shard }] });
  await until('the new one answers', () => served.includes('s1-r2'));
  cluster.change({ shards: [{ ...without }] });
  const count = served.length;
  await until('reads go on', () => served.length > count + 10);
  expect(new Set(served.slice(-5))).toEqual(new Set(['s1-r1']));
  reading = false;
  await reader;
});

test('a session read asks for what this client has seen', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 1 });
  const client = await open(cluster);
  await client.put('k', 'v');
  await client.put('k', 'w');
  await client.get('k');
  expect(cluster.node('s1-r1').operations.at(-1)).toMatchObject({
    consistency: 'session',
    after: { epoch: 1, position: 2 },
  });
  await client.get('k', { consistency: 'eventual' });
  expect(cluster.node('s1-r1').operations.at(-1)).toMatchObject({ consistency: 'eventual', after: undefined });
});

test('a token makes another client see as much, and is merged into what that client has seen', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 1 });
  const writer = await open(cluster);
  const reader = await open(cluster);
  const replica = cluster.node('s1-r1');
  await writer.put('k', 'v');
  const { token } = await writer.put('k', 'w');
  expect(token).toBe(writer.token);
  replica.applied = { epoch: 1, position: 1 };
  expect((await reader.get('k'))?.servedBy.node).toBe('s1-r1');
  expect((await reader.get('k', { after: token }))?.servedBy.node).toBe('s1-w');
  expect(replica.operations.at(-1)).toMatchObject({ after: { epoch: 1, position: 2 } });
  expect(reader.token).toBe(token);
  expect((await reader.get('k'))?.servedBy.node).toBe('s1-w');
});

test('a token of another cluster is refused', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const other = new FakeCluster({ shards: 1, replicas: 0 });
  other.change({ cluster: 'fake-2' }, false);
  const { token } = await (await open(other)).put('k', 'v');
  const error = await failureOf((await open(cluster)).get('k', { after: token }));
  expect(error.code).toBe('invalid-argument');
  expect(error.message).toContain('fake-2');
});

test.each(['too-stale', 'not-primary', 'unavailable'] as const)(
  'the primary answers a read that a replica ends with %s',
  async (kind) => {
    const cluster = new FakeCluster({ shards: 1, replicas: 1 });
    const client = await open(cluster);
    await client.put('k', 'v');
    const outcomes: Record<typeof kind, Outcome> = {
      'too-stale': { kind: 'too-stale', applied: { epoch: 0, position: 0 }, stalenessMs: 9 },
      'not-primary': { kind: 'not-primary', epoch: 1 },
      unavailable: { kind: 'unavailable', message: 'out of service' },
    };
    cluster.node('s1-r1').intercept = () => outcomes[kind];
    expect((await client.get('k'))?.servedBy.node).toBe('s1-w');
  },
);
