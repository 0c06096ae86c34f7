import { expect, test } from 'vitest';
import { planOf, runScenario } from './cluster-scenario.ts';

/** `npm run simulate` runs as many as it is asked for. */
const seedCount = 25;
const firstSeed = 1;

test('whatever befalls a simulated cluster, no rule is broken, and it heals', { timeout: 120_000 }, async () => {
  for (let seed = firstSeed; seed < firstSeed + seedCount; seed += 1) {
    const result = await runScenario(planOf(seed));
    expect(result.breaches, `seed ${seed}: ${result.breaches.length > 0 ? result.describe() : ''}`).toEqual([]);
  }
});

test.each([[189, 'a replica that woke from a suspend took itself for fresh: its monotonic clock had stood still']])(
  'seed %i keeps all rules: %s',
  async (seed) => {
    expect((await runScenario(planOf(seed))).breaches).toEqual([]);
  },
);

test('one seed is one run, event by event', async () => {
  const runs = [await runScenario(planOf(7)), await runScenario(planOf(7))];
  expect(runs[0]?.digest).toBe(runs[1]?.digest);
  expect(runs[0]?.eventCount).toBeGreaterThan(1000);
});
