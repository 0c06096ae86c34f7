import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client, NodeStatsReply } from '@edis/client';
import { TestCluster, waitFor } from '@edis/testkit';
import { afterEach, expect, test } from 'vitest';
import { Edis, fieldOf } from './edis.ts';
import { leaderOf, receiptedKeys, wholeGroup } from './failover-load.ts';
import { sharedHash } from './shared-hash.ts';

const keys = Array.from({ length: 20 }, (_, index) => `tail-${index}`);

/** As pino writes it. */
const errorLevel = 50;

let running: TestCluster;
let client: Client;

afterEach(() => running.close());

async function kill(...names: readonly string[]): Promise<void> {
  const victims = names.map((name) => running.cluster.process(name));
  for (const victim of victims) victim.kill('SIGKILL');
  await Promise.all(victims.map((victim) => victim.exited));
}

async function restart(name: string): Promise<void> {
  await running.cluster.process(name).start();
  await running.cluster.process(name).waitFor('ready', 30_000);
}

async function textOf(key: string): Promise<string | undefined> {
  const found = await client.get(key, { consistency: 'strong' });
  return found === undefined ? undefined : Buffer.from(found.value).toString();
}

async function statsOf(name: string): Promise<NodeStatsReply> {
  const found = (await client.stats()).find(({ node }) => node === name);
  if (found === undefined) throw new Error(`there are no figures of ${name}`);
  return found;
}

/** Path of the one receipt that a node has. */
async function receiptOf(node: string): Promise<string> {
  const directory = join(running.directory, node, 'receipts');
  const names = await waitFor(
    async () => {
      const found = await readdir(directory);
      return found.length > 0 ? found : undefined;
    },
    () => `${node} has a receipt`,
  );
  expect(names).toHaveLength(1);
  return join(directory, names[0] ?? '');
}

/** Writes that only the primary ever had: its replica is stopped, and then both are killed. */
async function loseTail(): Promise<void> {
  const replica = running.cluster.process('read-shard-1-1');
  replica.kill('SIGSTOP');
  // The end of a process harms neither kind.
  await Promise.all(keys.map((key, index) => client.put(key, 'lost', { ack: index % 2 === 0 ? 'memory' : 'disk' })));
  await kill('write-shard-1', 'read-shard-1-1');
}

test('what only a lost primary had is in its receipt when it returns, and an import brings it back', async () => {
  running = await TestCluster.start({
    shards: 1,
    replicas: 1,
    settings: { info: ['--roll-call', '1s', '--dead-after', '1500ms'] },
  });
  client = await running.client();
  await wholeGroup(client, 's1', 2);
  await Promise.all([...keys.slice(0, 5), 'kept'].map((key) => client.put(key, 'old', { ack: 'quorum' })));
  await loseTail();
  // It waits in vain for the primary.
  await running.cluster.process('read-shard-1-1').start();
  expect(await leaderOf(client, 's1', 'write-shard-1')).toBe('read-shard-1-1');
  await client.put('tail-0', 'newer');
  expect(await textOf('tail-1')).toBe('old');
  expect(await textOf('tail-9')).toBeUndefined();
  await restart('write-shard-1');
  await wholeGroup(client, 's1', 2);
  const receipt = await receiptOf('write-shard-1');
  expect([...(await receiptedKeys(running, 'write-shard-1'))].sort()).toEqual(keys.toSorted());
  const announced = running.cluster.process('write-shard-1').lastLines.find((line) => line.includes('receipt-written'));
  expect(JSON.parse(announced ?? '{}')).toMatchObject({ operationCount: keys.length, path: receipt });
  const stats = (await client.stats()).find(({ node }) => node === 'write-shard-1')?.stats;
  expect(stats).toMatchObject({ receiptCount: 1, receiptOperations: keys.length });
  const edis = new Edis(running.cluster.info);
  expect((await edis.json('import', receipt)).documents).toMatchObject([
    { complete: true, written: keys.length - 1, newer: 1, removed: 0 },
  ]);
  expect(await Promise.all(['tail-0', 'tail-1', 'tail-9', 'kept'].map(textOf))).toEqual([
    'newer',
    'lost',
    'lost',
    'old',
  ]);
  expect((await edis.json('import', receipt)).documents).toMatchObject([{ written: 0, newer: keys.length }]);
  expect(sharedHash(await running.settled(client))).toBeInstanceOf(Map);
});

