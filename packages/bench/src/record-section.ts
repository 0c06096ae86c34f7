/** What plain keys and values do not have: order, metadata, search. */

import { scanRecordsPerSecondMin, searchMsMax } from './floor.ts';
import { gauge } from './gauge.ts';
import type { Row } from './measure.ts';
import { describeRow, measureCell } from './measure.ts';
import type { SectionContext, SectionResult } from './section-context.ts';
import { load, mostCallers } from './section-context.ts';
import { durabilities, searchMatches } from './work.ts';

/** One caller reads all records in order, merged from three shards. */
export async function measureScan(context: SectionContext): Promise<SectionResult> {
  const { bed, options, progress } = context;
  const keys = options.scannedKeys;
  const driver = await bed.driveCluster('three shards', await bed.startCluster(3, 0));
  await load(context, driver, keys);
  const cell = { section: 'scan', keys, callers: 1, baseline: undefined } as const;
  const row = await measureCell({ ...cell, subject: { driver, work: { kind: 'scan', keys } } }, options);
  progress(describeRow(row));
  const scanned = gauge(`ordered scan of ${keys} records over three shards`, row.subject.opsPerSecond, 'records/s', {
    kind: 'at least',
    limit: scanRecordsPerSecondMin,
  });
  return { rows: [row], gauges: [scanned] };
}

/** One shard, asked without the SDK: a round trip and the time that the shard takes. */
export async function measureSearch(context: SectionContext): Promise<SectionResult> {
  const { bed, options, progress } = context;
  const keys = options.largeKeys;
  const driver = await bed.driveCluster('edis', await bed.startCluster(1, 0));
  await load(context, driver, keys, true);
  const rows: Row[] = [];
  for (const fields of [1, 2] as const) {
    const work = { kind: 'search', fields, keys, durationMs: options.briefMs } as const;
    const cell = { section: 'search', keys, callers: 1, baseline: undefined } as const;
    const row = await measureCell({ ...cell, subject: { driver, work } }, options);
    rows.push(row);
    progress(describeRow(row));
  }
  const [oneField, twoFields] = rows.map((row) => row.subject.p50Ms);
  const bound = { kind: 'below', limit: searchMsMax } as const;
  return {
    rows,
    gauges: [
      gauge(`search over ${keys} records, ${searchMatches} match, median`, oneField ?? 0, 'ms', bound),
      gauge(`search by two fields, ${searchMatches / 10} match, median`, twoFields ?? 0, 'ms'),
    ],
  };
}

/** Puts with two indexed fields beside puts without, on keys of their own, in the same shard. */
export async function measureMetadata(context: SectionContext): Promise<SectionResult> {
  const { bed, options, progress } = context;
  const keys = options.smallKeys;
  const driver = await bed.driveCluster('edis', await bed.startCluster(1, 0));
  await load(context, driver, keys);
  const rows: Row[] = [];
  for (const durability of durabilities) {
    const loop = { kind: 'loop', durability, callers: mostCallers, keys, durationMs: options.durationMs } as const;
    const row = await measureCell(
      {
        section: 'metadata',
        keys,
        callers: mostCallers,
        subject: { driver, work: { ...loop, verb: 'put+metadata' } },
        baseline: { driver, work: { ...loop, verb: 'put' } },
        settle: true,
      },
      options,
    );
    rows.push(row);
    progress(describeRow(row));
  }
  return { rows, gauges: [] };
}
