import { execFile } from 'node:child_process';
import { connect as dial } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Client, connect } from '@edis/client';
import { EdisError } from '@edis/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestCluster, type TestCluster } from './index.ts';

const textOf = (value: Uint8Array | undefined): string | undefined => value && Buffer.from(value).toString();

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (caught) {
    if (caught instanceof EdisError) return caught.code;
    throw caught;
  }
  return 'none';
}

describe('a cluster of three shards with a replica each', () => {
  let cluster: TestCluster;
  let client: Client;

  beforeAll(async () => {
    const indexedFields = [{ field: 'age', kind: 'number' as const }];
    cluster = await createTestCluster({ keyspaces: { people: { indexedFields } } });
    client = await cluster.client();
  });

  afterAll(() => cluster.close());

  test('every node serves when the promise resolves', async () => {
    const { topology, reports, waitsFor } = await client.describe();
    expect(waitsFor).toEqual([]);
    expect(topology.shards.map(({ members }) => members.map(({ node }) => node))).toEqual([
      ['write-shard-1', 'read-shard-1-1'],
      ['write-shard-2', 'read-shard-2-1'],
      ['write-shard-3', 'read-shard-3-1'],
    ]);
    expect([...reports.values()].map(({ serving }) => serving)).toEqual(Array.from({ length: 6 }, () => true));
    expect(cluster.nodes).toHaveLength(7);
  });

  test('replicas answer reads', async () => {
    await client.put('read', 'at a replica');
    const found = await client.get('read', { consistency: 'session' });
    expect(textOf(found?.value)).toBe('at a replica');
    const roles = await Promise.all(Array.from({ length: 10 }, () => client.get('read', { consistency: 'eventual' })));
    expect(roles.map((each) => each?.servedBy.role)).toContain('replica');
  });

  test('keyspaces that were asked for are there, with their settings', async () => {
    const people = client.keyspace<{ name: string }>('people', { codec: 'json' });
    await people.put('ada', { name: 'Ada' }, { metadata: { age: '36' } });
    await people.put('joe', { name: 'Joe' }, { metadata: { age: '7' } });
    const grown = await people.search({ age: { gte: 18 } }).toArray();
    expect(grown.map(({ value }) => value.name)).toEqual(['Ada']);
  });

  test('after clear, no client finds or counts a record in any keyspace, however it reads', async () => {
    const people = client.keyspace('people');
    await Promise.all(
      Array.from({ length: 3_000 }, (_, index) => client.put(`k${index}`, 'v', { metadata: { tag: 'x' } })),
    );
    await people.put('someone', 'v', { metadata: { age: '40' } });
    await cluster.clear();
    const other = await cluster.client();
    for (const reader of [client, other]) {
      expect(await reader.count()).toBe(0);
      expect(await reader.keyspace('people').count()).toBe(0);
      expect(await reader.keys({ consistency: 'eventual' }).toArray()).toEqual([]);
      expect(await reader.search({ tag: 'x' }, { consistency: 'eventual' }).toArray()).toEqual([]);
      for (let turn = 0; turn < 4; turn++) {
        expect(await reader.mget(['k1', 'k2', 'k3'], { consistency: 'eventual' })).toEqual([
          undefined,
          undefined,
          undefined,
        ]);
      }
    }
    expect((await people.put('someone', 'else')).applied).toBe(true);
  });

  test('clear finds a keyspace that another client has only just made', async () => {
    await client.createKeyspace('new');
    await client.keyspace('new').put('k', 'v');
    await cluster.clear();
    expect(await client.keyspace('new').exists('k', { consistency: 'strong' })).toBe(false);
    expect(await client.dropKeyspace('new')).toBe(true);
  });

  test('a killed replica leaves the reads to the others, and comes back with restart', async () => {
    await client.put('kept', 'here');
    const shard = client.locate('kept').shard.slice(1);
    await cluster.kill(`read-shard-${shard}-1`);
    expect((await client.get('kept'))?.servedBy.role).toBe('primary');
    await cluster.restart(`read-shard-${shard}-1`);
    const other = await cluster.client();
    await expect.poll(async () => (await other.get('kept'))?.servedBy.role).toBe('replica');
  });

  test('a restarted write shard still has its records, and its clients go on', async () => {
    await client.put('survivor', 'here');
    const shard = client.locate('survivor').shard.slice(1);
    await cluster.restart(`write-shard-${shard}`);
    expect(textOf((await client.get('survivor', { consistency: 'strong' }))?.value)).toBe('here');
    expect(await client.put('survivor', 'again')).toMatchObject({ applied: true });
  });

  test('data are served while info is away, which comes back at the same address', async () => {
    const { info } = cluster;
    await cluster.kill('info');
    await client.put('without info', 'x');
    expect(textOf((await client.get('without info'))?.value)).toBe('x');
    await cluster.clear();
    expect(await client.get('without info')).toBeUndefined();
    await client.put('without info', 'y');
    await cluster.restart('info');
    expect(cluster.info).toBe(info);
    const late = await connect({ info });
    expect(textOf((await late.get('without info', { consistency: 'strong' }))?.value)).toBe('y');
    await late.close();
  });

  test('a node that there is not is refused by its name, with those that there are', async () => {
    await expect(cluster.kill('read-shard-9')).rejects.toThrow(/no node read-shard-9; there are info, write-shard-1/);
  });
});

