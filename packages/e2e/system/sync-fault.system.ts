/** A sync that fails ends its process, and is never taken for one that succeeded; a slow one makes writes slow. */
import { isAnswered } from '@edis/checker';
import { afterEach, expect, test } from 'vitest';
import { leaderOf, printFigure } from '../src/failover-load.ts';
import { JudgedCluster, medianMs } from './judged-cluster.ts';
import { SyncFault } from './sync-fault.ts';

const leaseMs = 2000;
const slowMs = 150;

let judged: JudgedCluster;
let faults: SyncFault[] = [];

afterEach(async () => {
  for (const fault of faults) await fault.release();
  faults = [];
  await judged.close();
});

async function attach(process: { readonly pid: number | undefined }, delayMs?: number): Promise<void> {
  if (process.pid === undefined) throw new Error('the process does not run');
  faults.push(
    await SyncFault.attach(process.pid, delayMs === undefined ? { kind: 'fails' } : { kind: 'takes', delayMs }),
  );
}

async function epochOf(node: string): Promise<number> {
  const stats = (await judged.client.stats()).find((each) => each.node === node)?.stats;
  if (stats === undefined) throw new Error(`${node} does not answer`);
  return stats.lastEntry.epoch;
}

test('a failed sync ends the primary with code 74, and what it did not sync was never acknowledged', async () => {
  judged = await JudgedCluster.start();
  const primary = await judged.primary();
  const epoch = await epochOf(primary.name);
  await attach(primary);
  const failingMs = performance.now();
  expect(await primary.exited).toEqual({ code: 74, signal: null });
  expect(primary.exitError()).toMatchObject({ code: 'disk', message: expect.stringMatching(/cannot sync/) });
  await leaderOf(judged.client, 's1', primary.name);
  await judged.load.more(300);
  await judged.restart(primary);
  const { history } = await judged.expectHeld();
  const acknowledged = history.filter(
    (one) =>
      one.ack === 'disk' && one.callMs > failingMs && isAnswered(one) && one.ending.place?.position?.epoch === epoch,
  );
  expect(acknowledged).toEqual([]);
});

test('a failed sync ends a replica with code 74, and the group goes on under its primary', async () => {
  judged = await JudgedCluster.start();
  const primary = await judged.primary();
  const [replica] = await judged.replicas();
  if (replica === undefined) throw new Error('there is no replica');
  await attach(replica);
  expect(await replica.exited).toEqual({ code: 74, signal: null });
  await judged.load.more(300);
  expect(await judged.primary()).toBe(primary);
  await judged.restart(replica);
  await judged.expectHeld();
});

test.each([
  { slow: 'the primary', held: 'disk', free: 'memory' },
  { slow: 'both replicas', held: 'quorum', free: 'disk' },
] as const)('slow syncs of $slow make $held writes wait, not $free ones, and nobody is replaced', async (row) => {
  judged = await JudgedCluster.start();
  const primary = await judged.primary();
  for (const process of row.slow === 'the primary' ? [primary] : await judged.replicas()) await attach(process, slowMs);
  const fromMs = performance.now();
  await judged.load.more(600);
  const toMs = performance.now();
  for (const fault of faults.splice(0)) await fault.release();
  expect(await judged.primary()).toBe(primary);
  const { history } = await judged.expectHeld();
  const [held, free] = [medianMs(history, row.held, fromMs, toMs), medianMs(history, row.free, fromMs, toMs)];
  printFigure(
    `syncs of ${row.slow} took ${slowMs} ms: ${row.held} ${held.toFixed(0)} ms, ${row.free} ${free.toFixed(0)} ms`,
  );
  expect(held).toBeGreaterThan(slowMs * 0.9);
  expect(free).toBeLessThan(slowMs * 0.9);
});

test('a primary whose sync hangs for longer than its lease is replaced, and follows when it goes on', async () => {
  judged = await JudgedCluster.start();
  const primary = await judged.primary();
  await attach(primary, leaseMs * 5);
  const successor = await leaderOf(judged.client, 's1', primary.name);
  await judged.load.more(300);
  for (const fault of faults.splice(0)) await fault.release();
  await judged.expectHeld();
  expect((await judged.primary()).name).toBe(successor);
});
