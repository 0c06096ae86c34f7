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

test('with info down, reads, writes and reconnects go on', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 1 });
  const client = await open(cluster);
  cluster.stopInfo();
  expect((await client.put('k', 'v')).applied).toBe(true);
  expect(textOf((await client.get('k'))?.value)).toBe('v');
  cluster.node('s1-w').kill();
  cluster.node('s1-w').restart();
  expect((await client.put('k', 'w')).applied).toBe(true);
  cluster.infoUp = true;
  cluster.giveAllTo('s1', false);
  await until('the map is refreshed', () => client.topology().revision === cluster.topology.revision);
});

test('operations wait for a cluster to be formed, up to their deadline', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0, formed: false });
  const client = await open(cluster);
  expect(await failureOf(client.put('k', 'v', { timeoutMs: 50 }))).toMatchObject({
    code: 'not-formed',
    outcomeUnknown: false,
  });
  const put = client.put('k', 'v');
  cluster.giveAllTo('s1');
  expect((await put).applied).toBe(true);
});

test('a primary that stays away ends a write with unreachable, and nothing was sent', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const client = await open(cluster);
  cluster.node('s1-w').kill();
  const error = await failureOf(client.put('k', 'v', { timeoutMs: 100 }));
  expect(error).toMatchObject({ code: 'unreachable', outcomeUnknown: false });
  expect(error.message).toContain('s1-w');
});

test('connecting to where no info is fails in time and names the addresses', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const info = ['localhost:1', 'localhost:2'];
  const error = await failureOf(open(cluster, { info, timeoutMs: 200 }));
  expect(error.code).toBe('unreachable');
  for (const address of info) expect(error.message).toContain(address);
});

test('one info address that answers is enough', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const client = await open(cluster, { info: ['localhost:1', cluster.info] });
  expect((await client.put('k', 'v')).applied).toBe(true);
});

test('connecting may be aborted', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  cluster.infoUp = false;
  const controller = new AbortController();
  const failure = failureOf(open(cluster, { signal: controller.signal }));
  controller.abort();
  expect(await failure).toMatchObject({ code: 'aborted' });
});

test('the network is the one that is named, else that of the dialled info', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  expect((await open(cluster)).locate('k').members[0]?.address).toBe('s1-w:1');
  expect((await open(cluster, { network: 'internal' })).locate('k').members[0]?.address).toBe('inner-s1-w:1');
  const error = await failureOf(open(cluster, { network: 'moon' }));
  expect(error.code).toBe('invalid-argument');
  expect(error.message).toBe("no node names the network 'moon'; there are: host, internal");
});

test('a network that no node names is refused, though all can be dialled from everywhere', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const endpoints = [{ network: '', address: cluster.info }];
  cluster.change({ infos: [{ node: 'info', endpoints, host: '', pid: 0 }] });
  cluster.changeMember('s1-w', { endpoints });
  expect((await open(cluster, { network: 'default' })).topology().shards).toHaveLength(1);
  const error = await failureOf(open(cluster, { network: 'moon' }));
  expect(error.message).toBe("no node names the network 'moon'; there are: default");
});

test('a node that turns out to be of another shard gets no operations', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 1 });
  cluster.node('s1-r1').shardName = 's9';
  const client = await open(cluster);
  await client.put('k', 'v');
  expect((await client.get('k'))?.servedBy.node).toBe('s1-w');
  expect(cluster.node('s1-r1').operations).toEqual([]);
});

test('a closed client rejects what is unfinished and what comes after, and leaves no stream open', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 1 });
  const client = await open(cluster);
  await client.put('k', 'v');
  await client.get('k');
  cluster.node('s1-w').intercept = () => 'drop';
  const put = failureOf(client.put('k', 'w'));
  await until('it was sent', () => cluster.node('s1-w').operations.length === 2);
  await client.close();
  await client.close();
  expect(await put).toMatchObject({ code: 'closed', outcomeUnknown: true });
  for (const call of [client.put('k', 'v'), client.get('k'), client.mget(['k']), client.stats(), client.describe()]) {
    expect(await failureOf(call)).toMatchObject({ code: 'closed' });
  }
  expect(cluster.streamCount).toBe(0);
  expect(cluster.watcherCount).toBe(0);
});

test('closing ends also what waits for info and for figures; of a change it says that it may be made', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const client = await open(cluster);
  cluster.infoFrozen = true;
  cluster.node('s1-w').frozen = true;
  const reads = [client.describe(), client.stats(), client.clusterStats(), client.keyspaces()].map(failureOf);
  const changes = [client.createKeyspace('x'), client.dropKeyspace('default'), client.promote('s1')].map(failureOf);
  await until('info has been asked', () => cluster.infoQuestions === 4);
  await client.close();
  for (const read of reads) expect(await read).toMatchObject({ code: 'closed', outcomeUnknown: false });
  for (const change of changes) expect(await change).toMatchObject({ code: 'closed', outcomeUnknown: true });
});

test('statistics name every member; one that is away appears with its error', async () => {
  const cluster = new FakeCluster({ shards: 2, replicas: 1 });
  const client = await open(cluster);
  cluster.node('s2-r1').kill();
  const replies = await client.stats();
  expect(replies.map((reply) => reply.node)).toEqual(['s1-w', 's1-r1', 's2-w', 's2-r1']);
  expect(replies[0]?.stats?.role).toBe('primary');
  expect(replies[3]?.error?.code).toBe('unreachable');
  expect((await client.describe()).topology.cluster).toBe('fake-1');
});

test('figures of shards come with those of their members, of the same answers', async () => {
  const cluster = new FakeCluster({ shards: 2, replicas: 1 });
  const client = await open(cluster);
  cluster.node('s2-r1').kill();
  const { shards, nodes } = await client.clusterStats();
  expect(nodes).toHaveLength(4);
  expect(shards).toMatchObject([
    { shard: 's1', nodeCount: 2 },
    { shard: 's2', nodeCount: 1 },
  ]);
});

test('shards are in the order of their numbers, whatever order they joined in', async () => {
  const cluster = new FakeCluster({ shards: 11, replicas: 0 });
  const names = Array.from({ length: 11 }, (_, index) => `s${index + 1}`);
  cluster.change({ shards: cluster.topology.shards.toReversed() });
  const client = await open(cluster);
  const namesOf = (rows: readonly { readonly shard: string }[]) => rows.map(({ shard }) => shard);
  expect(namesOf(client.topology().shards)).toEqual(names);
  expect(namesOf((await client.describe()).topology.shards)).toEqual(names);
  expect(namesOf(await client.stats())).toEqual(names);
  expect(namesOf((await client.clusterStats()).shards)).toEqual(names);
  expect(namesOf((await client.distribution()).shards)).toEqual(names);
  const { revision } = cluster.change({ shards: cluster.topology.shards.toReversed().slice(1) });
  await until('the next map is there', () => client.topology().revision === revision);
  expect(namesOf(client.topology().shards)).toEqual(names.slice(1));
  expect((await client.put('k', 'v')).shard).toBe(client.locate('k').shard);
});

test('a new cluster at the same address is begun anew', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 0 });
  const client = await open(cluster);
  await client.put('k', 'v');
  const { token } = client;
  cluster.stopInfo();
  cluster.change({ cluster: 'fake-2' }, false);
  cluster.topology = { ...cluster.topology, revision: 1 };
  cluster.infoUp = true;
  await until('the new map is there', () => client.topology().cluster === 'fake-2');
  expect(client.token).not.toBe(token);
  expect((await client.put('k', 'v')).applied).toBe(true);
});
