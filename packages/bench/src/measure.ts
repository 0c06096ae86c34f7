import { unreachable } from '@edis/core';
import type { DriverProcess } from './driver-process.ts';
import { floorOf } from './floor.ts';
import type { SectionName } from './options.ts';
import type { LoopWork, Measurement, RoundWork } from './work.ts';

export interface Row {
  readonly section: SectionName;
  readonly operation: string;
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

/** Who does what. */
export interface Side {
  readonly driver: DriverProcess;
  readonly work: RoundWork;
}

export interface Cell {
  readonly section: SectionName;
  readonly keys: number;
  readonly callers: number;
  readonly subject: Side;
  readonly baseline: Side | undefined;
  /** Background work of both sides is over before a round, so that neither side pays for the other. */
  readonly settle?: boolean;
}

export interface Rounds {
  readonly rounds: number;
  readonly warmUpMs: number;
}

export interface Comparison {
  readonly section: SectionName;
  readonly keys: number;
  readonly callers: readonly number[];
  readonly operations: readonly Pick<LoopWork, 'verb' | 'durability'>[];
  readonly durationMs: number;
  readonly subject: DriverProcess;
  readonly baseline: DriverProcess | undefined;
  /** As of a cell. */
  readonly settle?: boolean;
}

export type Progress = (text: string) => void;

/** What of the store is compared by `small`, `large`, `shards`, `replica` and the sections `against`. */
export const singleKeyOperations = [
  { verb: 'put', durability: 'memory' },
  { verb: 'put', durability: 'disk' },
  { verb: 'get', durability: 'memory' },
] as const;

/** The round in the middle by throughput, as a whole: its quantiles belong to it. */
export function medianOf(rounds: readonly Measurement[]): Measurement {
  const sorted = rounds.toSorted((a, b) => a.opsPerSecond - b.opsPerSecond);
  const median = sorted[Math.floor((sorted.length - 1) / 2)];
  if (median === undefined) throw new Error('there was no round');
  return median;
}

/** How tables and floors call it. Reads are the same whatever the durability of writes. */
export function operationName(work: RoundWork): string {
  switch (work.kind) {
    case 'loop':
      if (work.verb === 'put+quorum') return 'put quorum';
      return work.verb === 'get' || work.verb === 'mget' ? work.verb : `${work.verb} ${work.durability}`;
    case 'mix':
      return `mix ${work.mix}`;
    case 'search':
      return work.fields === 1 ? 'search, 1 field' : 'search, 2 fields';
    case 'scan':
      return 'scan';
    case 'paced':
      return `put memory, ${work.ratePerSecond}/s`;
  }
  return unreachable(work);
}

/** Runs both sides in turns. Without a baseline, rounds of the subject alone. */
export async function measureCell(cell: Cell, { rounds, warmUpMs }: Rounds): Promise<Row> {
  const sides = cell.baseline === undefined ? [cell.subject] : [cell.subject, cell.baseline];
  const measured = new Map(sides.map((side): [Side, Measurement[]] => [side, []]));
  for (const { driver, work } of sides) {
    await driver.run('durationMs' in work ? { ...work, durationMs: warmUpMs } : work);
  }
  for (let round = 0; round < rounds; round += 1) {
    // The order turns round each time, so that neither side always runs after the other's disk traffic.
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      if (cell.settle === true) for (const { driver } of sides) await driver.run({ kind: 'settle' });
      measured.get(side)?.push(await side.driver.run(side.work));
    }
  }
  const ofSubject = measured.get(cell.subject) ?? [];
  const ofBaseline = cell.baseline === undefined ? [] : (measured.get(cell.baseline) ?? []);
  return rowOf(cell, ofSubject, ofBaseline);
}

function rowOf(cell: Cell, ofSubject: readonly Measurement[], ofBaseline: readonly Measurement[]): Row {
  const { section, callers, keys } = cell;
  const operation = operationName(cell.subject.work);
  const subject = medianOf(ofSubject);
  const baseline = ofBaseline.length === 0 ? undefined : medianOf(ofBaseline);
  const ratio = baseline === undefined ? undefined : subject.opsPerSecond / baseline.opsPerSecond;
  const floor = floorOf(section, operation, callers);
  return {
    section,
    operation,
    callers,
    keys,
    subject,
    baseline,
    subjectRounds: ofSubject.map((measurement) => Math.round(measurement.opsPerSecond)),
    baselineRounds: ofBaseline.map((measurement) => Math.round(measurement.opsPerSecond)),
    ratio,
    floor,
    passed: ratio === undefined || floor === undefined || ratio >= floor,
  };
}

export function describeRow(row: Row): string {
  return (
    `${row.section}: ${row.operation}, ${row.callers} callers: ${row.subjectRounds.join(', ')} ops/s` +
    (row.baseline === undefined ? '' : `, baseline ${row.baselineRounds.join(', ')} ops/s`)
  );
}

/** Measures every cell of a section on key sets that are loaded already. */
export async function compare(comparison: Comparison, rounds: Rounds, progress: Progress): Promise<Row[]> {
  const { section, keys, subject, baseline, durationMs, settle = false } = comparison;
  const rows: Row[] = [];
  for (const callers of comparison.callers) {
    for (const { verb, durability } of comparison.operations) {
      const work: LoopWork = { kind: 'loop', verb, durability, callers, keys, durationMs };
      const cell = {
        section,
        keys,
        callers,
        // What the puts before left to do in the background is none of a read's business.
        settle: settle || verb === 'get',
        subject: { driver: subject, work },
        baseline: baseline === undefined ? undefined : { driver: baseline, work },
      };
      const row = await measureCell(cell, rounds);
      rows.push(row);
      progress(describeRow(row));
    }
  }
  return rows;
}
