import type { Client } from '@edis/client';
import { TestCluster } from '@edis/testkit';
import { afterEach, expect, test } from 'vitest';
import { Judging } from '../soak/judging.ts';
import { Edis } from './edis.ts';
import { allAcks, expectNothingLost, FailoverLoad, leaderOf, printFigure, wholeGroup } from './failover-load.ts';
import { sharedHash } from './shared-hash.ts';

/** Ten times what a hand-over is to take: other tests keep the machine busy. */
const maxHoldMs = 3000;

let running: TestCluster;
let client: Client;
let judging: Judging | undefined;

async function start(replicas: number): Promise<FailoverLoad> {
  running = await TestCluster.start({ shards: 1, replicas });
  client = await running.client();
  await wholeGroup(client, 's1', replicas + 1);
  const load = new FailoverLoad(await running.client(), allAcks);
  judging = new Judging(running, client);
  await load.more(200);
  load.restartGaps();
  return load;
}

afterEach(async () => {
  await judging?.end();
  judging = undefined;
  await running.close();
});

/** Nobody was told of an error, nothing is missing, and no rule was broken. */
async function expectUnnoticed(load: FailoverLoad): Promise<void> {
  await load.stop();
  expect(load.errors).toEqual([]);
  await judging?.expectHeld();
  expect(sharedHash(await running.settled(client))).toBeInstanceOf(Map);
  await expectNothingLost(running, client, load, []);
}

test('edis promote moves the primary under load, there and back, and no client notices', async () => {
  const load = await start(1);
  const edis = new Edis(running.cluster.info);
  const { stdout, stderr, code } = await edis.run(['promote', 's1', 'read-shard-1-1']);
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^s1 is led by read-shard-1-1, before by write-shard-1 \(epoch \d+, after \d+ ms\)\n$/);
  expect(code).toBe(0);
  await load.more(200);
  await wholeGroup(client, 's1', 2);
  expect(await edis.field('primary', 'promote', 's1')).toBe('write-shard-1');
  await load.more(200);
  expect(load.refusedQuorums).toBe(0);
  printFigure(`writes were held for ${load.longestMs('disk')} ms (quorum: ${load.longestMs('quorum')} ms)`);
  expect(load.longestMs('disk')).toBeLessThan(maxHoldMs);
  await expectUnnoticed(load);
  const again = await edis.json('promote', 's1', 'write-shard-1');
  expect(again).toMatchObject({ code: 0, documents: [{ primary: 'write-shard-1', formerPrimary: 'write-shard-1' }] });
  expect((await edis.run(['promote', 's7'])).code).toBe(2);
  expect((await edis.run(['promote', 's1', 'nobody'])).code).toBe(2);
});

test('a rolling restart of every process, info included, shows clients no error', async () => {
  const load = await start(2);
  for (const { name } of running.cluster.processes) {
    const member = running.cluster.process(name);
    const former = await leaderOf(client, 's1');
    member.kill('SIGTERM');
    expect(await member.exited).toEqual({ code: 0, signal: null });
    if (name === former) await leaderOf(client, 's1', former);
    await load.more(50);
    await member.start();
    await member.waitFor('ready', 30_000);
    await wholeGroup(client, 's1', 3);
    await load.more(50);
  }
  printFigure(`writes were held for ${load.longestMs('disk')} ms, reads for ${Math.round(load.readGap.longestMs)} ms`);
  expect(load.longestMs('disk')).toBeLessThan(maxHoldMs);
  expect(load.refusedQuorums).toBe(0);
  await expectUnnoticed(load);
});
