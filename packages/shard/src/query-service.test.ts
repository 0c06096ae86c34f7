import type { AggregateGroup, Measure, Predicate, QueryHead, RecordPage, SearchPlace } from '@edis/core';
import { Aggregation, EdisError, isExpired, limits } from '@edis/core';
import type { ViewRecord } from '@edis/store';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { QueryFixture } from './query-fixture.ts';
import { byKey, FakeStore, head, makeQueryService, nowMs, oracleSearch, patience, recordOf } from './query-fixture.ts';
import { predicate, records } from './query-records-fixture.ts';
import type { QueryService } from './query-service.ts';

function pageOf(answer: RecordPage | { readonly kind: string }): RecordPage {
  if (answer.kind === 'records' && 'records' in answer) return answer;
  throw new EdisError('internal', `refused: ${JSON.stringify(answer)}`);
}

function groupsOf(answer: { readonly kind: string; readonly groups?: readonly AggregateGroup[] }): AggregateGroup[] {
  if (answer.groups === undefined) throw new EdisError('internal', `refused: ${JSON.stringify(answer)}`);
  return [...answer.groups].sort((left, right) => (left.group < right.group ? -1 : 1));
}

async function searchAll(
  service: QueryService,
  where: readonly Predicate[],
  maxRecords: number,
): Promise<readonly string[]> {
  const keys: string[] = [];
  let after: SearchPlace | undefined;
  for (;;) {
    const page = pageOf(await service.search({ head, where, after, maxRecords, keysOnly: false }, patience()));
    expect(page.records.length).toBeLessThanOrEqual(maxRecords);
    keys.push(...page.records.map(({ key }) => key));
    if (!page.more) return keys;
    const last = page.records.length - 1;
    after = { value: page.places[last] ?? '', key: page.records[last]?.key ?? '' };
  }
}

async function scanAll(service: QueryService, from: string, to: string, maxRecords: number): Promise<string[]> {
  const keys: string[] = [];
  for (let next = from; ; ) {
    const page = pageOf(await service.scan({ head, from: next, to, maxRecords, keysOnly: true }, patience()));
    keys.push(...page.records.map(({ key }) => key));
    if (!page.more) return keys;
    next = `${keys[keys.length - 1]}\u0000`;
  }
}

interface FakeService extends QueryFixture {
  readonly store: FakeStore;
}

function makeService(stored: readonly ViewRecord[], pageItems = 3): FakeService {
  const store = new FakeStore(stored);
  store.pageItems = pageItems;
  return { store, ...makeQueryService(store) };
}

const crowd = Array.from({ length: 2000 }, (_, index) =>
  recordOf(`k${String(index).padStart(5, '0')}`, {
    tier: index % 2 === 0 ? 'gold' : 'iron',
    city: index % 100 === 0 ? 'rare' : 'common',
    name: `n${String((index * 7919) % 2000).padStart(5, '0')}`,
    age: String(index % 10),
  }),
);

test('the pages of a search are the records that meet its conditions, in its order', async () => {
  await fc.assert(
    fc.asyncProperty(
      records,
      fc.array(predicate, { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: 7 }),
      fc.integer({ min: 1, max: 9 }),
      async (stored, where, maxRecords, pageItems) => {
        const { service, store } = makeService(stored, pageItems);
        const found = await searchAll(service, where, maxRecords);
        expect(found).toEqual(oracleSearch(stored, where).map(({ key }) => key));
        expect(store.viewsOpen).toBe(0);
      },
    ),
    { numRuns: 400 },
  );
});

test('the pages of a scan are the records of the range, in the order of their keys', async () => {
  const key = fc.constantFrom('', 'a', 'ab', 'b', '\u00ff', 'a\u0000');
  await fc.assert(
    fc.asyncProperty(records, key, key, fc.integer({ min: 1, max: 7 }), async (stored, from, to, maxRecords) => {
      const { service } = makeService(stored);
      const expected = [...stored]
        .sort(byKey)
        .filter((record) => record.key >= from && (to === '' || record.key < to))
        .filter((record) => !isExpired(record.expiresAtMs, nowMs));
      expect(await scanAll(service, from, to, maxRecords)).toEqual(expected.map((record) => record.key));
    }),
    { numRuns: 200 },
  );
});

