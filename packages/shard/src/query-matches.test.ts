import type { Predicate, SearchPlace } from '@edis/core';
import { indexKindOf, orderingPredicate } from '@edis/core';
import { realTimers } from '@edis/process';
import type { ViewReader } from '@edis/store';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FakeStore, nowMs, oracleSearch, patience, recordOf, settings } from './query-fixture.ts';
import { matchesOf } from './query-matches.ts';
import { predicate, records } from './query-records-fixture.ts';
import { QueryWork } from './query-work.ts';

interface Search {
  readonly where: readonly Predicate[];
  readonly after: SearchPlace | undefined;
  readonly maxFewEntries: number;
}

async function keysOf(view: ViewReader, { where, after, maxFewEntries }: Search, ordered: boolean): Promise<string[]> {
  const work = new QueryWork(patience(), realTimers, () => performance.now());
  const keys: string[] = [];
  const matches = matchesOf({
    view,
    keyspace: 1,
    where,
    kindOf: (field) => indexKindOf(settings, field),
    after,
    ordered,
    nowMs,
    work,
    maxFewEntries,
    averageBytes: 100,
    wanted: () => 2,
  });
  for await (const portion of matches) keys.push(...portion.map(({ record }) => record.key));
  work.close();
  return keys;
}

test('whichever index a search goes through, it finds the same in the same order, from any place on', async () => {
  await fc.assert(
    fc.asyncProperty(
      records,
      fc.array(predicate, { minLength: 1, maxLength: 4 }),
      fc.constantFrom(-1, 0, 3, 512),
      fc.integer({ min: 1, max: 9 }),
      fc.nat(),
      async (stored, where, maxFewEntries, pageItems, seed) => {
        const store = new FakeStore(stored);
        store.pageItems = pageItems;
        const view = await store.openView(7);
        const expected = oracleSearch(stored, where);
        const start = seed % (expected.length + 1);
        const last = expected[start - 1];
        const value = last?.metadata?.[orderingPredicate(where)?.field ?? ''] ?? '';
        const after = last === undefined ? undefined : { value, key: last.key };
        const keys = expected.map(({ key }) => key);
        expect(await keysOf(view, { where, after, maxFewEntries }, true)).toEqual(keys.slice(start));
        const unordered = await keysOf(view, { where, after: undefined, maxFewEntries }, false);
        expect(unordered.sort()).toEqual([...keys].sort());
      },
    ),
    { numRuns: 600 },
  );
});

test('values that lie apart in the order of the keys are joined by leaps', async () => {
  const tier = (prefix: string, name: string, count: number) =>
    Array.from({ length: count }, (_, index) => recordOf(`${prefix}${String(index).padStart(5, '0')}`, { tier: name }));
  const both = [recordOf('m', { tier: 'gold', city: 'x' }), recordOf('z', { tier: 'gold', city: 'x' })];
  const cities = Array.from({ length: 1000 }, (_, index) =>
    recordOf(`n${String(index).padStart(5, '0')}`, { city: 'x' }),
  );
  const store = new FakeStore([...tier('a', 'gold', 5000), ...tier('s', 'gold', 5000), ...both, ...cities]);
  store.pageItems = 50;
  const where: Predicate[] = [
    { kind: 'equals', field: 'tier', value: 'gold' },
    { kind: 'equals', field: 'city', value: 'x' },
  ];
  const view = await store.openView(7);
  expect(await keysOf(view, { where, after: undefined, maxFewEntries: 0 }, true)).toEqual(['m', 'z']);
  expect(store.itemsRead).toBeLessThan(2000);
});
