import { expect, test } from 'vitest';
import { sortByShard } from './shard-order.ts';

test('shards are in the order of their numbers, whatever order they came in', () => {
  const rows = ['s10', 's2', 's1', 's2'].map((shard, place) => ({ shard, place }));
  expect(sortByShard(rows).map(({ shard }) => shard)).toEqual(['s1', 's2', 's2', 's10']);
  expect(sortByShard(rows).map(({ place }) => place)).toEqual([2, 1, 3, 0]);
});
