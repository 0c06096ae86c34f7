/** Three write shards beside a Redis Cluster of three nodes: what happens when one client's keys live everywhere. */

import type { DriverProcess } from './driver-process.ts';
import type { Rounds, Row } from './measure.ts';
import { compare, describeRow, measureCell } from './measure.ts';
import type { SectionContext, SectionResult } from './section-context.ts';
import { load, mostCallers } from './section-context.ts';
import { mixNames } from './work.ts';

const shardCount = 3;
/** The many come first: they warm all processes up, which one caller takes long to do. */
const bulkCallers = [16, 1] as const;
/** As many as a small service has at once, and as many as keep every batch full. */
const mixCallers = [mostCallers, 64] as const;
const bulkOperations = [
  { verb: 'mput', durability: 'memory' },
  { verb: 'mput', durability: 'disk' },
  { verb: 'mget', durability: 'memory' },
] as const;

interface Sides {
  readonly subject: DriverProcess;
  readonly baseline: DriverProcess | undefined;
}

async function startBoth(context: SectionContext): Promise<Sides> {
  const { bed, options } = context;
  const subject = await bed.driveCluster('three shards', await bed.startCluster(shardCount, 0));
  await load(context, subject, options.smallKeys);
  const baseline = context.redis ? await bed.driveRedisCluster() : undefined;
  if (baseline !== undefined) await load(context, baseline, options.smallKeys);
  return { subject, baseline };
}

/** Three servers share what heats one of them up: with less, a first round is twice as slow as the later ones. */
function roundsOf({ rounds, warmUpMs }: Rounds): Rounds {
  return { rounds, warmUpMs: shardCount * warmUpMs };
}

/** Calls of 100 random keys, which each client has to split by node. */
export async function measureBulk(context: SectionContext): Promise<SectionResult> {
  const { options, progress } = context;
  const comparison = {
    section: 'bulk',
    keys: options.smallKeys,
    callers: bulkCallers,
    operations: bulkOperations,
    durationMs: options.briefMs,
    ...(await startBoth(context)),
  } as const;
  const rows = await compare(comparison, roundsOf(options), progress);
  return { rows, gauges: [] };
}

export async function measureMixes(context: SectionContext): Promise<SectionResult> {
  const { options, progress } = context;
  const { subject, baseline } = await startBoth(context);
  const keys = options.smallKeys;
  const rows: Row[] = [];
  for (const callers of mixCallers) {
    for (const mix of mixNames) {
      const work = { kind: 'mix', mix, callers, keys, durationMs: options.briefMs } as const;
      const row = await measureCell(
        {
          section: 'ycsb',
          keys,
          callers,
          subject: { driver: subject, work },
          baseline: baseline === undefined ? undefined : { driver: baseline, work },
        },
        roundsOf(options),
      );
      rows.push(row);
      progress(describeRow(row));
    }
  }
  return { rows, gauges: [] };
}
