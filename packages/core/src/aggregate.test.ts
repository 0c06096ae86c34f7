import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { MergedGroup } from './aggregate.ts';
import { Aggregation, mergeGroups, topGroups } from './aggregate.ts';
import { parseDecimal } from './decimal.ts';
import { limits } from './limits.ts';
import type { AggregateGroup, Measure } from './query.ts';

const measures: readonly Measure[] = [
  { kind: 'count', field: '' },
  { kind: 'sum', field: 'size' },
  { kind: 'min', field: 'size' },
  { kind: 'max', field: 'size' },
  { kind: 'average', field: 'size' },
  { kind: 'max', field: 'age' },
];

type Fields = Readonly<Record<string, string>>;

function accumulate(records: readonly Fields[], groupBy: string, wanted = measures): readonly AggregateGroup[] {
  const sums = new Aggregation(wanted, groupBy);
  for (const record of records) expect(sums.add('key', record)).toBeUndefined();
  const groups = sums.finish();
  if ('cause' in groups) throw new Error(groups.message);
  return groups;
}

const number = fc.oneof(
  fc.integer({ min: -1000, max: 1000 }).map(String),
  fc.maxSafeInteger().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.constantFrom('0.1', '0.10', '1e3', '1000', '-12.50', '9007199254740993', '9007199254740992.5', '1e-30'),
);

const record: fc.Arbitrary<Fields> = fc.record(
  { tier: fc.constantFrom('', 'gold', 'iron', '\u{1f600}', '\uffff'), size: number, age: number },
  { requiredKeys: [] },
);

test('records that are spread over any shards add up to what one pass over all gives', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(record, fc.nat({ max: 4 })), { maxLength: 40 }),
      fc.constantFrom('', 'tier'),
      (placed, groupBy) => {
        const all = placed.map(([fields]) => fields);
        const shards = [0, 1, 2, 3, 4].map((shard) =>
          placed.filter(([, at]) => at === shard).map(([fields]) => fields),
        );
        const merged = mergeGroups(
          measures,
          shards.map((fields) => accumulate(fields, groupBy)),
        );
        expect(merged).toEqual(mergeGroups(measures, [accumulate(all, groupBy)]));
        expect(merged).toEqual(mergeGroups(measures, [accumulate([...all].reverse(), groupBy)]));
      },
    ),
    { numRuns: 300 },
  );
});

test('sums of integers are exact beyond what a double holds', () => {
  fc.assert(
    fc.property(
      fc.array(fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }), { minLength: 1, maxLength: 50 }),
      (sizes) => {
        const [group] = mergeGroups(measures, [
          accumulate(
            sizes.map((size) => ({ size: String(size) })),
            '',
          ),
        ]);
        expect(group?.results[1]?.exact).toBe(String(sizes.reduce((sum, size) => sum + size, 0n)));
        expect(group?.results[2]?.exact).toBe(String(sizes.reduce((least, size) => (size < least ? size : least))));
        expect(group?.results[3]?.exact).toBe(String(sizes.reduce((most, size) => (size > most ? size : most))));
      },
    ),
  );
});

test('a group counts all its records, and a measure those that have the field', () => {
  const records = [{ tier: 'gold', size: '1.5' }, { tier: 'gold' }, { tier: 'iron' }, { size: '7' }];
  const [gold, iron, ...rest] = mergeGroups(measures, [accumulate(records, 'tier')]);
  expect(rest).toEqual([]);
  expect(gold).toMatchObject({ group: 'gold', count: 2 });
  expect(gold?.results.slice(0, 5)).toEqual([
    { value: 2, exact: '2' },
    { value: 1.5, exact: '1.5' },
    { value: 1.5, exact: '1.5' },
    { value: 1.5, exact: '1.5' },
    { value: 1.5, exact: '1.5' },
  ]);
  expect(iron?.results[1]).toEqual({ value: undefined, exact: undefined });
  expect(mergeGroups(measures, [accumulate([], '')])[0]).toMatchObject({ group: '', count: 0 });
  expect(mergeGroups(measures, [accumulate([], 'tier')])).toEqual([]);
});

