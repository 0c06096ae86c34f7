import { unreachable } from '@edis/core';
import type { Cluster } from '@edis/launcher';
import { measureAgainst } from './against-section.ts';
import { measureBulk, measureMixes } from './cluster-section.ts';
import { measureExpiry } from './expiry-section.ts';
import { measureFailover } from './failover-section.ts';
import { measureFeed } from './feed-section.ts';
import { firstSyncMsMax, residentBytesMax } from './floor.ts';
import type { Gauge } from './gauge.ts';
import { gauge, residentBytes } from './gauge.ts';
import { compare, describeRow, measureCell, singleKeyOperations } from './measure.ts';
import type { SectionName } from './options.ts';
import { measureOverload } from './overload-section.ts';
import { measureMetadata, measureScan, measureSearch } from './record-section.ts';
import type { SectionContext, SectionResult } from './section-context.ts';
import { load, mostCallers } from './section-context.ts';
import { measureTesting } from './testing-section.ts';

const megabyte = 1_000_000;
const syncWaitMs = 180_000;
/** Of the cluster that `shards` puts beside one write shard. */
const shardCount = 3;

/** Edis with one write shard and no replica beside Redis: both are one server process. */
async function compareWithRedis(
  context: SectionContext,
  section: 'small' | 'large' | 'replica',
): Promise<SectionResult> {
  const { bed, options, progress } = context;
  const keys = section === 'large' ? options.largeKeys : options.smallKeys;
  const cluster = await bed.startCluster(1, section === 'replica' ? 1 : 0);
  const subject = await bed.driveCluster('edis', cluster);
  await load(context, subject, keys);
  const gauges = section === 'large' ? [await measureMemory(cluster, keys)] : [];
  const baseline = context.redis ? await bed.driveRedis() : undefined;
  if (baseline !== undefined) await load(context, baseline, keys);
  const callers = section === 'replica' ? [mostCallers] : options.callers;
  const rows = await compare(
    { section, keys, callers, operations: singleKeyOperations, durationMs: options.durationMs, subject, baseline },
    options,
    progress,
  );
  if (section === 'large') gauges.push(await measureFirstSync(cluster, keys));
  return { rows, gauges };
}

async function measureMemory(cluster: Cluster, keys: number): Promise<Gauge> {
  const { pid } = cluster.process('write-shard-1');
  if (pid === undefined) throw new Error('the write shard has ended');
  return gauge(
    `write shard's resident memory after loading ${keys} records`,
    (await residentBytes(pid)) / megabyte,
    'MB',
    {
      kind: 'below',
      limit: residentBytesMax / megabyte,
    },
  );
}

async function measureFirstSync(cluster: Cluster, keys: number): Promise<Gauge> {
  const startMs = performance.now();
  await cluster.addReadShard();
  await cluster.waitReady(syncWaitMs);
  const name = `a new replica's first sync of ${keys} records, until it serves`;
  return gauge(name, (performance.now() - startMs) / 1000, 's', { kind: 'below', limit: firstSyncMsMax / 1000 });
}

/** Three write shards beside one, on the same cores: what splitting costs where it cannot gain. */
async function compareShards(context: SectionContext): Promise<SectionResult> {
  const { bed, options, progress } = context;
  const keys = options.smallKeys;
  const baseline = await bed.driveCluster('one shard', await bed.startCluster(1, 0));
  const subject = await bed.driveCluster('three shards', await bed.startCluster(shardCount, 0));
  await load(context, baseline, keys);
  await load(context, subject, keys);
  const rows = await compare(
    {
      section: 'shards',
      keys,
      callers: [mostCallers],
      operations: singleKeyOperations,
      durationMs: options.durationMs,
      subject,
      baseline,
    },
    // Each of the three serves a third of the load: without a longer warm-up the row compares optimised code with
    // code that is still being optimised.
    { rounds: options.rounds, warmUpMs: shardCount * options.warmUpMs },
    progress,
  );
  return { rows, gauges: [] };
}

/** A shard with two replicas: what it costs to wait for one of them, too. */
async function measureQuorum(context: SectionContext): Promise<SectionResult> {
  const { bed, options, progress } = context;
  const keys = options.smallKeys;
  const cluster = await bed.startCluster(1, 2);
  const driver = await bed.driveCluster('edis', cluster);
  await load(context, driver, keys);
  const loop = {
    kind: 'loop',
    durability: 'disk',
    callers: mostCallers,
    keys,
    durationMs: options.durationMs,
  } as const;
  const row = await measureCell(
    {
      section: 'quorum',
      keys,
      callers: mostCallers,
      subject: { driver, work: { ...loop, verb: 'put+quorum' } },
      baseline: { driver, work: { ...loop, verb: 'put' } },
      settle: true,
    },
    options,
  );
  progress(describeRow(row));
  return { rows: [row], gauges: [] };
}

export async function runSection(name: SectionName, context: SectionContext): Promise<SectionResult> {
  switch (name) {
    case 'small':
    case 'large':
    case 'replica':
      return compareWithRedis(context, name);
    case 'quorum':
      return measureQuorum(context);
    case 'failover':
      return measureFailover(context);
    case 'against':
    case 'against-replica':
      return measureAgainst(context, name);
    case 'shards':
      return compareShards(context);
    case 'bulk':
      return measureBulk(context);
    case 'ycsb':
      return measureMixes(context);
    case 'scan':
      return measureScan(context);
    case 'search':
      return measureSearch(context);
    case 'metadata':
      return measureMetadata(context);
    case 'feed':
      return measureFeed(context);
    case 'overload':
      return measureOverload(context);
    case 'expiry':
      return measureExpiry(context);
    case 'testing':
      return measureTesting(context);
  }
  return unreachable(name);
}
