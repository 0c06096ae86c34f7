/** A shard with two replicas whose primary is killed, and whose primary hands over, again and again, beside callers. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@edis/client';
import { connect } from '@edis/client';
import type { Shard } from '@edis/core';
import type { Cluster } from '@edis/launcher';
import { Availability } from './availability.ts';
import { handOverHoldMsMax, readGapMsMax, unavailableMsMax } from './floor.ts';
import type { Bound, Gauge } from './gauge.ts';
import { gauge, quantileValue } from './gauge.ts';
import type { SectionContext, SectionResult } from './section-context.ts';

const replicas = 2;
/** A write that begins just before a failover is answered after it. */
const callDeadlineMs = 30_000;
const waitMs = 60_000;
const pollMs = 5;
/** Between two failovers, so that they do not meet anything of the one before in step. */
const calmMs = { least: 500, most: 1500 };
/** After the new primary's first answer: whoever waits longer than the others is counted too. */
const lastAnswersMs = 500;

interface Trial {
  readonly client: Client;
  readonly cluster: Cluster;
  readonly load: Availability;
}

export async function measureFailover(context: SectionContext): Promise<SectionResult> {
  const { bed, options, progress } = context;
  const cluster = await bed.startCluster(1, replicas);
  const client = await connect({ info: cluster.info, timeoutMs: callDeadlineMs });
  const load = new Availability(client);
  try {
    const trial = { client, cluster, load };
    const killed: number[] = [];
    let readGapMs = 0;
    for (let round = 0; round < options.kills; round += 1) {
      const { writesMs, readsMs } = await killPrimary(trial);
      killed.push(writesMs);
      readGapMs = Math.max(readGapMs, readsMs);
    }
    progress(`failover: after kill -9 no write for ${killed.map(Math.round).join(', ')} ms`);
    const held: number[] = [];
    for (let round = 0; round < options.handOvers; round += 1) held.push(await handOver(trial));
    progress(`failover: longest write of each hand-over ${held.map(Math.round).join(', ')} ms`);
    await load.stop();
    if (load.failures > 0) progress(`failover: ${load.failures} calls failed; the first one: ${load.firstFailure}`);
    return { rows: [], gauges: gaugesOf(killed, readGapMs, held, load.failures) };
  } finally {
    await load.stop();
    await client.close();
  }
}

async function killPrimary({ client, cluster, load }: Trial): Promise<{ writesMs: number; readsMs: number }> {
  const former = await calm(client);
  const victim = cluster.process(nodeOf(client, former));
  load.restart();
  victim.kill('SIGKILL');
  await victim.exited;
  await until('another primary', () => shardOf(client).primary !== former);
  const answered = load.writes.count;
  await until('a write after the failover', () => load.writes.count > answered);
  await sleep(lastAnswersMs);
  const measured = { writesMs: load.writes.longestMs, readsMs: load.reads.longestMs };
  await victim.start();
  await victim.waitFor('ready', waitMs);
  return measured;
}

/** How long the write that waited longest did. */
async function handOver({ client, load }: Trial): Promise<number> {
  await calm(client);
  load.restart();
  await client.promote(shardOf(client).shard);
  await sleep(lastAnswersMs);
  return load.writes.longestCallMs;
}

/** Waits until the group is whole, and a while; gives its primary. */
async function calm(client: Client): Promise<string> {
  await until('a whole group', () => {
    const { members, voters } = shardOf(client);
    const wellCount = members.filter((member) => member.alive && voters.includes(member.store)).length;
    return wellCount === replicas + 1 && members.length === wellCount;
  });
  await sleep(calmMs.least + Math.random() * (calmMs.most - calmMs.least));
  return shardOf(client).primary;
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + waitMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`waited ${waitMs / 1000} s in vain for ${what}`);
    await sleep(pollMs);
  }
}

function shardOf(client: Client): Shard {
  const [shard] = client.topology().shards;
  if (shard === undefined) throw new Error('the cluster has no shard');
  return shard;
}

function nodeOf(client: Client, store: string): string {
  const member = shardOf(client).members.find((candidate) => candidate.store === store);
  if (member === undefined) throw new Error('the shard has no primary');
  return member.node;
}

function gaugesOf(killed: readonly number[], readGapMs: number, held: readonly number[], failures: number): Gauge[] {
  const writes = `no write after each of ${killed.length} kill -9 of the primary`;
  const holds = `longest write of each of ${held.length} hand-overs`;
  return [
    ...distribution(writes, killed, { median: { kind: 'below', limit: unavailableMsMax } }),
    gauge('longest time without a read from the replicas meanwhile', readGapMs, 'ms', {
      kind: 'below',
      limit: readGapMsMax,
    }),
    ...distribution(holds, held, { most: { kind: 'below', limit: handOverHoldMsMax } }),
    gauge('calls that failed meanwhile', failures, 'calls', { kind: 'below', limit: 1 }),
  ];
}

function distribution(name: string, values: readonly number[], bounds: { median?: Bound; most?: Bound }): Gauge[] {
  return [
    gauge(`${name}, least`, quantileValue(values, 0), 'ms'),
    gauge(`${name}, median`, quantileValue(values, 0.5), 'ms', bounds.median),
    gauge(`${name}, p90`, quantileValue(values, 0.9), 'ms'),
    gauge(`${name}, most`, quantileValue(values, 1), 'ms', bounds.most),
  ];
}
