/**
 * Random faults on real processes, judged by what callers saw. `npm test` runs one short round; `npm run soak` runs
 * rounds for `EDIS_SOAK_MINUTES` (30), from `EDIS_SOAK_SEED` (1) on, and leaves its report in the file
 * `EDIS_SOAK_REPORT`, if that is given.
 */
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Soak } from '../soak/soak.ts';
import type { RoundFigures } from '../soak/soak-figures.ts';
import { progressLine, reportMarkdown, reportOf } from '../soak/soak-report.ts';
import { printFigure } from './failover-load.ts';
import { soak } from './scale.ts';

const minuteMs = 60_000;
/** What is allowed for starting, healing and judging besides. */
const patienceMs = 4 * minuteMs;

function option(name: string, otherwise: number): number {
  const text = process.env[name] ?? String(otherwise);
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new Error(`${name} is no number: ${text}`);
  return value;
}

const minutes = option('EDIS_SOAK_MINUTES', soak ? 30 : 0);
const seed = option('EDIS_SOAK_SEED', 1);
const faultMs = minutes === 0 ? 6000 : 22_000;

test('random faults on all processes and links break no rule', {
  timeout: minutes * minuteMs + patienceMs,
}, async () => {
  const rounds: RoundFigures[] = [];
  const evidence = join(tmpdir(), `edis-soak-${process.pid}`);
  const startMs = performance.now();
  const receipts = await Soak.run({
    ...{ seed, faultMs, evidence },
    goesOn: (count) => count === 0 || performance.now() - startMs < minutes * minuteMs,
    onRound: (round) => {
      rounds.push(round);
      printFigure(progressLine(round, rounds.length, performance.now() - startMs));
    },
  });
  const report = reportOf(rounds, minutes, receipts);
  printFigure(reportMarkdown(report));
  const path = process.env['EDIS_SOAK_REPORT'];
  if (path !== undefined) await writeFile(path, `${JSON.stringify(report, undefined, 2)}\n`);
  expect(report.violations, `histories and logs are in ${evidence}`).toEqual([]);
  // Callers got through, and what they were told could be looked for.
  expect(report.figures.durableWrites).toBeGreaterThan(100);
});
