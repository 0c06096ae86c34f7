import type { DriverProcess } from './driver-process.ts';
import { floorOf } from './floor.ts';
import type { BenchOptions, SectionName } from './options.ts';
import type { LoopWork, Measurement } from './work.ts';

export interface Row {
  readonly section: SectionName;
  readonly verb: LoopWork['verb'];
  readonly durability: LoopWork['durability'];
  readonly callers: number;
  readonly keys: number;
  readonly subject: Measurement;
  readonly baseline: Measurement | undefined;
  /** Operations per second of every round: where they lie far apart, something else was using the machine. */
  readonly subjectRounds: readonly number[];
  readonly baselineRounds: readonly number[];
  /** Operations per second of the subject to those of the baseline. */
  readonly ratio: number | undefined;
  readonly floor: number | undefined;
  readonly passed: boolean;
}

export interface Comparison {
  readonly section: SectionName;
  readonly keys: number;
  readonly callers: readonly number[];
  readonly subject: DriverProcess;
  readonly baseline: DriverProcess | undefined;
}

export type Progress = (text: string) => void;

/** The round in the middle by throughput, as a whole: its quantiles belong to it. */
export function medianOf(rounds: readonly Measurement[]): Measurement {
  const sorted = rounds.toSorted((a, b) => a.opsPerSecond - b.opsPerSecond);
  const median = sorted[Math.floor((sorted.length - 1) / 2)];
  if (median === undefined) throw new Error('there was no round');
  return median;
}

async function measureCell(comparison: Comparison, work: LoopWork, options: BenchOptions): Promise<Row> {
  const drivers = [comparison.subject, ...(comparison.baseline === undefined ? [] : [comparison.baseline])];
  const rounds = new Map(drivers.map((driver): [DriverProcess, Measurement[]] => [driver, []]));
  for (const driver of drivers) await driver.run({ ...work, durationMs: options.warmUpMs });
  for (let round = 0; round < options.rounds; round += 1) {
    // The order turns round each time, so that neither side always runs after the other's disk traffic.
    for (const driver of round % 2 === 0 ? drivers : drivers.toReversed()) {
      rounds.get(driver)?.push(await driver.run(work));
    }
  }
  const ofSubject = rounds.get(comparison.subject) ?? [];
  const ofBaseline = comparison.baseline === undefined ? [] : (rounds.get(comparison.baseline) ?? []);
  const subject = medianOf(ofSubject);
  const baseline = ofBaseline.length === 0 ? undefined : medianOf(ofBaseline);
  const ratio = baseline === undefined ? undefined : subject.opsPerSecond / baseline.opsPerSecond;
  const floor = floorOf(comparison.section, work);
  const passed = ratio === undefined || floor === undefined || ratio >= floor;
  const { verb, durability, callers, keys } = work;
  return {
    section: comparison.section,
    verb,
    durability,
    callers,
    keys,
    subject,
    baseline,
    subjectRounds: ofSubject.map((measurement) => Math.round(measurement.opsPerSecond)),
    baselineRounds: ofBaseline.map((measurement) => Math.round(measurement.opsPerSecond)),
    ratio,
    floor,
    passed,
  };
}

/** Measures every cell of a section on key sets that are loaded already. */
export async function compare(comparison: Comparison, options: BenchOptions, progress: Progress): Promise<Row[]> {
  const rows: Row[] = [];
  for (const callers of comparison.callers) {
    for (const [verb, durability] of [
      ['put', 'memory'],
      ['put', 'disk'],
      ['get', 'memory'],
    ] as const) {
      const work: LoopWork = {
        kind: 'loop',
        verb,
        durability,
        callers,
        keys: comparison.keys,
        durationMs: options.durationMs,
      };
      const row = await measureCell(comparison, work, options);
      rows.push(row);
      progress(
        `${row.section}: ${verb}${verb === 'put' ? ` ${durability}` : ''}, ${callers} callers: ` +
          `${row.subjectRounds.join(', ')} ops/s` +
          (row.baseline === undefined ? '' : `, baseline ${row.baselineRounds.join(', ')} ops/s`),
      );
    }
  }
  return rows;
}