test('a property that every object has is no field', () => {
  const wanted: Measure[] = [{ kind: 'sum', field: 'constructor' }];
  expect(accumulate([{ size: '1' }], 'toString', wanted)).toEqual([]);
  expect(accumulate([{ size: '1' }], '', wanted)[0]?.parts[0]?.count).toBe(0);
});

test('what is no number ends the aggregate, naming field and record', () => {
  const sums = new Aggregation(measures, '');
  expect(sums.add('user-7', { size: 'large' })).toMatchObject({ cause: 'not-a-number' });
  expect(sums.add('user-7', { size: 'large' })?.message).toMatch(/"size".*"user-7".*"large"/);
});

test('too many groups, by number or by bytes, end the aggregate', () => {
  const wanted: Measure[] = [{ kind: 'count', field: '' }];
  const many = new Aggregation(wanted, 'tier');
  for (let index = 0; index < limits.maxGroups; index += 1) many.add('', { tier: String(index) });
  expect(many.add('', { tier: '0' })).toBeUndefined();
  expect(many.add('', { tier: 'one more' })).toMatchObject({ cause: 'too-many-groups' });
  expect(many.finish()).toMatchObject({ cause: 'too-many-groups' });

  const long = new Aggregation(wanted, 'tier');
  let fault: unknown;
  for (let index = 0; index < 1000 && fault === undefined; index += 1) {
    fault = long.add('', { tier: `${index}${'x'.repeat(16_000)}` });
  }
  expect(fault).toMatchObject({ cause: 'too-many-groups' });
});

function top(records: readonly Fields[], by: number, count: number): readonly string[] {
  return topGroups(mergeGroups(measures, [accumulate(records, 'tier')]), measures, by, count).map(({ group }) => group);
}

test('the top groups are those with the greatest values, compared exactly; without a value they come last', () => {
  const records = [
    { tier: 'a', size: '9007199254740993' },
    { tier: 'b', size: '9007199254740992' },
    { tier: 'c', size: '9007199254740993.0' },
    { tier: 'd' },
  ];
  expect(top(records, 1, 9)).toEqual(['a', 'c', 'b', 'd']);
  expect(top(records, 4, 2)).toEqual(['a', 'c']);
  expect(top([...records, { tier: 'd' }], 0, 1)).toEqual(['d']);
});

test('averages are compared as fractions', () => {
  // 1/3 and the decimal that is nearest to it below.
  const records = [
    ...['1', '0', '0'].map((size) => ({ tier: 'third', size })),
    { tier: 'under', size: `0.${'3'.repeat(40)}` },
  ];
  expect(top(records, 4, 1)).toEqual(['third']);
});

test('groups of any order and any split have the same top', () => {
  const all = fc.array(fc.record({ tier: fc.constantFrom('a', 'b', 'c', 'd'), size: number }), { maxLength: 30 });
  fc.assert(
    fc.property(all, fc.nat({ max: 4 }), (records, by) => {
      const merged = mergeGroups(measures, [accumulate(records, 'tier')]);
      const backwards: readonly MergedGroup[] = [...merged].reverse();
      expect(topGroups(merged, measures, by, 4)).toEqual(topGroups(backwards, measures, by, 4));
      const exact = topGroups(merged, measures, 1, 4).map(({ results }) => Number(results[1]?.exact));
      expect(exact).toEqual([...exact].sort((left, right) => right - left));
    }),
  );
});

test('an answer that does not fit the question is refused', () => {
  const part = { count: 1, sum: 'x', min: '1', max: '1' };
  const one: Measure[] = [{ kind: 'sum', field: 'size' }];
  expect(() => mergeGroups(one, [[{ group: '', count: 1, parts: [part] }]])).toThrow(/cannot be read/);
  expect(() => mergeGroups(one, [[{ group: '', count: 1, parts: [] }]])).toThrow(/cannot be read/);
  expect(parseDecimal('x')).toBeUndefined();
});
