import { EdisError } from '@edis/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { failureOf } from './client-fixture.ts';
import { distributionOf } from './distribution.ts';
import { FakeQueryCluster, queryCall } from './fake-query-cluster.ts';
import { aggregateRecords } from './query-aggregate.ts';
import { conditionsText, predicatesOf } from './query-conditions.ts';
import type { AggregateQuery, SearchQuery } from './query-options.ts';

function people(): FakeQueryCluster {
  const cluster = new FakeQueryCluster(3, 1);
  const ages = ['30', '40.5', '0.1', '0.2', '1e2', '7'];
  cluster.fill(
    Array.from({ length: 60 }, (_, index) => ({
      key: `user-${index}`,
      metadata: { tier: ['gold', 'silver', 'tin'][index % 3] ?? '', age: ages[index % 6] ?? '' },
    })),
  );
  return cluster;
}

it('what the shards have added up is added up exactly, group by group', async () => {
  const { context } = people();
  const query = {
    groupBy: 'tier',
    measures: { people: 'count', years: { sum: 'age' }, mean: { average: 'age' }, oldest: { max: 'age' } },
  } as const;
  const { groups, servedBy } = await aggregateRecords(context, queryCall(), query);
  expect(groups.map(({ group, count }) => [group, count])).toEqual([
    ['gold', 20],
    ['silver', 20],
    ['tin', 20],
  ]);
  expect(groups[0]?.measures.years).toEqual({ kind: 'sum', value: 302, exact: '302' });
  expect(groups[0]?.measures.mean).toEqual({ kind: 'average', value: 15.1, exact: '15.1' });
  expect(groups[1]?.measures.oldest).toEqual({ kind: 'max', value: 100, exact: '100' });
  expect(groups[1]?.measures.people.value).toBe(20);
  expect(servedBy.map(({ node }) => node).sort()).toEqual(['s1-r1', 's2-r1', 's3-r1']);
});

it('without groupBy there is one group without a name, also when no record is there', async () => {
  const { context } = people();
  const query = { where: { tier: 'none' }, measures: { least: { min: 'age' }, all: 'count' } } as const;
  const { groups } = await aggregateRecords(context, queryCall(), query);
  expect(groups).toHaveLength(1);
  expect(groups[0]).toMatchObject({ group: undefined, count: 0 });
  expect(groups[0]?.measures.least).toEqual({ kind: 'min', value: undefined, exact: undefined });
});

it('top gives the groups with the greatest measure, greatest first', async () => {
  const { context } = people();
  const query = {
    groupBy: 'age',
    measures: { n: 'count', sum: { sum: 'age' } },
    top: { by: 'sum', count: 2 },
  } as const;
  const { groups } = await aggregateRecords(context, queryCall(), query);
  expect(groups.map(({ group }) => group)).toEqual(['1e2', '40.5']);
});

it('an aggregate that means nothing is refused before anybody is asked', async () => {
  const cluster = people();
  const wrong: unknown[] = [
    { measures: {} },
    { measures: { a: 'sum' } },
    { measures: { a: { sum: '' } } },
    { measures: { a: { median: 'age' } } },
    { measures: { a: 'count' }, groupBy: '' },
    { measures: { a: 'count' }, top: { by: 'b', count: 1 } },
    { measures: { a: 'count' }, top: { by: 'a', count: 0 } },
  ];
  for (const query of wrong) {
    const error = await failureOf(aggregateRecords(cluster.context, queryCall(), query as AggregateQuery));
    expect(error.code).toBe('invalid-argument');
  }
  expect(cluster.nodes.flatMap((node) => node.received)).toHaveLength(0);
});

it('a field that is no number fails the aggregate with what the shard says', async () => {
  const { context } = people();
  const error = await failureOf(aggregateRecords(context, queryCall(), { measures: { a: { sum: 'tier' } } }));
  expect(error.code).toBe('invalid-argument');
  expect(error.message).toContain('no decimal number');
});

