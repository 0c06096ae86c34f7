import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Errand } from './errand.ts';
import { hunt } from './hunting.ts';
import type { Mutant } from './mutants.ts';
import { mutants, patchOf, plansOf } from './mutants.ts';
import { SourceCopy } from './source-copy.ts';

const isSoak = process.env['EDIS_SOAK'] === '1';
/** A soak looks at runs that nobody has seen before. */
const freshSeed = Date.now() % 1_000_000_000;
const timeoutMs = isSoak ? 1_800_000 : 240_000;
/** Each is a process that is busy all the time. */
const maxHunts = 2;

let copy: SourceCopy;

beforeAll(async () => {
  copy = await SourceCopy.make();
});

afterAll(async () => {
  await copy.remove();
});

/** Lets so many pieces of work run at once, in the order in which they came. */
function gate(places: number): <T>(work: () => Promise<T>) => Promise<T> {
  const lanes = Array.from({ length: places }, () => Promise.resolve());
  let next = 0;
  return (work) => {
    const lane = next++ % places;
    const done = (lanes[lane] ?? Promise.resolve()).then(work);
    lanes[lane] = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  };
}

const alone = gate(1);
const hunting = gate(maxHunts);

/** A program with that bug in it; with none: the program as it is. */
function programOf(mutant: Mutant | undefined): Promise<string> {
  return alone(async () => {
    return mutant === undefined ? copy.bundle('control') : copy.plant(mutant.name, await patchOf(mutant.name));
  });
}

async function errandFor({ name, rules, seeds, limit, freshSeeds }: Mutant): Promise<Errand> {
  const rest = { rules, enough: 1, shrinkRuns: 0, describes: false };
  if (isSoak && freshSeeds > 0) return { ...rest, plans: [], seeds: [], from: freshSeed, count: freshSeeds };
  return { ...rest, plans: await plansOf(name), seeds, from: 1, count: limit };
}

describe.concurrent('a planted bug is caught', () => {
  test.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
    '%s',
    { timeout: timeoutMs },
    async (_, mutant) => {
      const program = await programOf(mutant);
      const errand = await errandFor(mutant);
      const { caught, runs, others } = await hunting(() => hunt(program, errand, timeoutMs));
      const seen = [`not caught in ${runs} runs from seed ${errand.from}`, ...others].join('\n');
      expect(
        caught.map(({ rule }) => rule),
        seen,
      ).toHaveLength(1);
    },
  );

  test('and none is seen where none was planted', { timeout: timeoutMs }, async () => {
    const program = await programOf(undefined);
    const errands = await Promise.all(mutants.map(errandFor));
    const errand = {
      plans: errands.flatMap(({ plans }) => plans),
      seeds: [...new Set(errands.flatMap(({ seeds }) => seeds))],
      from: freshSeed,
      count: isSoak ? 100 : 0,
      rules: [],
      enough: Number.MAX_SAFE_INTEGER,
      shrinkRuns: 0,
      describes: false,
    };
    const { caught, runs } = await hunting(() => hunt(program, errand, timeoutMs));
    expect(caught.map(({ seed, rule, what }) => `seed ${seed}: ${rule}: ${what}`)).toEqual([]);
    expect(runs).toBeGreaterThan(0);
  });
});

test('a patch that does not apply is refused, and says so', async () => {
  const patch = [
    '--- a/packages/core/src/quorum.ts',
    '+++ b/packages/core/src/quorum.ts',
    '@@ -1,1 +1,1 @@',
    '-export const noSuchLine = 1;',
    '+export const noSuchLine = 2;',
    '',
  ].join('\n');
  await expect(copy.plant('stale', patch)).rejects.toThrow(
    'mutant stale does not apply to packages/core/src/quorum.ts',
  );
  await expect(copy.plant('empty', 'nothing\n')).rejects.toThrow('mutant empty changes no file');
});

test('what is planted is in the program that runs, and in no original', async () => {
  const planted = 'memberCount === 4711';
  const patch = [
    '--- a/packages/core/src/quorum.ts',
    '+++ b/packages/core/src/quorum.ts',
    '@@ -2,3 +2,4 @@',
    ' export function quorumOf(memberCount: number): number {',
    `+  if (${planted}) return 0;`,
    '   return Math.floor(memberCount / 2) + 1;',
    ' }',
    '',
  ].join('\n');
  const { program, original } = await alone(async () => {
    const program = await readFile(await copy.plant('marked', patch), 'utf8');
    return { program, original: await readFile(await copy.bundle('plain'), 'utf8') };
  });
  expect(program).toContain('4711');
  expect(original).not.toContain('4711');
});
