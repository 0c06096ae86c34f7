import type { Client } from '@edis/client';
import { TestCluster, waitFor } from '@edis/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sharedHash } from './shared-hash.ts';

let running: TestCluster;
let client: Client;

beforeAll(async () => {
  running = await TestCluster.start({ shards: 3, replicas: 1 });
  client = await running.client();
});

afterAll(async () => {
  await running.close();
});

const keys = Array.from({ length: 200 }, (_, index) => `key-${index}`);

/** Fills a keyspace with records of one value. */
async function fill(keyspace: string, value: string): Promise<void> {
  await client.keyspace(keyspace).mput(keys.map((key) => ({ key, value, metadata: { name: key } })));
}

async function values(keyspace: string, reader = client): Promise<Set<string | undefined>> {
  const found = await reader.keyspace(keyspace).mget(keys, { consistency: 'strong' });
  return new Set(found.map((record) => (record === undefined ? undefined : Buffer.from(record.value).toString())));
}

/** Records of a keyspace that the members' views hold, by role of the member. */
async function held(id: number): Promise<{ primary: number; replica: number; learner: number }> {
  const sum = { primary: 0, replica: 0, learner: 0 };
  for (const { stats } of await client.stats()) {
    if (stats === undefined) throw new Error('a member gave no figures');
    sum[stats.role] += stats.keyspaces.find(({ keyspace }) => keyspace === id)?.recordCount ?? 0;
  }
  return sum;
}

async function describe(name: string): ReturnType<Client['createKeyspace']> {
  const found = (await client.keyspaces()).find((keyspace) => keyspace.name === name);
  if (found === undefined) throw new Error(`there is no keyspace ${name}`);
  return found;
}

test('a keyspace is created with its settings, listed, and dropped', async () => {
  const settings = {
    indexedFields: [{ field: 'age', kind: 'number' as const }],
    defaultTtlMs: 3_600_000,
    maxValueBytes: 10,
    valueSchema: 'person',
  };
  const created = await client.createKeyspace('people', settings);
  expect(created).toMatchObject({ name: 'people', strategy: 'hash', settings, records: 0, bytes: 0 });
  expect(await client.createKeyspace('people', settings)).toEqual(created);
  await expect(client.createKeyspace('people', { maxValueBytes: 11 })).rejects.toMatchObject({
    code: 'keyspace-exists',
  });
  const people = client.keyspace('people');
  await people.put('a', 'ten bytes.');
  await expect(people.put('a', 'eleven byte')).rejects.toMatchObject({ code: 'invalid-argument' });
  expect(await people.ttl('a')).toBeGreaterThan(3_500_000);
  expect((await client.keyspaces()).map(({ name }) => name).sort()).toEqual(['default', 'people']);
  await waitFor(async () => (await describe('people')).records === 1, 'the record is counted');
  expect(await client.dropKeyspace('people')).toBe(true);
  expect(await client.dropKeyspace('people')).toBe(false);
  expect((await client.keyspaces()).map(({ name }) => name)).toEqual(['default']);
  await expect(people.put('a', 'x')).rejects.toMatchObject({ code: 'no-such-keyspace' });
  await expect(people.get('a')).rejects.toMatchObject({ code: 'no-such-keyspace' });
  await expect(client.dropKeyspace('default')).rejects.toMatchObject({ code: 'invalid-argument' });
});

test('records of two keyspaces with the same keys are apart in every call', async () => {
  await client.createKeyspace('left');
  await client.createKeyspace('right');
  await fill('left', 'l');
  await fill('right', 'r');
  await client.keyspace('left').delete('key-0');
  expect(await values('left')).toEqual(new Set([undefined, 'l']));
  expect(await values('right')).toEqual(new Set(['r']));
  expect(await values('default')).toEqual(new Set([undefined]));
  const right = client.keyspace('right');
  expect(await client.keyspace('left').count({ prefix: 'key-', consistency: 'strong' })).toBe(keys.length - 1);
  expect(await right.keys({ consistency: 'strong' }).toArray()).toHaveLength(keys.length);
  const found = await right.search({ name: 'key-0' }, { consistency: 'strong' }).toArray();
  expect(found.map(({ value }) => Buffer.from(value).toString())).toEqual(['r']);
  const names = await client.keyspace('left').aggregate({ groupBy: 'name', measures: { records: 'count' } });
  expect(names.groups).toHaveLength(keys.length - 1);
});

