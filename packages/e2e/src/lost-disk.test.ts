/** What is left when a process is killed that nobody follows, and when the disk of one of three members is lost. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EdisError } from '@edis/core';
import { TestCluster, waitFor } from '@edis/testkit';
import { afterEach, expect, test } from 'vitest';
import { expectNothingLost, FailoverLoad, leaderOf, wholeGroup } from './failover-load.ts';
import { sharedHash } from './shared-hash.ts';

let running: TestCluster;

afterEach(() => running.close());

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

test('a primary that loses its disk comes back as a copy of the others, and no quorum write is missing', async () => {
  running = await TestCluster.start({ shards: 1, replicas: 2 });
  const client = await running.client();
  await wholeGroup(client, 's1', 3);
  const load = new FailoverLoad(await running.client(), ['quorum']);
  await load.more(200);
  const victim = running.cluster.process('write-shard-1');
  victim.kill('SIGKILL');
  await victim.exited;
  await rm(join(running.directory, 'write-shard-1'), { recursive: true });
  await leaderOf(client, 's1', 'write-shard-1');
  await load.more(200);
  await victim.start();
  await victim.waitFor('ready', 30_000);
  await wholeGroup(client, 's1', 3);
  await load.more(200);
  await load.stop();
  expect(load.errors).toEqual([]);
  expect(sharedHash(await running.settled(client))).toBeInstanceOf(Map);
  await expectNothingLost(running, client, load, []);
});
