/** How long a test waits for `createTestCluster`: three shards with a replica each, and info, in its own process. */
import { testClusterMsMax } from './floor.ts';
import type { Gauge } from './gauge.ts';
import { gauge, medianValue } from './gauge.ts';
import type { SectionContext, SectionResult } from './section-context.ts';

export async function measureTesting({ options, progress }: SectionContext): Promise<SectionResult> {
  const firstMs = await startMs();
  const startsMs: number[] = [];
  for (let round = 0; round < options.starts; round += 1) startsMs.push(await startMs());
  progress(`testing: up in ${firstMs.toFixed(0)} ms at first, then in ${startsMs.map(Math.round).join(', ')} ms`);
  return { rows: [], gauges: testingGauges(firstMs, startsMs) };
}

export function testingGauges(firstMs: number, startsMs: readonly number[]): Gauge[] {
  const bound = { kind: 'below', limit: testClusterMsMax } as const;
  return [
    gauge(`in-process test cluster is up in, median of ${startsMs.length} starts`, medianValue(startsMs), 'ms', bound),
    gauge('the first one of a process, which loads what it runs', firstMs, 'ms'),
  ];
}

/** From the call, and at first from the import, until every node serves. */
async function startMs(): Promise<number> {
  const beginMs = performance.now();
  const { createTestCluster } = await import('@edis/testing');
  const cluster = await createTestCluster();
  try {
    return performance.now() - beginMs;
  } finally {
    await cluster.close();
  }
}
