import { afterEach, expect, test } from 'vitest';
import { openOver, until } from './client-fixture.ts';
import { FakeCluster } from './fake-cluster.ts';
import type { OpenClient } from './open-client.ts';
import type { ReadCause } from './results.ts';

const opened: OpenClient[] = [];

afterEach(async () => {
  for (const client of opened.splice(0)) await client.close();
});

async function open(cluster: FakeCluster): Promise<OpenClient> {
  const client = await openOver(cluster);
  opened.push(client);
  return client;
}

function causes(client: OpenClient): Record<string, ReadCause> {
  return Object.fromEntries(client.locate('k').members.map(({ node, readCause }) => [node, readCause]));
}

test('replicas read in turn and spare the primary; it writes, and they may follow it', async () => {
  const client = await open(new FakeCluster({ shards: 1, replicas: 2 }));
  expect(causes(client)).toEqual({ 's1-w': 'replicas-first', 's1-r1': 'replica', 's1-r2': 'replica' });
  expect(client.locate('k')).toMatchObject({
    readers: ['s1-r1', 's1-r2'],
    writer: 's1-w',
    successors: ['s1-r1', 's1-r2'],
  });
});

test('the primary reads while no replica is usable, and each member says why it does not', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 2 });
  cluster.changeMember('s1-r1', { alive: false });
  cluster.changeMember('s1-r2', { role: 'learner' });
  const client = await open(cluster);
  expect(causes(client)).toEqual({ 's1-w': 'only-primary', 's1-r1': 'down', 's1-r2': 'learner' });
  expect(client.locate('k')).toMatchObject({ readers: ['s1-w'], successors: ['s1-r2'] });
});

test('a replica that this client cannot reach is told as such, and is no reader', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 1 });
  cluster.node('s1-r1').kill();
  const client = await open(cluster);
  await client.get('k');
  expect(causes(client)).toEqual({ 's1-w': 'only-primary', 's1-r1': 'unreachable' });
});

test('with the primary away, a replica that answers reads, though info holds it for dead', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 1 });
  const client = await open(cluster);
  await client.get('k');
  await client.get('k', { consistency: 'strong' });
  cluster.node('s1-w').kill();
  cluster.changeMember('s1-w', { alive: false });
  cluster.changeMember('s1-r1', { alive: false });
  await until('it is known', () => causes(client)['s1-r1'] === 'still-answers');
  expect(causes(client)).toEqual({ 's1-w': 'down', 's1-r1': 'still-answers' });
  expect((await client.get('k', { consistency: 'eventual' })) === undefined).toBe(true);
  expect(client.locate('k').readers).toEqual(['s1-r1']);
});

test('nobody reads of a shard whose members are all down', async () => {
  const cluster = new FakeCluster({ shards: 1, replicas: 1 });
  for (const node of ['s1-w', 's1-r1']) cluster.changeMember(node, { alive: false });
  const client = await open(cluster);
  expect(client.locate('k').readers).toEqual([]);
  expect(client.locate('k').successors).toEqual([]);
});

test.each([
  ['user:1', undefined],
  ['user:{7}:name', '7'],
  ['a{}b', undefined],
  ['a{}{b}', undefined],
  ['a{{b}}', '{b'],
  ['{ключ}', 'ключ'],
])('of the key %s the part %s alone is hashed', async (key, hashTag) => {
  const client = await open(new FakeCluster({ shards: 1, replicas: 0 }));
  expect(client.locate(key).hashTag).toBe(hashTag);
  if (hashTag !== undefined) expect(client.locate(key).slot).toBe(client.locate(hashTag).slot);
});
