/** Machines that are cut off from each other, as network namespaces: nobody is told, and connections stay open. */
import { type HistoryOperation, isAnswered } from '@edis/checker';
import { afterEach, expect, test } from 'vitest';
import { leaderOf } from '../src/failover-load.ts';
import { JudgedCluster } from './judged-cluster.ts';
import { NamespaceGroup, test as testMachine } from './namespace-group.ts';

const leaseMs = 2000;

let judged: JudgedCluster;
let group: NamespaceGroup;
let ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends) await end();
  ends = [];
});

async function start(): Promise<{ primary: string; replicas: readonly string[]; epoch: number }> {
  judged = await JudgedCluster.start(async () => {
    group = await NamespaceGroup.start();
    return group;
  });
  const started = judged;
  ends.push(() => started.close());
  const { name: primary } = await judged.primary();
  const replicas = (await judged.replicas()).map(({ name }) => name);
  const stats = (await judged.client.stats()).find(({ node }) => node === primary)?.stats;
  return { primary, replicas, epoch: stats?.lastEntry.epoch ?? 0 };
}

/** Writes, and reads by the primary, that one epoch answered between two moments. */
function answeredBy(
  history: readonly HistoryOperation[],
  epoch: number,
  fromMs: number,
  toMs: number,
): readonly HistoryOperation[] {
  return history
    .filter(isAnswered)
    .filter(({ call, consistency }) => call.kind !== 'get' || consistency === 'strong')
    .filter(
      ({ callMs, ending }) => callMs > fromMs && ending.returnMs < toMs && ending.place?.position?.epoch === epoch,
    );
}

test.each([
  { cut: 'cut off from info and its replicas', bothWays: true, alsoInfo: true },
  { cut: 'that info and its replicas do not hear', bothWays: false, alsoInfo: true },
  // Info hears that everybody lives, asks all of them, and sees that the primary can not act.
  { cut: 'cut off from its replicas alone', bothWays: true, alsoInfo: false },
])('a primary $cut acknowledges nothing after its lease, and another one serves', async (row) => {
  const { primary, replicas, epoch } = await start();
  const others = [...replicas, ...(row.alsoInfo ? ['info'] : [])];
  if (row.bothWays) group.machines.part(primary, others);
  else for (const other of others) group.machines.block(primary, other);
  const cutMs = performance.now();
  await leaderOf(judged.client, 's1', primary);
  await judged.load.more(300);
  const healedMs = performance.now();
  group.machines.heal();
  const { history } = await judged.expectHeld();
  expect(answeredBy(history, epoch, cutMs + leaseMs, healedMs)).toEqual([]);
});

test('a primary cut off from its clients alone leads on, replicas answer, writes wait for the healing', async () => {
  const { primary, epoch } = await start();
  group.machines.part(primary, [testMachine]);
  const cutMs = performance.now();
  await judged.load.more(20);
  const reads = judged.load.history.filter(isAnswered).filter(({ callMs }) => callMs > cutMs);
  expect(reads.filter(({ call }) => call.kind !== 'get')).toEqual([]);
  expect((await judged.primary()).name).toBe(primary);
  group.machines.heal();
  const { history } = await judged.expectHeld();
  expect(answeredBy(history, epoch, cutMs, performance.now()).length).toBeGreaterThan(0);
});
