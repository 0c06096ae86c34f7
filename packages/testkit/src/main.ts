/**
 * `npm run simulate -- --from SEED --seeds N`: whole clusters in a simulated world, one for each seed. Ends with 1 when
 * a rule was broken, with the trace of the first failing seed and its faults, as few of them as still break it; or when
 * the order of operations could not be decided in more than one seed of a thousand.
 *
 * Ctrl-C ends it after the seed that runs, with the summary of those that ran.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { getActiveResourcesInfo } from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { EdisError } from '@edis/core';
import type { ScenarioPlan } from './simulation/cluster-scenario.ts';
import { planOf, runScenario } from './simulation/cluster-scenario.ts';
import { shrink } from './simulation/shrink.ts';
import type { SimulationSummary } from './simulation/simulation-summary.ts';
import { addSummaries, emptySummary, isSound, parseSummary, summaryLine } from './simulation/simulation-summary.ts';

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '100' },
    steps: { type: 'string' },
    jobs: { type: 'string', default: '1' },
    shrink: { type: 'boolean', default: false },
    first: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const help = `npm run simulate -- [--from SEED] [--seeds N] [--steps M] [--jobs N] [--shrink] [--first] [--json]

  --from SEED   first seed [1]
  --seeds N     so many of them [100]
  --steps M     faults and work of a run end after M events at the latest, then it heals and is judged
  --jobs N      so many processes at once [1]
  --shrink      leave out faults of the first failing seed as long as it still fails, and print that plan
  --first       stop at the first failing seed
  --json        the summary as JSON
`;

/** Each is a whole run. */
const maxShrinkRuns = 200;
/** What one process of several runs before it asks for more. */
const sliceSeeds = 25;
const progressMs = 1000;

let interrupted = false;
const children = new Set<ChildProcess>();
process.on('SIGINT', () => {
  for (const child of children) child.kill('SIGINT');
  if (interrupted) process.exit(130);
  interrupted = true;
});

function countOf(text: string, flag: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${flag} is a whole number from 1, not '${text}'`);
  return value;
}

const from = countOf(values.from, 'from');
const seeds = countOf(values.seeds, 'seeds');
const jobs = countOf(values.jobs, 'jobs');
const limits = values.steps === undefined ? {} : { maxEvents: countOf(values.steps, 'steps') };
let summary = emptySummary(from);
let shownMs = performance.now();

/** A line that is written over, for people; on a pipe there is only the summary. */
function showProgress(): void {
  if (!process.stderr.isTTY || performance.now() - shownMs < progressMs) return;
  shownMs = performance.now();
  process.stderr.write(`\r${summary.seeds} of ${seeds} seeds, ${summary.broken.length} broke a rule `);
}

async function breaks(plan: ScenarioPlan): Promise<boolean> {
  return (await runScenario(plan, limits)).breaches.length > 0;
}

async function runSeed(seed: number): Promise<void> {
  const startMs = performance.now();
  const result = await runScenario(planOf(seed), limits);
  const rules = [...new Set(result.breaches.map(({ rule }) => rule))];
  summary = addSummaries(summary, {
    from,
    seeds: 1,
    seconds: (performance.now() - startMs) / 1000,
    events: result.eventCount,
    operations: result.figures.operations,
    epochs: result.epochCount,
    receipted: result.figures.receipted,
    broken: rules.length > 0 ? [{ seed, rules }] : [],
    undecided: result.undecided.length > 0 ? [seed] : [],
    digest: result.digest,
  });
  showProgress();
  if (rules.length === 0) return;
  process.stderr.write(`seed ${seed}: ${result.breaches.map(({ rule, what }) => `${rule}: ${what}`).join('\n')}\n`);
  if (summary.broken.length > 1 || jobs > 1) return;
  const plan = values.shrink ? await shrink(result.plan, breaks, { maxRuns: maxShrinkRuns }) : result.plan;
  process.stderr.write(`${(await runScenario(plan, limits)).describe()}\n`);
  if (values.shrink) process.stderr.write(`${JSON.stringify(plan)}\n`);
}

function isOver(): boolean {
  return interrupted || (values.first && summary.broken.length > 0);
}

async function runHere(): Promise<void> {
  for (let seed = from; seed < from + seeds && !isOver(); seed += 1) await runSeed(seed);
}

/** A slice in a process of its own: the simulated time needs the event loop for itself. */
function runSlice(sliceFrom: number, count: number): Promise<SimulationSummary> {
  const steps = values.steps === undefined ? [] : ['--steps', values.steps];
  const args = ['--from', String(sliceFrom), '--seeds', String(count), '--json', ...steps];
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // A Ctrl-C is for the one that waits for them all: a second one would end them without a summary.
    detached: true,
  });
  children.add(child);
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => {
      children.delete(child);
      try {
        resolve(parseSummary(text));
      } catch (caught) {
        reject(EdisError.from(caught));
      }
    });
  });
}

async function runInProcesses(): Promise<void> {
  let next = from;
  const work = async (): Promise<void> => {
    while (next < from + seeds && !isOver()) {
      const sliceFrom = next;
      next += sliceSeeds;
      const slice = await runSlice(sliceFrom, Math.min(sliceSeeds, from + seeds - sliceFrom));
      summary = addSummaries(summary, slice);
      showProgress();
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
}

if (values.help) {
  process.stdout.write(help);
} else {
  const startMs = performance.now();
  await (jobs > 1 ? runInProcesses() : runHere());
  summary = { ...summary, seconds: (performance.now() - startMs) / 1000 };
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  process.stdout.write(`${values.json ? JSON.stringify(summary) : summaryLine(summary)}\n`);
  process.exitCode = isSound(summary) ? 0 : 1;
  if (getActiveResourcesInfo().includes('Timeout')) {
    process.stderr.write('a real timer is left: something does not take its timers from its surroundings\n');
    process.exit(1);
  }
}
