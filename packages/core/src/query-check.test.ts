import { expect, test } from 'vitest';
import type { KeyspaceSettings } from './keyspace-settings.ts';
import { defaultKeyspaceSettings } from './keyspace-settings.ts';
import { limits } from './limits.ts';
import type { AggregateRequest, Measure, Predicate, QueryHead, SearchRequest } from './query.ts';
import { checkAggregate, checkScan, checkSearch } from './query-check.ts';

const head: QueryHead = {
  shard: '',
  epoch: 0,
  revision: 0,
  keyspace: 0,
  consistency: 'eventual',
  after: undefined,
  maxStalenessMs: 0,
};

const settings: KeyspaceSettings = {
  ...defaultKeyspaceSettings,
  indexedFields: [
    { field: 'tier', kind: 'text' },
    { field: 'age', kind: 'number' },
  ],
};

function search(where: readonly Predicate[], change: Partial<SearchRequest> = {}) {
  return checkSearch({ head, where, after: undefined, maxRecords: 0, keysOnly: false, ...change }, settings);
}

function aggregate(change: Partial<AggregateRequest>) {
  return checkAggregate(
    { head, where: [], groupBy: '', measures: [{ kind: 'count', field: '' }], ...change },
    settings,
  );
}

const gold: Predicate = { kind: 'equals', field: 'tier', value: 'gold' };
const adult: Predicate = { kind: 'range', field: 'age', from: { value: '18', inclusive: true }, to: undefined };

test('what is right has no fault', () => {
  expect(search([gold, adult])).toBeUndefined();
  expect(
    search([gold, adult], { after: { value: '18.5', key: 'k' }, maxRecords: limits.maxPageRecords }),
  ).toBeUndefined();
  expect(search([gold], { after: { value: '', key: 'k' } })).toBeUndefined();
  expect(aggregate({ where: [gold], groupBy: 'city', measures: [{ kind: 'sum', field: 'size' }] })).toBeUndefined();
  const anything: Predicate[] = [{ kind: 'prefix', field: 'whatever', prefix: '' }];
  expect(
    checkSearch({ head, where: anything, after: undefined, maxRecords: 1, keysOnly: true }, defaultKeyspaceSettings),
  ).toBeUndefined();
  expect(
    checkScan({ head, from: 'k'.repeat(limits.maxKeyBytes + 1), to: '', maxRecords: 0, keysOnly: true }),
  ).toBeUndefined();
});

test('a condition that the index cannot answer is refused with its cause', () => {
  const range = (field: string, value: string): Predicate => ({
    kind: 'range',
    field,
    from: undefined,
    to: { value, inclusive: true },
  });
  expect(search([{ kind: 'equals', field: 'shoe', value: '1' }])).toEqual({
    cause: 'field-not-indexed',
    message: 'the field "shoe" is not indexed; the keyspace indexes "tier", "age"',
  });
  expect(search([{ kind: 'prefix', field: 'age', prefix: '1' }])?.message).toMatch(
    /"age" is indexed as a number, which has no prefix/,
  );
  expect(search([range('age', 'ten')])).toEqual({
    cause: 'not-a-number',
    message: 'the upper bound for "age" is "ten", which is no number; the field is indexed as a number',
  });
  expect(search([{ kind: 'equals', field: 'age', value: '' }])?.cause).toBe('not-a-number');
  expect(search([{ kind: 'range', field: 'tier', from: undefined, to: undefined }])?.message).toMatch(/no bound/);
});

test('limits are named', () => {
  expect(search([])?.message).toMatch(/no condition/);
  expect(search(Array.from({ length: limits.maxPredicates + 1 }, () => gold))?.message).toMatch(/at most 16/);
  expect(search([{ ...gold, value: 'x'.repeat(limits.maxMetadataBytes + 1) }])?.message).toMatch(/at most 16384 bytes/);
  for (const maxRecords of [-1, 0.5, limits.maxPageRecords + 1]) {
    expect(search([gold], { maxRecords })?.message).toMatch(/give 1 to 10000/);
  }
  const long = 'k'.repeat(limits.maxKeyBytes + 2);
  expect(checkScan({ head, from: long, to: '', maxRecords: 0, keysOnly: false })?.cause).toBe('key-too-large');
  expect(checkScan({ head, from: '', to: long, maxRecords: 0, keysOnly: false })?.cause).toBe('key-too-large');
});

test('a place of another search is refused', () => {
  expect(search([gold], { after: { value: 'x', key: 'k' } })?.message).toMatch(/belongs to another search/);
  expect(search([adult], { after: { value: 'x', key: 'k' } })?.cause).toBe('not-a-number');
});

test('an aggregate has measures, and each its field', () => {
  const count: Measure = { kind: 'count', field: '' };
  expect(aggregate({ measures: [] })?.message).toMatch(/no measure/);
  expect(aggregate({ measures: Array.from({ length: limits.maxMeasures + 1 }, () => count) })?.message).toMatch(
    /at most 16/,
  );
  expect(aggregate({ measures: [{ kind: 'sum', field: '' }] })?.message).toMatch(/sum has no field/);
  expect(aggregate({ measures: [{ kind: 'count', field: 'x' }] })?.message).toMatch(/count has a field/);
  expect(aggregate({ where: [{ kind: 'equals', field: 'shoe', value: '1' }] })?.cause).toBe('field-not-indexed');
});
