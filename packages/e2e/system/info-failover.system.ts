import { crc32 } from 'node:zlib';
import { defaultKeyspaceSettings } from '@edis/core';
import { locateBinaries } from '@edis/launcher';
import { RpcChannel } from '@edis/rpc';
import { FaultProxy, Program, waitFor } from '@edis/testkit';
import { afterEach, expect, test } from 'vitest';
import { wholeGroup } from '../src/failover-load.ts';
import { EtcdCluster } from './etcd-cluster.ts';
import { EtcdInfos } from './etcd-infos.ts';
import { MachinePauses } from './machine-pauses.ts';
import { Workload } from './workload.ts';

const shards = 2;
const nodes = 2 * shards;
/** The lease that the infos here have, what etcd takes to notice its end, and what a busy machine adds. */
const takeoverMs = 6000;
/** What a caller may wait for while infos or etcd's members come and go, beside what the machine itself stood still. */
const noticeableMs = 1500;
/** Long enough to show what led to a slow call. */
const logSpanMs = 6000;

let etcd: EtcdCluster | undefined;
let infos: EtcdInfos | undefined;
let workload: Workload | undefined;
let pauses: MachinePauses | undefined;

afterEach(async () => {
  await workload?.end();
  await pauses?.end();
  await infos?.close();
  await etcd?.stop();
  workload = undefined;
  pauses = undefined;
  infos = undefined;
  etcd = undefined;
});

async function start(members: number) {
  etcd = await EtcdCluster.start(members);
  infos = await EtcdInfos.start(etcd.endpoints, shards);
  const client = await infos.client();
  // While a shard has one member only, `quorum` is refused.
  for (const { shard } of client.topology().shards) await wholeGroup(client, shard, nodes / shards);
  workload = new Workload(client);
  pauses = new MachinePauses();
  return { etcd, infos, client, workload };
}

/** Rounds go on while something is broken, not only before and after. */
async function goesOn(workload: Workload, rounds = 200): Promise<void> {
  const before = workload.rounds;
  await waitFor(
    () => workload.rounds >= before + rounds,
    () => `${rounds} rounds; there were ${workload.rounds - before}, faults ${workload.faults.slice(0, 3).join('\n')}`,
  );
}

async function undisturbed(workload: Workload): Promise<void> {
  await goesOn(workload);
  await workload.end();
  expect(workload.faults).toEqual([]);
  const { what, startedAt, tookMs } = workload.slowest;
  const lines = infos?.linesAround(startedAt, logSpanMs).join('\n') ?? '';
  const pausedMs = pauses?.longestMs ?? 0;
  expect(tookMs - pausedMs, `${what} at ${startedAt}, machine paused ${pausedMs} ms\n${lines}`).toBeLessThan(
    noticeableMs,
  );
}

test('kill -9 of the info that decides: another one takes over, and no write or read notices', async () => {
  const { infos, client, workload } = await start(1);
  const first = await infos.active();
  await goesOn(workload);
  const killedMs = performance.now();
  first.kill('SIGKILL');
  const second = await infos.active(first);
  expect(performance.now() - killedMs).toBeLessThan(takeoverMs);
  await infos.reporting(client, nodes);
  await client.createKeyspace('after-the-first');
  await first.start();
  await first.waitFor('ready', 30_000);
  second.kill('SIGKILL');
  await infos.active(second);
  await infos.reporting(client, nodes);
  const keyspaces = await client.keyspaces();
  expect(keyspaces.map(({ name }) => name)).toEqual(['default', 'after-the-first']);
  await undisturbed(workload);
});

test('SIGTERM of the info that decides: it gives its lease back, so another one decides at once', async () => {
  const { infos, workload } = await start(1);
  const first = await infos.active();
  const startMs = performance.now();
  first.kill('SIGTERM');
  await infos.active(first);
  expect(performance.now() - startMs).toBeLessThan(1000);
  expect(await first.exited).toEqual({ code: 0, signal: null });
  await undisturbed(workload);
});