test('an aggregate is what one pass over the records that meet its conditions gives', async () => {
  const measures: fc.Arbitrary<Measure[]> = fc.array(
    fc.constantFrom<Measure>(
      { kind: 'count', field: '' },
      { kind: 'sum', field: 'score' },
      { kind: 'min', field: 'score' },
      { kind: 'max', field: 'score' },
    ),
    { minLength: 1, maxLength: 3 },
  );
  await fc.assert(
    fc.asyncProperty(
      records,
      fc.array(predicate, { maxLength: 3 }),
      fc.constantFrom('', 'tier', 'name', 'age', 'unindexed'),
      measures,
      async (stored, where, groupBy, wanted) => {
        const { service } = makeService(stored);
        const expected = new Aggregation(wanted, groupBy);
        for (const record of oracleSearch(stored, where)) expected.add(record.key, record.metadata);
        const answer = await service.aggregate({ head, where, groupBy, measures: wanted }, patience());
        expect(groupsOf(answer)).toEqual(groupsOf({ kind: 'groups', groups: [...asGroups(expected.finish())] }));
      },
    ),
    { numRuns: 300 },
  );
});

function asGroups(groups: ReturnType<Aggregation['finish']>): readonly AggregateGroup[] {
  if ('cause' in groups) throw new EdisError('internal', groups.message);
  return groups;
}

test('equalities with many records each are joined without loading those that have only one of them', async () => {
  const common: Predicate[] = [
    { kind: 'equals', field: 'tier', value: 'gold' },
    { kind: 'equals', field: 'city', value: 'common' },
    { kind: 'equals', field: 'age', value: '4' },
  ];
  const stored = crowd.concat(crowd.map((record) => ({ ...record, key: `z${record.key}` })));
  const manyOfEach = stored.concat(
    stored.map((record) => ({
      ...record,
      key: `y${record.key}`,
      metadata: { ...record.metadata, tier: 'iron', age: '4' },
    })),
  );
  const { service, store } = makeService(manyOfEach, 100);
  const found = await searchAll(service, common, 10_000);
  expect(found).toEqual(oracleSearch(manyOfEach, common).map(({ key }) => key));
  expect(found.length).toBe(400);
  expect(store.recordsLoaded).toBe(400);
});

test('a rare value among the conditions is loaded and sorted, and nothing else is read', async () => {
  const where: Predicate[] = [
    { kind: 'prefix', field: 'name', prefix: 'n' },
    { kind: 'equals', field: 'city', value: 'rare' },
  ];
  const { service, store } = makeService(crowd, 100);
  const page = pageOf(
    await service.search({ head, where, after: undefined, maxRecords: 100, keysOnly: true }, patience()),
  );
  expect(page.records.map(({ key }) => key)).toEqual(oracleSearch(crowd, where).map(({ key }) => key));
  expect(page.places).toEqual(oracleSearch(crowd, where).map((record) => record.metadata?.['name']));
  expect(page.records[0]).toMatchObject({ value: '', metadata: undefined });
  expect(store.recordsLoaded).toBe(20);
});

test('a page ends at about the bytes of a batch, and one record always fits', async () => {
  const large = Array.from({ length: 5 }, (_, index) =>
    recordOf(`k${index}`, { tier: 'gold' }, 0, 'v'.repeat(limits.maxBatchBytes * (index === 2 ? 4 : 0.4))),
  );
  const { service } = makeService(large);
  const lengths: number[] = [];
  for (let from = ''; ; ) {
    const page = pageOf(await service.scan({ head, from, to: '', maxRecords: 0, keysOnly: false }, patience()));
    lengths.push(page.records.length);
    if (!page.more) break;
    from = `${page.records[page.records.length - 1]?.key}\u0000`;
  }
  expect(lengths).toEqual([2, 1, 2]);
  expect(await searchAll(service, [{ kind: 'equals', field: 'tier', value: 'gold' }], 100)).toHaveLength(5);
});

test('a count of everything comes from the counter, less what has expired', async () => {
  const { service, store } = makeService([...crowd, recordOf('x', {}, nowMs - 1)]);
  const measures: Measure[] = [{ kind: 'count', field: '' }];
  const answer = await service.aggregate({ head, where: [], groupBy: '', measures }, patience());
  expect(groupsOf(answer)[0]?.count).toBe(2000);
  expect(store.itemsRead).toBe(0);
  // The counter is of another state than the view: the records are counted.
  store.visiblePosition = 7;
  store.viewAhead = 1;
  const recounted = await service.aggregate({ head, where: [], groupBy: '', measures }, patience());
  expect(groupsOf(recounted)[0]?.count).toBe(2000);
  expect(store.itemsRead).toBeGreaterThan(2000);
});

