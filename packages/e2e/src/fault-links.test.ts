/** Every link of a group is broken in every way while callers work, and what they saw is judged. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@edis/client';
import { FaultCluster, waitFor } from '@edis/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { JudgedLoad, showFindings } from '../soak/judged-load.ts';
import { Receipts } from '../soak/receipts.ts';
import { leaderOf, wholeGroup } from './failover-load.ts';

/** How long a link is broken: far shorter than a lease. */
const brokenMs = 300;

const clients = ['client-1', 'client-2'];

let cluster: FaultCluster;
let observer: Client;
let callers: readonly Client[];
let receipts: Receipts;
let rounds = 0;

beforeAll(async () => {
  cluster = await FaultCluster.start({ shards: 1, replicas: 2, clients });
  observer = await cluster.observer();
  callers = await Promise.all(clients.map((name) => cluster.client(name, 2000)));
  receipts = new Receipts(cluster.directory);
  await wholeGroup(observer, 's1', 3);
});

afterAll(() => cluster.close());

/** Callers at work while `disturb` runs; afterwards everything is healed and judged. */
async function judged(disturb: (load: JudgedLoad) => Promise<void>): Promise<void> {
  rounds += 1;
  const fromMs = performance.now();
  const load = new JudgedLoad({
    ...{ seed: rounds, prefix: `${rounds}:`, clients: callers, observer, callers: 8, pauseMs: 10 },
    acks: [
      ['quorum', 1],
      ['disk', 1],
      ['memory', 1],
    ],
  });
  await load.more(100);
  await disturb(load);
  cluster.links.heal();
  await wholeGroup(observer, 's1', 3);
  await load.more(100);
  const judgement = await load.judge(() => receipts.take(cluster.nodes, fromMs, performance.now()));
  expect(showFindings(judgement)).toEqual([]);
  expect(judgement.figures.members).toBe(3);
}

/** The primary, and the other two. */
async function parts(): Promise<{ primary: string; replicas: readonly [string, string] }> {
  const primary = await leaderOf(observer, 's1');
  const [first = '', second = ''] = cluster.nodes.filter((name) => name !== primary);
  return { primary, replicas: [first, second] };
}

/** Everything that can be wrong with one link, one after the other. */
async function breakLink(from: string, to: string): Promise<void> {
  const { links } = cluster;
  const faults = [
    () => links.delay(from, to, 60),
    () => links.block(from, to),
    () => links.block(to, from),
    () => links.part([from], [to]),
    () => links.clog(from, to),
    () => links.clog(to, from),
    () => links.halfOpen(from, to),
    () => links.halfOpen(to, from),
    () => links.reset(from, to),
  ];
  for (const fault of faults) {
    fault();
    await sleep(brokenMs);
    links.heal();
  }
}

test('a broken link between a client and the primary changes nobody, and loses nothing', async () => {
  await judged(async () => {
    const { primary } = await parts();
    await breakLink('client-1', primary);
    expect(await leaderOf(observer, 's1')).toBe(primary);
  });
});

test('a broken link between the primary and a replica changes nobody, and loses nothing', async () => {
  await judged(async (load) => {
    const { primary, replicas } = await parts();
    await breakLink(replicas[0], primary);
    cluster.links.block(primary, replicas[0]);
    await waitFor(
      () => observer.topology().shards[0]?.voters.length === 2,
      'a replica that hears nothing votes no more',
    );
    await load.more(200);
    expect(await leaderOf(observer, 's1')).toBe(primary);
  });
});

test('broken links to info change nobody, even when info believes that the primary is dead', async () => {
  await judged(async (load) => {
    const { primary, replicas } = await parts();
    await breakLink(replicas[1], 'info');
    cluster.links.part([primary, ...clients], ['info']);
    const isAlive = () => observer.topology().shards[0]?.members.find(({ node }) => node === primary)?.alive;
    await waitFor(() => isAlive() === false, 'info believes that the primary is dead');
    await load.more(200);
    expect(await leaderOf(observer, 's1')).toBe(primary);
  });
});

test('a primary that is cut off with one of its clients is replaced, and no client sees a rule broken', async () => {
  await judged(async (load) => {
    const { primary, replicas } = await parts();
    cluster.links.part([primary, 'client-1'], [...replicas, 'info']);
    expect(replicas).toContain(await leaderOf(observer, 's1', primary));
    await load.more(200);
  });
});