it('conditions travel as predicates, with numbers as decimal text', () => {
  const query: SearchQuery = { tier: 'gold', name: { prefix: 'A' }, age: { gt: 18, lte: 0.5 }, town: { equals: 'x' } };
  expect(predicatesOf(query)).toEqual([
    { kind: 'equals', field: 'tier', value: 'gold' },
    { kind: 'prefix', field: 'name', prefix: 'A' },
    {
      kind: 'range',
      field: 'age',
      from: { value: '18', inclusive: false },
      to: { value: '0.5', inclusive: true },
    },
    { kind: 'equals', field: 'town', value: 'x' },
  ]);
});

it('conditions that mean nothing are refused and say what would do', () => {
  const wrong: unknown[] = [
    { a: {} },
    { a: 5 },
    { a: null },
    { a: { equals: 'x', prefix: 'y' } },
    { a: { equals: 5 } },
    { a: { gt: 1, gte: 2 } },
    { a: { lt: Number.NaN } },
    { a: { less: 3 } },
    Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`f${index}`, 'x'])),
  ];
  for (const query of wrong) {
    expect(() => predicatesOf(query as SearchQuery)).toThrow(EdisError);
  }
});

it('the same conditions are the same text, and another field to order by makes another', () => {
  const text = (query: SearchQuery): string => conditionsText(predicatesOf(query));
  expect(text({ a: 'x', b: { gt: 1 } })).toBe(text({ b: { gt: '1' }, a: { equals: 'x' } }));
  expect(text({ a: { prefix: 'x' }, b: { gt: 1 } })).not.toBe(text({ b: { gt: 1 }, a: { prefix: 'x' } }));
  fc.assert(
    fc.property(fc.string(), fc.string(), (left, right) => {
      expect(text({ a: left }) === text({ a: right })).toBe(left === right);
    }),
  );
});

it('the distribution has shares, their deviation, and the hot keys of all members together', async () => {
  const cluster = people();
  const counts = { s1: 10, s2: 20, s3: 60 };
  for (const node of cluster.nodes) {
    const recordCount = counts[node.shard as keyof typeof counts] - (node.role === 'primary' ? 0 : 1);
    node.statsChange = {
      keyspaces: [{ keyspace: 1, recordCount, recordBytes: recordCount * 100 }],
      operationsPerSecond: 50,
      hotKeys: [
        { keyspace: 1, key: `hot-${node.shard}`, operationsPerSecond: node.shard === 's2' ? 30 : 10 },
        { keyspace: 2, key: 'elsewhere', operationsPerSecond: 99 },
      ],
    };
  }
  const found = await distributionOf(cluster.context, queryCall());
  expect(found.shards.map(({ node, records }) => [node, records])).toEqual([
    ['s1-w', 10],
    ['s2-w', 20],
    ['s3-w', 60],
  ]);
  expect(found.shards[2]?.share).toBeCloseTo(2 / 3, 10);
  expect(found.shards[2]?.deviation).toBeCloseTo(30, 1);
  expect(found.shards.reduce((sum, { slots }) => sum + slots, 0)).toBe(16_384);
  // 20², 10² and 30², over 3.
  expect(found.records).toMatchObject({ total: 90, expected: 30 });
  expect(found.records.standardDeviation).toBeCloseTo(Math.sqrt(1400 / 3), 10);
  expect(found.bytes.coefficientOfVariation).toBeCloseTo(found.records.coefficientOfVariation, 10);
  expect(found.operations).toMatchObject({ total: 300, standardDeviation: 0 });
  expect(found.hotKeys[0]).toEqual({ key: 'hot-s2', shard: 's2', operationsPerSecond: 60 });
  expect(found.hotKeys).toHaveLength(3);
});

it('a replica stands in for a primary that does not answer, and a shard without anybody is an error', async () => {
  const cluster = people();
  cluster.node('s1-w').up = false;
  expect((await distributionOf(cluster.context, queryCall())).shards[0]).toMatchObject({
    node: 's1-r1',
    role: 'replica',
  });
  cluster.node('s1-r1').up = false;
  const error = await failureOf(distributionOf(cluster.context, queryCall()));
  expect(error.message).toContain('no member of s1 answered');
});
