/**
 * `npm run simulate -- --from SEED --seeds N`: whole clusters in a simulated world, one for each seed. Ends with 1 when
 * a rule was broken, with the trace of the first failing seed and its faults, as few of them as still break it.
 */
import { parseArgs } from 'node:util';
import { planOf, runScenario } from './simulation/cluster-scenario.ts';
import type { FaultPlan } from './simulation/fault-plan.ts';
import { shrink } from './simulation/shrink.ts';

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '100' },
    shrink: { type: 'boolean', default: false },
  },
});

/** Each is a whole run. */
const maxShrinkRuns = 200;

function countOf(text: string, flag: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${flag} is a whole number from 1, not '${text}'`);
  return value;
}

async function breaks(plan: FaultPlan): Promise<boolean> {
  return (await runScenario(plan)).breaches.length > 0;
}

const from = countOf(values.from, 'from');
const seeds = countOf(values.seeds, 'seeds');
let broken = 0;
let operations = 0;
let epochs = 0;
const startMs = performance.now();
for (let seed = from; seed < from + seeds; seed += 1) {
  const result = await runScenario(planOf(seed));
  operations += result.figures.operations;
  epochs += result.epochCount;
  if (result.breaches.length === 0) continue;
  broken += 1;
  process.stderr.write(`seed ${seed}: ${result.breaches.map(({ rule, what }) => `${rule}: ${what}`).join('\n')}\n`);
  if (broken > 1) continue;
  const plan = values.shrink ? await shrink(result.plan, breaks, { maxRuns: maxShrinkRuns }) : result.plan;
  process.stderr.write(`${(await runScenario(plan)).describe()}\n`);
}
const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
process.stdout.write(
  `${seeds} seeds from ${from} in ${seconds} s: ${operations} operations, ${epochs} epochs; ` +
    `${broken} of them broke a rule\n`,
);
process.exitCode = broken === 0 ? 0 : 1;
