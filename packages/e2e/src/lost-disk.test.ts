/** What is left when a process is killed that nobody follows, and when the disk of one member is lost. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '@edis/client';
import { EdisError } from '@edis/core';
import { TestCluster, waitFor } from '@edis/testkit';
import { afterEach, expect, test } from 'vitest';
import { Edis } from './edis.ts';
import { allAcks, expectNothingLost, FailoverLoad, leaderOf, wholeGroup } from './failover-load.ts';
import { sharedHash } from './shared-hash.ts';

let running: TestCluster;
const stopped: TestCluster[] = [];

afterEach(async () => {
  for (const each of [running, ...stopped.splice(0)]) await each.close();
});

const twoShards = { shards: 2, replicas: 1, settings: { info: ['--roll-call', '1s', '--dead-after', '1500ms'] } };

/** Ends the whole cluster in order, and starts it again without what a process had. */
async function restartWithout(name: string): Promise<void> {
  await running.cluster.stop(15_000);
  const { directory } = running;
  await rm(join(directory, name), { recursive: true });
  stopped.push(running);
  running = await TestCluster.start({ ...twoShards, dataDirectory: directory });
}

test('kill -9 of a primary without replicas loses no acknowledged memory write', async () => {
  running = await TestCluster.start({ shards: 1, replicas: 0 });
  const client = await running.client();
  const primary = running.cluster.process('write-shard-1');
  const acknowledged: string[] = [];
  let isKilled = false;
  const write = async (caller: number) => {
    for (let count = 0; !isKilled; count += 1) {
      const key = `memory-${caller}-${count}`;
      try {
        await client.put(key, 'v', { ack: 'memory', timeoutMs: 2000 });
        acknowledged.push(key);
      } catch (caught) {
        // Nobody answers any more.
        expect(EdisError.from(caught).code).toMatch(/^(?:deadline|unreachable)$/);
      }
    }
  };
  const callers = Array.from({ length: 16 }, (_, caller) => write(caller));
  await waitFor(
    () => acknowledged.length > 500,
    () => `writes are acknowledged: ${acknowledged.length}`,
  );
  primary.kill('SIGKILL');
  await primary.exited;
  isKilled = true;
  await Promise.all(callers);
  await primary.start();
  await running.cluster.waitReady(60_000);
  const found = await client.mget(acknowledged, { consistency: 'strong' });
  expect(acknowledged.filter((_, index) => found[index] === undefined)).toEqual([]);
});

/** Waits until every member has all that the primary has now. */
async function reachesAll(client: Client, primary: string): Promise<void> {
  const positions = async (): Promise<Map<string, number>> =>
    new Map((await client.stats()).map(({ node, stats }) => [node, stats?.lastEntry.position ?? 0]));
  const least = (await positions()).get(primary) ?? Number.POSITIVE_INFINITY;
  await waitFor(
    async () => [...(await positions()).values()].every((position) => position >= least),
    () => `every member has entry ${least} of ${primary}`,
  );
}

test('a primary that loses its disk comes back as a copy of the others, with all that had reached them', async () => {
  running = await TestCluster.start({ shards: 1, replicas: 2 });
  const client = await running.client();
  await wholeGroup(client, 's1', 3);
  const load = new FailoverLoad(await running.client(), allAcks);
  await load.more(200);
  const reached = new Set(load.acknowledged.keys());
  await reachesAll(client, 'write-shard-1');
  const victim = running.cluster.process('write-shard-1');
  victim.kill('SIGKILL');
  await victim.exited;
  await rm(join(running.directory, 'write-shard-1'), { recursive: true });
  await leaderOf(client, 's1', 'write-shard-1');
  // What the lost disk alone may have had; what comes later was taken by the one that leads now.
  const onTheWay = new Set([...load.acknowledged.keys()].filter((key) => !reached.has(key)));
  await load.more(200);
  await victim.start();
  await victim.waitFor('ready', 30_000);
  await wholeGroup(client, 's1', 3);
  await load.more(200);
  await load.stop();
  expect(load.errors).toEqual([]);
  expect(sharedHash(await running.settled(client))).toBeInstanceOf(Map);
  for (const [key, ack] of load.acknowledged) {
    if (ack !== 'quorum' && onTheWay.has(key)) load.acknowledged.delete(key);
  }
  await expectNothingLost(running, client, load, []);
});

test('after an orderly stop the disk of a primary may be lost: its replica leads, and has every write', async () => {
  running = await TestCluster.start(twoShards);
  const before = await running.client();
  await Promise.all(['s1', 's2'].map((shard) => wholeGroup(before, shard, 2)));
  const load = new FailoverLoad(before, allAcks);
  await load.more(200);
  await load.stop();
  await restartWithout('write-shard-2');
  const client = await running.client();
  await wholeGroup(client, 's2', 2);
  expect(await leaderOf(client, 's2', 'write-shard-2')).toBe('read-shard-2-1');
  const keys = [...load.acknowledged.keys()];
  const found = await client.mget(keys, { consistency: 'strong' });
  expect(keys.filter((_, index) => found[index] === undefined)).toEqual([]);
  expect(sharedHash(await running.settled(client))).toBeInstanceOf(Map);
});

test('a copy that does not count is served, and takes the place of a lost disk when a person says so', async () => {
  running = await TestCluster.start(twoShards);
  const before = await running.client();
  await wholeGroup(before, 's2', 2);
  const keys = Array.from({ length: 100 }, (_, index) => `kept-${index}`);
  await before.mput(keys.map((key) => ({ key, value: 'v' })));
  await running.settled(before);
  const replica = running.cluster.process('read-shard-2-1');
  replica.kill('SIGTERM');
  await replica.exited;
  await wholeGroup(before, 's2', 1);
  await restartWithout('write-shard-2');
  const emptied = running.cluster.process('write-shard-2');
  expect(emptied.appeal).toContain("'edis promote --unsafe s2' takes the copy of read-shard-2-1");
  const client = await running.client();
  const present = async (consistency: 'eventual' | 'strong'): Promise<number> => {
    const found = await client.mget(keys, { consistency });
    return found.filter((record) => record !== undefined).length;
  };
  expect(await present('eventual')).toBe(keys.length);
  const edis = new Edis(running.cluster.info);
  expect(await edis.json('promote', 's2', '--unsafe', '--yes', '--timeout', '20s')).toMatchObject({
    code: 0,
    documents: [{ shard: 's2', primary: 'read-shard-2-1', formerPrimary: 'write-shard-2' }],
  });
  await emptied.waitFor('ready', 30_000);
  await wholeGroup(client, 's2', 2);
  expect(await present('strong')).toBe(keys.length);
  expect(emptied.appeal).toBeUndefined();
});