test('counts by an indexed field or over equalities load no records', async () => {
  const { service, store } = makeService([...crowd, recordOf('x', { tier: 'gold', city: 'rare' }, nowMs - 1)]);
  const measures: Measure[] = [{ kind: 'count', field: '' }];
  const where: Predicate[] = [
    { kind: 'equals', field: 'tier', value: 'gold' },
    { kind: 'equals', field: 'city', value: 'rare' },
  ];
  const perTier = groupsOf(await service.aggregate({ head, where: [], groupBy: 'tier', measures }, patience()));
  expect(perTier.map(({ group, count }) => [group, count])).toEqual([
    ['gold', 1000],
    ['iron', 1000],
  ]);
  const before = store.recordsLoaded;
  const joined = await service.aggregate({ head, where, groupBy: '', measures }, patience());
  expect(groupsOf(joined)[0]?.count).toBe(20);
  expect(store.recordsLoaded - before).toBe(0);
});

test('a sum over what is no number names the record', async () => {
  const { service } = makeService([recordOf('good', { score: '1' }), recordOf('bad', { score: 'much' })]);
  const measures: Measure[] = [{ kind: 'sum', field: 'score' }];
  const answer = await service.aggregate({ head, where: [], groupBy: '', measures }, patience());
  expect(answer).toMatchObject({ kind: 'invalid', cause: 'not-a-number' });
  expect(answer).toHaveProperty('message', expect.stringContaining('"bad"'));
});

const anyQuery = (service: QueryService, change: Partial<QueryHead>, signal = patience()) =>
  service.scan({ head: { ...head, ...change }, from: '', to: '', maxRecords: 1, keysOnly: true }, signal);

test('a query for another shard, an unknown keyspace or with a broken condition is refused', async () => {
  const { service } = makeService([]);
  expect(await anyQuery(service, { shard: 's2' })).toMatchObject({ kind: 'wrong-shard', topology: { revision: 3 } });
  expect(await anyQuery(service, { shard: 's2', revision: 3 })).toEqual({ kind: 'wrong-shard', topology: undefined });
  expect(await anyQuery(service, { keyspace: 9 })).toMatchObject({ kind: 'invalid', cause: 'no-such-keyspace' });
  // A newer topology may have it.
  expect(await anyQuery(service, { keyspace: 9, revision: 4 })).toEqual({ kind: 'wrong-shard', topology: undefined });
  const where: Predicate[] = [{ kind: 'equals', field: 'shoe', value: '1' }];
  expect(
    await service.search({ head, where, after: undefined, maxRecords: 1, keysOnly: true }, patience()),
  ).toMatchObject({ kind: 'invalid', cause: 'field-not-indexed' });
});

test('an active primary answers strong queries from a view with all that its log has', async () => {
  const { service, store } = makeService([]);
  for (const consistency of ['strong', 'bounded', 'eventual'] as const) await anyQuery(service, { consistency });
  await anyQuery(service, { consistency: 'session', after: { epoch: 2, position: 8 } });
  await anyQuery(service, { consistency: 'session', after: { epoch: 1, position: 80 } });
  expect(store.opened).toEqual([9, 9, 7, 8, 9]);
});

test('a primary that may not act, or knows an older epoch than the client, answers no strong query', async () => {
  const { service, role } = makeService([]);
  expect(await anyQuery(service, { consistency: 'strong', epoch: 3 })).toEqual({ kind: 'not-primary', epoch: 2 });
  role.active = false;
  expect(await anyQuery(service, { consistency: 'strong' })).toEqual({ kind: 'not-primary', epoch: 2 });
});

