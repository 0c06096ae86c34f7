/** A primary is lost while two infos on etcd decide who follows it: alone, with the one that decides, and with all. */
import type { ClusterProcess } from '@edis/launcher';
import { afterEach, expect, test } from 'vitest';
import { leaderOf, printFigure } from '../src/failover-load.ts';
import { sharedHash } from '../src/shared-hash.ts';
import { EtcdCluster } from './etcd-cluster.ts';
import { EtcdInfos } from './etcd-infos.ts';
import { JudgedCluster } from './judged-cluster.ts';

/** Both are the defaults: what is measured here is what people get. */
const leaseMs = 2000;
const etcdLeaseMs = 5000;
/** A lease for the primary's rest, and as much again for the roll call of a busy machine. */
const replacedMs = 3 * leaseMs;

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function start(): Promise<{ etcd: EtcdCluster; infos: EtcdInfos; judged: JudgedCluster }> {
  const etcd = await EtcdCluster.start(1);
  ends.push(() => etcd.stop());
  const infos = await EtcdInfos.start(etcd.endpoints, 1, { replicas: 2, etcdLease: `${etcdLeaseMs}ms` });
  // `JudgedCluster` closes the group, also when it can not start.
  const judged = await JudgedCluster.start(() => Promise.resolve(infos));
  ends.push(() => judged.close());
  return { etcd, infos, judged };
}

async function kill(...victims: readonly ClusterProcess[]): Promise<void> {
  for (const victim of victims) victim.kill('SIGKILL');
  await Promise.all(victims.map((victim) => victim.exited));
}

/** Kills the primary, and others with it; resolves when another member leads, with the time that it took. */
async function replacePrimary(judged: JudgedCluster, ...others: readonly ClusterProcess[]): Promise<number> {
  const primary = await judged.primary();
  const startMs = performance.now();
  await kill(primary, ...others);
  await leaderOf(judged.client, 's1', primary.name);
  const tookMs = Math.round(performance.now() - startMs);
  await judged.load.more(300);
  for (const victim of [...others, primary]) await judged.restart(victim);
  await judged.whole();
  return tookMs;
}

test('a killed primary is replaced, also with the info that decides, and a restart of all loses nothing', async () => {
  const { etcd, infos, judged } = await start();
  const aloneMs = [await replacePrimary(judged), await replacePrimary(judged)];
  const first = await infos.active();
  const togetherMs = await replacePrimary(judged, first);
  await infos.active(first);
  printFigure(`a primary was replaced in ${aloneMs.join(' and ')} ms, with the info that decides in ${togetherMs} ms`);
  for (const tookMs of aloneMs) expect(tookMs).toBeLessThan(replacedMs);
  expect(togetherMs).toBeLessThan(etcdLeaseMs + replacedMs);
  await judged.load.more(300);
  await Promise.all([etcd.killAll(), kill(...infos.processes)]);
  etcd.startMembers();
  await etcd.healthy();
  await Promise.all(infos.processes.map((process) => judged.restart(process)));
  const { figures } = await judged.expectHeld();
  expect(figures.durableWrites).toBeGreaterThan(100);
  expect(sharedHash(await judged.client.stats())).toBeInstanceOf(Map);
});
