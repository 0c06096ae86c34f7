import type { Client } from '@edis/client';
import { EdisError } from '@edis/core';
import { TestCluster, waitFor } from '@edis/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { allAcks, expectNothingLost, FailoverLoad, leaderOf, printFigure, wholeGroup } from './failover-load.ts';
import { scaled, soak } from './scale.ts';
import { sharedHash } from './shared-hash.ts';

const primary = 'write-shard-1';
const leaseMs = 2000;

let running: TestCluster;
let client: Client;

async function start(replicas: number, info: readonly string[] = []): Promise<void> {
  running = await TestCluster.start({ shards: 1, replicas, settings: { info } });
  client = await running.client();
  await wholeGroup(client, 's1', replicas + 1);
}

afterEach(() => running.close());

async function kill(name: string): Promise<void> {
  const victim = running.cluster.process(name);
  victim.kill('SIGKILL');
  await victim.exited;
}

async function restart(name: string): Promise<void> {
  await running.cluster.process(name).start();
  await running.cluster.process(name).waitFor('ready', 30_000);
}

/** Waits until new writes with `ack: quorum` are refused. */
async function untilNoQuorum(): Promise<void> {
  await waitFor(async () => {
    const put = client.put('q', 'v', { ack: 'quorum', timeoutMs: 1000 });
    return put.then(
      () => false,
      (caught: unknown) => EdisError.from(caught).code === 'no-quorum',
    );
  }, 'quorum is refused');
}

function nodes(): string[] {
  return running.cluster.processes.map(({ name }) => name);
}

describe('kill -9 of a primary', () => {
  test.each([1, 2])('with %i replicas loses nothing, and the shard goes on by itself', async (replicas) => {
    await start(replicas);
    const load = new FailoverLoad(await running.client(), allAcks);
    await load.more(300);
    const gapsMs: number[] = [];
    for (let round = 0; round < scaled(30, 1); round += 1) {
      const former = await leaderOf(client, 's1');
      load.restartGaps();
      await kill(former);
      await leaderOf(client, 's1', former);
      // A group of two that lost one has no quorum of the size that it had.
      await waitFor(() => load.longestMs('disk') > 200, 'writes go on under the new primary');
      gapsMs.push(load.longestMs('disk'));
      expect(load.readGap.longestMs).toBeLessThan(leaseMs);
      if (replicas === 1) await untilNoQuorum();
      await restart(former);
      await wholeGroup(client, 's1', replicas + 1);
      await load.more(300);
    }
    await load.stop();
    const sorted = gapsMs.toSorted((left, right) => left - right);
    const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
    printFigure(`writes stopped for ${median} ms (median of ${sorted.join(', ')}) with ${replicas} replicas`);
    if (soak) expect(median).toBeLessThanOrEqual(2 * leaseMs);
    expect(load.errors).toEqual([]);
    expect(sharedHash(await running.settled(client))).toBeInstanceOf(Map);
    await expectNothingLost(running, client, load, nodes());
  });
});

/** Writes until both members are killed at once. */
async function killBoth(): Promise<FailoverLoad> {
  const load = new FailoverLoad(await running.client({ timeoutMs: 500 }), allAcks);
  await load.more(200);
  await Promise.all([kill(primary), kill('read-shard-1-1')]);
  await load.stop();
  return load;
}

async function expectAllThere(load: FailoverLoad): Promise<void> {
  await wholeGroup(client, 's1', 2);
  expect(sharedHash(await running.settled(client))).toBeInstanceOf(Map);
  await expectNothingLost(running, client, load, []);
}

test('after kill -9 of all members the former primary leads, if first back, or is waited for', async () => {
  await start(1, ['--dead-after', '1500ms']);
  const first = await killBoth();
  await running.cluster.process(primary).start();
  await client.put('alone', 'v', { timeoutMs: 30_000 });
  expect(await leaderOf(client, 's1')).toBe(primary);
  await restart('read-shard-1-1');
  await expectAllThere(first);
  const second = await killBoth();
  await running.cluster.process('read-shard-1-1').start();
  let waitsFor: readonly string[] = [];
  await waitFor(
    async () => {
      ({ waitsFor } = await client.describe());
      return waitsFor.some((cause) => /s1 waits \d+ s at most for its primary write-shard-1/.test(cause));
    },
    () => `info waits for the primary; it says ${JSON.stringify(waitsFor)}`,
  );
  await running.cluster.process(primary).start();
  await client.put('together', 'v', { timeoutMs: 30_000 });
  await expectAllThere(second);
});

test('quorum is refused while a member is missing, and disk goes on', async () => {
  await start(1);
  const load = new FailoverLoad(await running.client(), ['disk']);
  await load.more(100);
  load.restartGaps();
  await kill('read-shard-1-1');
  await untilNoQuorum();
  await load.more(100);
  expect(load.longestMs('disk')).toBeLessThan(leaseMs);
  await restart('read-shard-1-1');
  await wholeGroup(client, 's1', 2);
  expect(await client.put('q', 'v', { ack: 'quorum' })).toMatchObject({ applied: true });
  await load.stop();
  expect(load.errors).toEqual([]);
});
