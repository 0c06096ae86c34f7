import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { ScenarioPlan } from '../simulation/cluster-scenario.ts';
import { parsePlans } from './errand.ts';

/**
 * A bug that is planted to see whether a simulation catches it. `mutants/NAME.patch` is the bug, and says which rule it
 * breaks; `mutants/NAME.json`, if there is one, runs that are known to show it.
 */
export interface Mutant {
  readonly name: string;
  /** Rules whose breach shows it: another one may be broken by the planting alone. */
  readonly rules: readonly string[];
  /** Seeds that are tried behind the run that is kept. */
  readonly seeds: readonly number[];
  /** Seeds that are tried after those, at most. */
  readonly limit: number;
  /**
   * A soak catches it within so many seeds that nobody has seen before: several times as many as it takes on average.
   * 0: it takes too rare a schedule, which only the kept runs have.
   */
  readonly freshSeeds: number;
}

const folder = new URL('../../mutants/', import.meta.url);

/** What callers were told is not true. */
const dataRules = [
  'linearizable',
  'session',
  'bounded',
  'durable',
  'sum',
  'replica',
  'quorum writes stay',
  'disk writes stay',
  'logs are prefixes',
] as const;

/** What was about to become untrue, seen at the step. */
const groupRules = [...dataRules, 'one acts at a time', 'a quorum has it'] as const;

function mutant(name: string, options: Partial<Omit<Mutant, 'name'>> = {}): Mutant {
  return { name, rules: dataRules, seeds: [], limit: 30, freshSeeds: 0, ...options };
}

export const mutants: readonly Mutant[] = [
  mutant('no-lease-check', { rules: groupRules, freshSeeds: 60 }),
  mutant('quorum-off-by-one', { rules: groupRules, freshSeeds: 20 }),
  mutant('acknowledged-before-sync', { rules: ['syncs have come back'], freshSeeds: 20 }),
  mutant('epoch-unchecked-on-streams', { rules: groupRules }),
  mutant('logs-compared-by-member-epoch', { rules: groupRules }),
  mutant('promise-not-durable', { rules: ['promises are safe'], freshSeeds: 20 }),
  mutant('no-opening-entry', { rules: ['epochs are opened'], freshSeeds: 20 }),
  mutant('learner-counted', { rules: groupRules }),
  mutant('snapshot-without-tail', { rules: groupRules }),
  mutant('view-ahead-of-log', { rules: ['views follow logs'], freshSeeds: 20 }),
  mutant('stale-session-read', { freshSeeds: 200 }),
  mutant('joint-rule-left-out', { rules: groupRules }),
  mutant('granted-lease-forgotten', { rules: groupRules }),
  mutant('retry-carried-out-twice', { freshSeeds: 500 }),
  mutant('suspend-unnoticed', { rules: groupRules }),
  mutant('dropped-pages-trusted', { rules: ['stores stay'], seeds: [29], freshSeeds: 500 }),
  mutant('suspend-unnoticed-by-replica', { rules: ['bounded'], limit: 0 }),
  mutant('beacon-counted-before-match', { rules: ['bounded'], limit: 0 }),
];

export function patchOf(name: string): Promise<string> {
  return readFile(fileURLToPath(new URL(`${name}.patch`, folder)), 'utf8');
}

/** The runs that are known to show a mutant; none: the drawn ones do. */
export async function plansOf(name: string): Promise<readonly ScenarioPlan[]> {
  const text = await readFile(fileURLToPath(new URL(`${name}.json`, folder)), 'utf8').catch(() => '[]');
  return parsePlans(text);
}

export async function keepPlans(name: string, plans: readonly ScenarioPlan[]): Promise<void> {
  await writeFile(fileURLToPath(new URL(`${name}.json`, folder)), `${JSON.stringify(plans, undefined, 2)}\n`);
}