test('a session query waits at a replica for its position, but not for ever', async () => {
  const waiting = makeService([recordOf('a', {})]);
  waiting.role.role = 'replica';
  waiting.role.applied = { epoch: 2, position: 3 };
  const answer = anyQuery(waiting.service, { consistency: 'session', after: { epoch: 2, position: 4 } });
  waiting.role.applied = { epoch: 2, position: 4 };
  waiting.service.onApplied();
  expect(pageOf(await answer).footer).toEqual({ node: 'n1', position: { epoch: 2, position: 7 }, stalenessMs: 0 });

  const hasty = makeQueryService(new FakeStore(), 1);
  hasty.role.role = 'replica';
  hasty.role.stalenessMs = 30;
  const late = await anyQuery(hasty.service, { consistency: 'session', after: { epoch: 2, position: 40 } });
  expect(late).toEqual({ kind: 'too-stale', applied: { epoch: 2, position: 9 }, stalenessMs: 30 });
  const unbounded = await anyQuery(hasty.service, { consistency: 'bounded', maxStalenessMs: 29 });
  expect(unbounded.kind).toBe('too-stale');
  expect((await anyQuery(hasty.service, { consistency: 'bounded', maxStalenessMs: 30 })).kind).toBe('records');
});

/** Queries that stand still at their first page until they are let go. */
function makeHeldService(): { readonly fixture: FakeService; readonly release: () => void } {
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const fixture = makeService(crowd);
  fixture.store.onPage = () => held;
  return { fixture, release: () => release() };
}

test('queries above what may run and wait are busy, and the others are answered in turn', async () => {
  const held = makeHeldService();
  const { fixture } = held;
  const { service, store } = fixture;
  const answers = Array.from({ length: 260 }, () => anyQuery(service, {}));
  expect(await anyQuery(service, {})).toMatchObject({ kind: 'busy', cause: 'queries' });
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  expect(store.viewsOpen).toBe(4);
  held.release();
  for (const answer of await Promise.all(answers)) expect(answer.kind).toBe('records');
  expect((await anyQuery(service, {})).kind).toBe('records');
  expect(store.viewsOpen).toBe(0);
});

test('a caller that goes away frees its view, and its place in the queue', async () => {
  const held = makeHeldService();
  const { fixture } = held;
  const { service, store } = fixture;
  const gone = new AbortController();
  const leaving = Array.from({ length: 6 }, () => anyQuery(service, {}, gone.signal));
  const staying = anyQuery(service, {});
  gone.abort();
  const queued = await Promise.allSettled(leaving.slice(4));
  expect(queued.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  held.release();
  for (const ended of await Promise.allSettled(leaving)) {
    expect(ended).toMatchObject({ status: 'rejected', reason: { code: 'aborted' } });
  }
  expect((await staying).kind).toBe('records');
  expect(store.viewsOpen).toBe(0);
});

test('a view that opens after its caller has gone is closed', async () => {
  const { service, store } = makeService(crowd);
  let open: () => void = () => {};
  store.onOpen = () =>
    new Promise((resolve) => {
      open = resolve;
    });
  const gone = new AbortController();
  const answer = anyQuery(service, {}, gone.signal);
  await expect.poll(() => store.opened.length).toBe(1);
  gone.abort();
  await expect(answer).rejects.toMatchObject({ code: 'aborted' });
  open();
  await expect.poll(() => store.viewsOpen).toBe(0);
});

test('a closing node ends its queries', async () => {
  const held = makeHeldService();
  const { fixture } = held;
  const answers = Array.from({ length: 6 }, () => anyQuery(fixture.service, {}));
  fixture.service.close();
  held.release();
  for (const ended of await Promise.allSettled(answers)) expect(ended).toMatchObject({ reason: { code: 'closed' } });
});

test('a long query leaves the event loop to others', async () => {
  const many = Array.from({ length: 60_000 }, (_, index) => recordOf(`k${String(index).padStart(6, '0')}`, {}));
  const { service } = makeService(many, 60_000);
  let turns = 0;
  let counting = true;
  const count = (): void => {
    turns += 1;
    if (counting) setImmediate(count);
  };
  setImmediate(count);
  const measures: Measure[] = [{ kind: 'sum', field: 'none' }];
  await service.aggregate({ head, where: [], groupBy: '', measures }, patience());
  counting = false;
  expect(turns).toBeGreaterThan(2);
});

test('a damaged record is told, and makes the node unavailable for the query', async () => {
  const { service, store, damages } = makeService(crowd);
  store.onPage = () => Promise.reject(new EdisError('damaged', 'the record of key "k" fails its check'));
  expect(await anyQuery(service, {})).toMatchObject({ kind: 'unavailable' });
  expect(damages).toHaveLength(1);
});