test('edis promote --unsafe goes on without the members that a safe promotion needs', async () => {
  running = await TestCluster.start({ shards: 1, replicas: 2, settings: { info: ['--dead-after', '1500ms'] } });
  client = await running.client();
  await wholeGroup(client, 's1', 3);
  await Promise.all(keys.map((key) => client.put(key, 'old', { ack: 'quorum' })));
  // Two of three are a quorum: the third one may be behind.
  await running.settled(client);
  await kill('write-shard-1', 'read-shard-1-1');
  const edis = new Edis(running.cluster.info);
  await waitFor(
    async () => /s1 needs 1 more of its members: write-shard-1/.test((await edis.run(['topology'])).stdout),
    'edis topology says what the shard waits for',
  );
  const refused = await edis.run(['promote', 's1', '--timeout', '1s']);
  expect(refused.code).toBe(3);
  await expect(client.put('tail-0', 'too early', { timeoutMs: 500 })).rejects.toMatchObject({
    code: expect.stringMatching(/^(?:deadline|unreachable)$/),
  });
  for (const key of keys) {
    const found = await client.get(key, { consistency: 'eventual' });
    expect(Buffer.from(found?.value ?? []).toString()).toBe('old');
    expect(found?.servedBy).toMatchObject({ node: 'read-shard-1-2', role: 'replica' });
  }
  expect(await edis.json('promote', 's1', '--unsafe', '--yes', '--timeout', '20s')).toMatchObject({
    code: 0,
    documents: [{ shard: 's1', primary: 'read-shard-1-2', formerPrimary: 'write-shard-1' }],
  });
  await client.put('tail-0', 'new');
  expect(await textOf('tail-1')).toBe('old');
  for (const name of ['write-shard-1', 'read-shard-1-1']) await restart(name);
  await wholeGroup(client, 's1', 3);
  expect(await client.put('tail-2', 'new', { ack: 'quorum' })).toMatchObject({ applied: true });
  expect(sharedHash(await running.settled(client))).toBeInstanceOf(Map);
});

test('what an unsafe promotion discards that had left the log is counted as in no receipt', async () => {
  const log = ['--segment', '64KiB', '--retention', '0B'];
  running = await TestCluster.start({
    shards: 1,
    replicas: 1,
    settings: { info: ['--dead-after', '1500ms'], writeShard: log, readShard: log },
  });
  client = await running.client();
  await wholeGroup(client, 's1', 2);
  await client.put('kept', 'old', { ack: 'quorum' });
  await kill('read-shard-1-1');
  // The primary is a quorum of its own then, and keeps nothing for the one that is gone.
  await wholeGroup(client, 's1', 1);
  const value = 'x'.repeat(32 * 1024);
  const [first = '', ...others] = keys;
  await client.put(first, value);
  const end = (await statsOf('write-shard-1')).stats?.lastEntry.position ?? Number.POSITIVE_INFINITY;
  for (const key of others) await client.put(key, value);
  // The figures say so before the file is gone, and after a kill in between the log begins below it again.
  const directory = join(running.directory, 'write-shard-1', 'log');
  const logBegin = async () => Math.min(...(await readdir(directory)).map((name) => Number.parseInt(name, 10)));
  await waitFor(async () => (await logBegin()) > end, 'the log to begin above a write that the replica lacks');
  await kill('write-shard-1');
  const copy = running.cluster.process('read-shard-1-1');
  await copy.start();
  await copy.waitFor('settled', 30_000);
  const edis = new Edis(running.cluster.info);
  expect(await edis.json('promote', 's1', '--unsafe', '--yes', '--timeout', '20s')).toMatchObject({
    code: 0,
    documents: [{ shard: 's1', primary: 'read-shard-1-1', formerPrimary: 'write-shard-1' }],
  });
  await restart('write-shard-1');
  await wholeGroup(client, 's1', 2);
  const lines = running.cluster.process('write-shard-1').lastLines;
  const incomplete: unknown = JSON.parse(lines.find((line) => line.includes('receipt-incomplete')) ?? '{}');
  const { stats } = await statsOf('write-shard-1');
  expect(incomplete).toMatchObject({ level: errorLevel, operationCount: stats?.receiptOperations });
  const missing = Number(fieldOf(incomplete, 'missingEntries'));
  expect(missing).toBeGreaterThan(0);
  // Each write was an entry of its own. The newest are in the receipt, and the others are counted, each of them once.
  const kept = keys.slice(missing);
  expect([...(await receiptedKeys(running, 'write-shard-1'))].sort()).toEqual(kept.toSorted());
  expect(stats?.receiptOperations).toBe(kept.length);
  expect(await Promise.all(['tail-0', 'kept'].map(textOf))).toEqual([undefined, 'old']);
  expect(sharedHash(await running.settled(client))).toBeInstanceOf(Map);
});