test('writes and reads right after the creation never meet a node that does not know the keyspace', async () => {
  const other = await running.client();
  for (let round = 0; round < 10; round += 1) {
    const name = `fresh-${round}`;
    await client.createKeyspace(name);
    await Promise.all([fill(name, 'f'), other.keyspace(name).put('by-another', 'x')]);
    const reads = await client.keyspace(name).mget(keys);
    expect(reads.filter((record) => record === undefined)).toEqual([]);
    expect(await other.keyspace(name).exists('by-another')).toBe(true);
    expect(await client.keyspace(name).count({ consistency: 'session' })).toBe(keys.length + 1);
  }
  const dropped = Array.from({ length: 10 }, (_, round) => client.dropKeyspace(`fresh-${round}`));
  expect(await Promise.all(dropped)).not.toContain(false);
});

test('a drop removes the records from primaries and replicas, and the same name begins empty', async () => {
  const { id } = await client.createKeyspace('short-lived');
  await fill('short-lived', 'old');
  await running.settled(client);
  expect(await held(id)).toEqual({ primary: keys.length, replica: keys.length, learner: 0 });
  await client.dropKeyspace('short-lived');
  const again = await client.createKeyspace('short-lived');
  expect(again.id).not.toBe(id);
  expect(await values('short-lived')).toEqual(new Set([undefined]));
  await client.keyspace('short-lived').put('key-1', 'new');
  await waitFor(
    async () => Object.values(await held(id)).every((count) => count === 0),
    'the records of the dropped keyspace are gone',
  );
  expect(sharedHash(await running.settled(client))).toBeInstanceOf(Map);
  expect(await held(again.id)).toEqual({ primary: 1, replica: 1, learner: 0 });
  expect(await client.keyspace('short-lived').keys({ consistency: 'strong' }).toArray()).toEqual(['key-1']);
});

test('keyspaces, created and dropped, survive kill -9 of info and of a shard in between', async () => {
  const kept = await client.createKeyspace('kept', { indexedFields: [{ field: 'name', kind: 'text' }] });
  const { id } = await client.createKeyspace('doomed');
  await fill('kept', 'k');
  await fill('doomed', 'd');
  const info = running.cluster.process('info');
  const shard = running.cluster.process('write-shard-1');
  shard.kill('SIGKILL');
  await shard.exited;
  await client.dropKeyspace('doomed');
  const meanwhile = await client.createKeyspace('meanwhile');
  info.kill('SIGKILL');
  await info.exited;
  await shard.start();
  await info.start();
  await running.cluster.waitReady(60_000);
  const late = await running.client();
  expect(await values('kept', late)).toEqual(new Set(['k']));
  await late.keyspace('meanwhile').mput(keys.map((key) => ({ key, value: 'm' })));
  expect(await values('meanwhile', late)).toEqual(new Set(['m']));
  const listed = await late.keyspaces();
  expect(listed.find(({ name }) => name === 'kept')).toMatchObject({ id: kept.id, settings: kept.settings });
  expect(listed.find(({ name }) => name === 'meanwhile')).toMatchObject({ id: meanwhile.id });
  expect(listed.map(({ name }) => name)).not.toContain('doomed');
  await waitFor(
    async () => Object.values(await held(id)).every((count) => count === 0),
    'the shard that was away when its keyspace was dropped removes the records',
  );
  expect(sharedHash(await running.settled(client))).toBeInstanceOf(Map);
  expect(await held(kept.id)).toEqual({ primary: keys.length, replica: keys.length, learner: 0 });
});