test('one shard alone is a cluster too', async () => {
  await using cluster = await createTestCluster({ shards: 1, replicas: 0 });
  const client = await cluster.client();
  await client.put('k', 'v');
  expect((await client.get('k'))?.servedBy).toEqual({ node: 'write-shard-1', role: 'primary', shard: 's1' });
});

test('two clusters in one process know nothing of each other', async () => {
  await using left = await createTestCluster({ shards: 1 });
  await using right = await createTestCluster({ shards: 1 });
  const [one, other] = [await left.client(), await right.client()];
  await one.put('k', 'left');
  expect(await other.get('k', { consistency: 'strong' })).toBeUndefined();
});

test('what nodes log is silent unless it is asked for', async () => {
  const lines: string[] = [];
  await using cluster = await createTestCluster({ shards: 1, replicas: 0, onLog: (line) => lines.push(line) });
  expect(cluster.nodes).toEqual(['info', 'write-shard-1']);
  expect(lines.map((line) => (JSON.parse(line) as { event: string }).event)).toContain('ready');
});

test.each([{ shards: 0 }, { shards: 1.5 }, { replicas: -1 }, { shards: 64 }])('%j is refused', async (options) => {
  expect(await codeOf(createTestCluster(options))).toBe('invalid-argument');
});

test('a keyspace that cannot be made fails the start, and leaves nothing', async () => {
  expect(await codeOf(createTestCluster({ shards: 1, keyspaces: { 'No Name': {} } }))).toBe('invalid-argument');
});

test('close may be called again, closes the clients, and frees the ports', async () => {
  const cluster = await createTestCluster({ shards: 1 });
  const client = await cluster.client();
  const port = Number(cluster.info.split(':')[1]);
  await Promise.all([cluster.close(), cluster.close()]);
  await cluster.close();
  expect(await codeOf(client.get('k'))).toBe('closed');
  expect(await codeOf(cluster.client())).toBe('closed');
  const refused = await new Promise<string | undefined>((resolve) => {
    const socket = dial(port, '127.0.0.1', () => {
      socket.destroy();
      resolve('connected');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  });
  expect(refused).toBe('ECONNREFUSED');
});

test('a close while nodes start and restart leaves none of them', async () => {
  const cluster = await createTestCluster({ shards: 2 });
  const restarts = [cluster.restart('write-shard-1'), cluster.restart('write-shard-1'), cluster.restart('info')];
  const late = codeOf(cluster.client());
  const [settled] = await Promise.all([Promise.allSettled(restarts), cluster.close()]);
  expect(await late).toBe('closed');
  expect(settled.map(({ status }) => status)).toContain('fulfilled');
  expect(await codeOf(cluster.restart('info'))).toBe('closed');
  expect(await codeOf(connect({ info: cluster.info, timeoutMs: 500 }))).toBe('unreachable');
});

test('a process that closed its cluster ends by itself', async () => {
  const script = `
    import { createTestCluster } from '@edis/testing';
    const cluster = await createTestCluster();
    const client = await cluster.client();
    await client.put('k', 'v');
    const feed = client.watch({ from: 'start' })[Symbol.asyncIterator]();
    await feed.next();
    await cluster.kill('read-shard-1-1');
    await cluster.restart('write-shard-2');
    await cluster.clear();
    await cluster.close();
    process.stdout.write('closed at ' + performance.now());
    process.on('exit', () => process.stdout.write(', ended at ' + performance.now()));
  `;
  const folder = fileURLToPath(new URL('..', import.meta.url));
  const child = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    cwd: folder,
    timeout: 30_000,
  });
  const { stdout, stderr } = await child;
  expect(stderr).toBe('');
  const [, closed, ended] = /^closed at ([\d.]+), ended at ([\d.]+)$/.exec(stdout) ?? [];
  // A timer or socket that was left would keep it up for the seconds that those live.
  expect(Number(ended) - Number(closed)).toBeLessThan(1_000);
});
