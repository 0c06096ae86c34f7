/** Paced puts on a shard with a replica, alone and while very many records expire at one moment. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@edis/client';
import { connect } from '@edis/client';
import { expiringPutMsMax } from './floor.ts';
import { gauge, medianValue } from './gauge.ts';
import type { SectionContext, SectionResult } from './section-context.ts';
import { load } from './section-context.ts';
import type { Measurement } from './work.ts';

/** What a shard with a replica and its clients do easily on two cores. */
const ratePerSecond = 2000;
const callDeadlineMs = 30_000;
/** The records are there well before: writing 200 000 of them takes about 2 s, on a busy machine five times as long. */
const writeMsPerRecord = 0.05;
const writeMsMin = 1500;
/** Removal goes on for some seconds, so the puts beside it are measured for longer. */
const removalRounds = 2;
/** The puts begin that much before the deadline of the records. */
const leadMs = 300;
const entriesPerCall = 2000;
const pollMs = 50;
const removalLimitMs = 120_000;

interface ExpiryRound {
  readonly alone: Measurement;
  readonly beside: Measurement;
  readonly removedMs: number;
}

export async function measureExpiry(context: SectionContext): Promise<SectionResult> {
  const { bed, options, progress } = context;
  const { expiringKeys, rounds, smallKeys: keys, durationMs, warmUpMs } = options;
  const cluster = await bed.startCluster(1, 1);
  const driver = await bed.driveCluster('puts', cluster);
  await load(context, driver, keys);
  const paced = (ms: number) => driver.run({ kind: 'paced', ratePerSecond, keys, durationMs: ms });
  await paced(warmUpMs);
  const client = await connect({ info: cluster.info, timeoutMs: callDeadlineMs });
  try {
    const measured: ExpiryRound[] = [];
    for (let round = 0; round < rounds; round += 1) {
      await driver.run({ kind: 'settle' });
      const alone = await paced(durationMs);
      const deadlineMs = await writeExpiring(client, expiringKeys);
      await sleep(deadlineMs - leadMs - Date.now());
      const beside = await paced(removalRounds * durationMs);
      const removedMs = (await removedAt(client, keys)) - deadlineMs;
      measured.push({ alone, beside, removedMs });
      progress(
        `expiry: p99 ${alone.p99Ms.toFixed(1)} ms alone, ${beside.p99Ms.toFixed(1)} ms while ${expiringKeys} records ` +
          `expire; removed after ${removedMs} ms`,
      );
    }
    const median = (figure: (round: ExpiryRound) => number): number => medianValue(measured.map(figure));
    const puts = `p99 of ${ratePerSecond} puts/s`;
    const bound = { kind: 'below', limit: expiringPutMsMax } as const;
    const alone = median((round) => round.alone.p99Ms);
    const beside = median((round) => round.beside.p99Ms);
    const removedMs = median((round) => round.removedMs);
    return {
      rows: [],
      gauges: [
        gauge(`${puts}, alone`, alone, 'ms'),
        gauge(`${puts}, while ${expiringKeys} records expire at one moment`, beside, 'ms', bound),
        gauge('until all of them are removed', removedMs / 1000, 's'),
      ],
    };
  } finally {
    await client.close();
  }
}

/** Writes records that expire together; when that is, in ms since the Unix epoch. */
async function writeExpiring(client: Client, count: number): Promise<number> {
  const writeMs = writeMsMin + count * writeMsPerRecord;
  const expiresAtMs = Date.now() + writeMs;
  for (let from = 0; from < count; from += entriesPerCall) {
    const length = Math.min(entriesPerCall, count - from);
    const entries = Array.from({ length }, (_, index) => ({ key: `expiring-${from + index}`, value: '', expiresAtMs }));
    await client.mput(entries, { ack: 'memory' });
  }
  if (Date.now() > expiresAtMs - leadMs) throw new Error(`${count} records took longer than ${writeMs} ms to write`);
  return expiresAtMs;
}

/** When nothing but the records that stay is left. */
async function removedAt(client: Client, remaining: number): Promise<number> {
  const limitMs = Date.now() + removalLimitMs;
  for (;;) {
    const count = await client.count({ consistency: 'strong' });
    if (count <= remaining) return Date.now();
    if (Date.now() > limitMs) throw new Error(`${count - remaining} records are still there after 2 minutes`);
    await sleep(pollMs);
  }
}
