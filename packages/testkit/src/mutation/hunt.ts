/**
 * The program that a copy with a planted bug is bundled to: reads an errand from its standard input, runs simulated
 * clusters until one of them breaks a rule that shows the bug, and prints what it saw as one line of JSON.
 */
import { text } from 'node:stream/consumers';
import type { ScenarioPlan } from '../simulation/cluster-scenario.ts';
import { planOf, runScenario } from '../simulation/cluster-scenario.ts';
import { shrink } from '../simulation/shrink.ts';
import type { Catch, Errand, Prey } from './errand.ts';
import { parseErrand } from './errand.ts';

const breachLength = 600;

/** One run, and its first breach that counts. */
async function run(plan: ScenarioPlan, rules: readonly string[]) {
  const result = await runScenario(plan).catch((caught: unknown) => {
    const what = caught instanceof Error ? (caught.stack ?? caught.message) : String(caught);
    return { breaches: [{ rule: 'the run ends', what }], describe: () => what };
  });
  return { result, breach: result.breaches.find(({ rule }) => rules.length === 0 || rules.includes(rule)) };
}

/** The runs to make, in their order. */
function* preyOf({ plans, seeds, from, count }: Errand): Generator<ScenarioPlan> {
  // What a kept plan says nothing about, because shapes had no such figure then, is as in any run of its seed.
  for (const plan of plans) yield { ...plan, shape: { ...planOf(plan.seed).shape, ...plan.shape } };
  for (const seed of seeds) yield planOf(seed);
  for (let seed = from; seed < from + count; seed += 1) if (!seeds.includes(seed)) yield planOf(seed);
}

async function hunt(errand: Errand): Promise<Catch> {
  const { rules, enough, shrinkRuns, describes } = errand;
  const caught: Prey[] = [];
  const others: string[] = [];
  let runs = 0;
  for (const plan of preyOf(errand)) {
    runs += 1;
    const { result, breach } = await run(plan, rules);
    if (breach === undefined) {
      others.push(...result.breaches.map(({ rule, what }) => `seed ${plan.seed}: ${rule}: ${what}`));
      continue;
    }
    const { rule, what } = breach;
    const shrunk =
      shrinkRuns === 0
        ? plan
        : await shrink(plan, async (less) => (await run(less, rules)).breach !== undefined, { maxRuns: shrinkRuns });
    const story = describes ? (await run(shrunk, rules)).result.describe() : '';
    caught.push({ seed: plan.seed, rule, what: what.slice(0, breachLength), plan: shrunk, story });
    if (caught.length >= enough) break;
  }
  return {
    runs,
    caught,
    others: others.map((line) => line.slice(0, breachLength)),
    cpuMs: process.cpuUsage().user / 1000,
  };
}

const errand = parseErrand(await text(process.stdin));
// What a run left behind, a timer that was never stopped say, must not keep the process.
process.stdout.write(`${JSON.stringify(await hunt(errand))}\n`, () => process.exit());