test('an info that was stopped for longer than its lease changes nothing more, and stands by', async () => {
  const { infos, client, workload } = await start(1);
  const first = await infos.active();
  first.kill('SIGSTOP');
  const second = await infos.active(first);
  await infos.reporting(client, nodes);
  await client.createKeyspace('while-it-was-stopped');
  const stood = infos.count(first, 'standby');
  first.kill('SIGCONT');
  await waitFor(() => infos.count(first, 'standby') > stood, 'the stopped info to stand by');
  const late = await infos.client({ info: first.address ?? '' });
  const channel = new RpcChannel(first.address ?? '');
  let answer = '';
  await waitFor(
    async () => {
      // Asked directly: a client would go on to the one that decides.
      const asked = channel.createKeyspace('too-late', defaultKeyspaceSettings, { timeoutMs: 3000 });
      answer = await asked.then(({ kind }) => kind, String);
      return answer.includes(`stands by and changes nothing; ${second.name} at ${second.address ?? ''} decides`);
    },
    () => `an answer with who decides; the last one: ${answer}`,
  );
  channel.close();
  await waitFor(
    () => late.topology().revision === client.topology().revision,
    () => `one map; there are ${late.topology().revision} and ${client.topology().revision}`,
  );
  expect(late.topology().keyspaces.map(({ name }) => name)).toEqual(['default', 'while-it-was-stopped']);
  await undisturbed(workload);
});

test("kill -9 of etcd's leader: changes go on after its election, and no write or read notices", async () => {
  const { etcd, infos, client, workload } = await start(3);
  await goesOn(workload);
  await etcd.kill(await etcd.leader());
  await goesOn(workload);
  await waitFor(() => client.createKeyspace('without-one').then(() => true), 'a change after the election');
  etcd.startMembers();
  await etcd.healthy();
  await etcd.kill(await etcd.leader());
  await waitFor(() => client.createKeyspace('without-another').then(() => true), 'a change after the election');
  await infos.active();
  await infos.reporting(client, nodes);
  const keyspaces = await client.keyspaces();
  expect(keyspaces.map(({ name }) => name)).toEqual(['default', 'without-one', 'without-another']);
  await undisturbed(workload);
});

test('all of etcd down: writes and reads go on; changes are refused with the cause until it is back', async () => {
  const { etcd, infos, client, workload } = await start(3);
  const active = await infos.active();
  await goesOn(workload);
  await etcd.killAll();
  await waitFor(() => infos.count(active, 'standby') > 0, 'the info to decide no longer');
  await goesOn(workload);
  await expect(client.createKeyspace('now', {}, { timeoutMs: 3000 })).rejects.toMatchObject({
    code: 'unreachable',
    message: expect.stringContaining('nobody can until etcd answers'),
  });
  expect((await client.describe()).topology.shards).toHaveLength(shards);
  // New clients find their way without etcd too.
  const newcomer = await infos.client();
  await newcomer.put('newcomer', 'here');
  etcd.startMembers();
  await etcd.healthy();
  await waitFor(() => client.createKeyspace('later').then(() => true), 'a change when etcd is back');
  await infos.reporting(client, nodes);
  await undisturbed(workload);
});

test('a change whose answer from etcd is lost is made once, and answered as made', async () => {
  etcd = await EtcdCluster.start(1);
  const proxy = await FaultProxy.start();
  proxy.setTarget(etcd.endpoints[0]?.replace('http://', '') ?? '');
  try {
    infos = await EtcdInfos.start([`http://${proxy.address}`], 1);
    const client = await infos.client();
    const active = await infos.active();
    await infos.quiet(client);
    proxy.holdReplies(true);
    const creation = client.createKeyspace('once');
    // Awaited below; until then it may fail as it likes.
    void creation.catch(() => undefined);
    const server = etcd;
    await waitFor(
      async () => (await server.control('get', '/edis/state/cluster')).includes('"once"'),
      'etcd to have the keyspace',
    );
    proxy.holdReplies(false);
    proxy.cut();
    expect(await creation).toMatchObject({ name: 'once', id: 2 });
    expect(client.topology().keyspaces.map(({ id }) => id)).toEqual([1, 2]);
    expect(infos.count(active, 'etcd-retry')).toBeGreaterThan(0);
    expect([infos.count(active, 'active'), infos.count(active, 'standby')]).toEqual([1, 0]);
  } finally {
    await proxy.close();
  }
});

test('rows of a newer version end an info with a line that says so', async () => {
  etcd = await EtcdCluster.start(1);
  const json = JSON.stringify({ format: 1000 });
  const check = crc32(json, crc32('cluster')).toString(16).padStart(8, '0');
  await etcd.control('put', '/edis/state/cluster', `${check} ${json}`);
  const flags = ['--store', 'etcd', '--etcd', etcd.endpoints[0] ?? '', '--listen', '127.0.0.1:0'];
  const { code, stderr } = await new Program(locateBinaries().info, flags, { killAfterMs: 30_000 }).ended;
  expect(stderr).toMatch(/^edis-info: .*has format 1000, this version reads \d+; use a newer one\n$/);
  expect(code).toBe(2);
});
