import type { TestBed } from './bed.ts';
import type { DriverProcess } from './driver-process.ts';
import type { Gauge } from './gauge.ts';
import type { Progress, Row } from './measure.ts';
import type { BenchOptions } from './options.ts';

export interface SectionResult {
  readonly rows: readonly Row[];
  readonly gauges: readonly Gauge[];
}

export interface SectionContext {
  readonly bed: TestBed;
  readonly options: BenchOptions;
  readonly redis: boolean;
  readonly progress: Progress;
}

/** Enough callers to keep the batches full; the load is not what is measured. */
const loadCallers = 512;

/** The largest number of concurrent callers, at which most floors are defined. */
export const mostCallers = 512;

export async function load(
  context: SectionContext,
  driver: DriverProcess,
  keys: number,
  metadata = false,
): Promise<void> {
  const { opsPerSecond } = await driver.run({ kind: 'load', callers: loadCallers, keys, metadata });
  context.progress(`loaded ${keys} keys into ${driver.name} at ${Math.round(opsPerSecond)} ops/s`);
}
