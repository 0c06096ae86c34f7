/**
 * `node packages/testkit/dist/mutation/main.js NAME … --from SEED --seeds N`: looks for runs that show the named
 * mutants, all of them if none is named. `--shrink` leaves out faults that are not needed, `--keep` writes the plans
 * that are left beside the patch, `--describe` prints the trace.
 */
import { parseArgs } from 'node:util';
import { hunt } from './hunting.ts';
import type { Mutant } from './mutants.ts';
import { keepPlans, mutants, patchOf } from './mutants.ts';
import { SourceCopy } from './source-copy.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    from: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '100' },
    shrink: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    describe: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
  },
});

/** Each is a whole run. */
const maxShrinkRuns = 120;
/** One may not show it any more when something else has changed. */
const maxKept = 3;
const timeoutMs = 3_600_000;

async function find(copy: SourceCopy, mutant: Mutant): Promise<void> {
  const program = await copy.plant(mutant.name, await patchOf(mutant.name));
  const errand = {
    plans: [],
    seeds: [],
    from: Number(values.from),
    count: Number(values.seeds),
    rules: mutant.rules,
    enough: values.all ? Number.MAX_SAFE_INTEGER : 1,
    shrinkRuns: values.shrink ? maxShrinkRuns : 0,
    describes: values.describe,
  };
  const { runs, caught, others, cpuMs } = await hunt(program, errand, timeoutMs);
  const seconds = (cpuMs / 1000).toFixed(1);
  process.stdout.write(`${mutant.name}: ${caught.length} of ${runs} runs show it, ${seconds} s\n`);
  for (const { seed, rule, what, plan, story } of caught) {
    process.stdout.write(`  seed ${seed}, ${plan.faults.length} faults, ${rule}: ${what}\n${story}`);
  }
  for (const other of others.slice(0, 3)) process.stdout.write(`  besides, ${other}\n`);
  if (values.keep && caught.length > 0) await keepPlans(mutant.name, caught.map(({ plan }) => plan).slice(0, maxKept));
}

const copy = await SourceCopy.make();
try {
  const named = mutants.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  for (const mutant of named) await find(copy, mutant);
} finally {
  await copy.remove();
}
