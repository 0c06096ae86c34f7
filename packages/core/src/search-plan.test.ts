import { expect, test } from 'vitest';
import type { Predicate } from './query.ts';
import { orderingPredicate, planSearch, predicateFilter, wantsProbe } from './search-plan.ts';

const gold: Predicate = { kind: 'equals', field: 'tier', value: 'gold' };
const paris: Predicate = { kind: 'equals', field: 'city', value: 'Paris' };
const named: Predicate = { kind: 'prefix', field: 'name', prefix: 'A' };
const adult: Predicate = { kind: 'range', field: 'age', from: { value: '18', inclusive: true }, to: undefined };
const many = Number.POSITIVE_INFINITY;

test('the order is by the first condition that is no equality, by key when all are', () => {
  expect(orderingPredicate([gold, adult, named])).toBe(adult);
  expect(orderingPredicate([gold, paris])).toBeUndefined();
});

test('equalities are joined, whatever their order is asked for', () => {
  for (const ordered of [true, false]) {
    expect(planSearch([gold, paris], [many, many], ordered)).toEqual({
      kind: 'intersect',
      equals: [gold, paris],
      filters: [],
    });
    expect(planSearch([gold], [], ordered)).toEqual({ kind: 'intersect', equals: [gold], filters: [] });
  }
});

test('an ordered search goes through the index of its order, an unordered one joins its equalities', () => {
  const where = [gold, named, adult];
  expect(planSearch(where, [many, many, many], true)).toEqual({
    kind: 'ordered',
    driver: named,
    filters: [gold, adult],
  });
  expect(planSearch(where, [many, many, many], false)).toEqual({
    kind: 'intersect',
    equals: [gold],
    filters: [named, adult],
  });
  expect(planSearch([named, adult], [many, many], false)).toEqual({ kind: 'ordered', driver: named, filters: [adult] });
});

test('the index with the fewest entries leads when it has few', () => {
  expect(planSearch([gold, named, paris], [90, many, 7], true)).toEqual({
    kind: 'few',
    driver: paris,
    filters: [gold, named],
  });
  // Nothing was looked at behind the one that has none.
  expect(planSearch([gold, named, paris], [many, 0], true)).toEqual({
    kind: 'few',
    driver: named,
    filters: [gold, paris],
  });
  expect(wantsProbe([gold])).toBe(false);
  expect(wantsProbe([gold, named])).toBe(true);
});

test('metadata is compared as its field is indexed', () => {
  const kindOf = (field: string) => (field === 'age' ? 'number' : 'text');
  const filter = (...where: Predicate[]) => predicateFilter(where, kindOf);
  expect(filter(adult)({ age: '18.0' })).toBe(true);
  expect(filter(adult)({ age: '9' })).toBe(false);
  expect(filter(adult)({ age: 'old' })).toBe(false);
  expect(filter({ kind: 'equals', field: 'age', value: '1e1' })({ age: '10' })).toBe(true);
  expect(filter({ kind: 'equals', field: 'tier', value: '1e1' })({ tier: '10' })).toBe(false);
  const below: Predicate = { kind: 'range', field: 'name', from: undefined, to: { value: 'b', inclusive: false } };
  expect(filter(below)({ name: 'az' })).toBe(true);
  expect(filter(below)({ name: 'b' })).toBe(false);
  expect(filter(named, gold)({ name: 'Ann', tier: 'gold' })).toBe(true);
  expect(filter(named, gold)({ name: 'Ann' })).toBe(false);
  expect(filter(named)(undefined)).toBe(false);
  expect(filter()(undefined)).toBe(true);
  expect(filter({ kind: 'prefix', field: 'toString', prefix: '' })({})).toBe(false);
});
