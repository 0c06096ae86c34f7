/**
 * Four clients at a rate that leaves the shard room, without and with a fifth one that wants more than its share. All
 * of them put with the durability `memory`; the four share one process, the fifth has its own.
 */

import type { DriverProcess } from './driver-process.ts';
import { overloadMovedPercentMax, queueOperationsMax, residentBytesMax } from './floor.ts';
import type { Gauge } from './gauge.ts';
import { gauge, medianValue } from './gauge.ts';
import type { SectionContext, SectionResult } from './section-context.ts';
import { load } from './section-context.ts';
import { ShardMonitor } from './shard-monitor.ts';
import type { Measurement, Order } from './work.ts';

const politeClients = 4;
/** Fourteen times this is well within what a shard and its clients can do on two cores. */
const politeRatePerSecond = 1000;
const greedyFactor = 10;
const greedyCallers = 4096;
/** The greedy client begins that much earlier than the polite ones are measured, and ends as much later. */
const leadMs = 300;
/** A 99th percentile needs more rounds than a throughput does. */
const extraRounds = 2;
const megabyte = 1_000_000;

type Load = 'alone' | 'tenfold' | 'flood';
const loads: readonly Load[] = ['alone', 'tenfold', 'flood'];

interface Crowd {
  readonly polite: DriverProcess;
  readonly greedy: DriverProcess;
  readonly keys: number;
}

function greedyOrder(kind: 'tenfold' | 'flood', keys: number, durationMs: number): Order {
  return kind === 'tenfold'
    ? { kind: 'paced', ratePerSecond: greedyFactor * politeRatePerSecond, keys, durationMs }
    : { kind: 'loop', verb: 'put', durability: 'memory', callers: greedyCallers, keys, durationMs };
}

/** What the polite clients saw, and what the greedy one got. */
async function runRound(
  { polite, greedy, keys }: Crowd,
  kind: Load,
  durationMs: number,
): Promise<{ readonly polite: Measurement; readonly greedy: Measurement | undefined }> {
  const order = { kind: 'paced', ratePerSecond: politeRatePerSecond, keys, durationMs } as const;
  await polite.run({ kind: 'settle' });
  const greedyRun = kind === 'alone' ? undefined : greedy.run(greedyOrder(kind, keys, durationMs + 2 * leadMs));
  // The same lead when nobody is greedy, so that all rounds begin alike.
  await polite.run({ ...order, durationMs: leadMs });
  const [measured, taken] = await Promise.all([polite.run(order), greedyRun]);
  return { polite: measured, greedy: taken };
}

export async function measureOverload(context: SectionContext): Promise<SectionResult> {
  const { bed, options, progress } = context;
  const keys = options.smallKeys;
  const cluster = await bed.startCluster(1, 0);
  const crowd: Crowd = {
    polite: await bed.driveCluster('polite', cluster, politeClients),
    greedy: await bed.driveCluster('greedy', cluster),
    keys,
  };
  await load(context, crowd.greedy, keys);
  for (const kind of loads) await runRound(crowd, kind, options.warmUpMs);
  const p99: Record<Load, number[]> = { alone: [], tenfold: [], flood: [] };
  const taken: number[] = [];
  const monitor = ShardMonitor.start(cluster.process('write-shard-1'));
  try {
    for (let round = 0; round < options.rounds + extraRounds; round += 1) {
      for (const kind of round % 2 === 0 ? loads : loads.toReversed()) {
        const measured = await runRound(crowd, kind, Math.round(options.durationMs / 2));
        p99[kind].push(measured.polite.p99Ms);
        if (kind === 'flood' && measured.greedy !== undefined) taken.push(measured.greedy.opsPerSecond);
      }
      progress(
        `overload: polite p99 ${loads.map((kind) => `${kind} ${(p99[kind].at(-1) ?? 0).toFixed(2)} ms`).join(', ')}`,
      );
    }
  } finally {
    await monitor.stop();
  }
  return { rows: [], gauges: overloadGauges(p99, taken, monitor) };
}

function overloadGauges(
  p99: Readonly<Record<Load, number[]>>,
  taken: readonly number[],
  monitor: ShardMonitor,
): Gauge[] {
  const [alone, tenfold, flood] = loads.map((kind) => medianValue(p99[kind]));
  if (alone === undefined || tenfold === undefined || flood === undefined) throw new Error('a load was not measured');
  const moved = 100 * (tenfold / alone - 1);
  const polite = `p99 of ${politeClients} clients at ${politeRatePerSecond} puts/s each`;
  return [
    gauge(`${polite}, alone`, alone, 'ms'),
    gauge(`${polite}, beside one at ${greedyFactor * politeRatePerSecond}/s`, tenfold, 'ms'),
    gauge('moved by', moved, '%', { kind: 'below', limit: overloadMovedPercentMax }),
    gauge(`${polite}, beside one with ${greedyCallers} callers`, flood, 'ms'),
    gauge('what that one got', medianValue(taken), 'puts/s'),
    gauge("peak of the shard's queue", monitor.peakQueueOperations, 'operations', {
      kind: 'below',
      limit: queueOperationsMax + 1,
    }),
    gauge("peak of the shard's resident memory", monitor.peakResidentBytes / megabyte, 'MB', {
      kind: 'below',
      limit: residentBytesMax / megabyte,
    }),
  ];
}
