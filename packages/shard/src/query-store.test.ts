import type { Predicate, SearchPlace } from '@edis/core';
import { Aggregation } from '@edis/core';
import type { Store, ViewRecord } from '@edis/store';
import { entryOf, FakeWorld, keyspaceOf, putOf } from '@edis/store/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { QueryFixture } from './query-fixture.ts';
import { head as anyHead, byKey, makeQueryService, nowMs, oracleSearch, patience, settings } from './query-fixture.ts';
import { predicate, records } from './query-records-fixture.ts';

/** Queries over the store itself, in memory. */

const keyspace = 7;
const head = { ...anyHead, keyspace };

function append(store: Store, stored: readonly ViewRecord[]): void {
  const timestamp = store.lastTimestamp + 1;
  const puts = stored.map(({ key, value, metadata, expiresAtMs }) =>
    putOf(key, String(value), { keyspace, metadata, expiresAtMs }),
  );
  const operations = store.keyspaces.has(keyspace) ? puts : [keyspaceOf(keyspace, 'second', settings), ...puts];
  store.append(entryOf(store.lastEntry.position + 1, operations, { timestamp }));
}

async function serve(stored: readonly ViewRecord[]): Promise<QueryFixture & { readonly store: Store }> {
  const store = await new FakeWorld().open();
  append(store, stored);
  store.setVisible(store.lastEntry.position);
  const fixture = makeQueryService(store, 5000, keyspace);
  fixture.role.applied = store.lastEntry;
  return { store, ...fixture };
}

async function searchAll(service: QueryFixture['service'], where: Predicate[], maxRecords: number): Promise<string[]> {
  const keys: string[] = [];
  let after: SearchPlace | undefined;
  for (;;) {
    const page = await service.search({ head, where, after, maxRecords, keysOnly: false }, patience());
    if (page.kind !== 'records') return [JSON.stringify(page)];
    keys.push(...page.records.map(({ key }) => key));
    const last = page.records.length - 1;
    if (!page.more) return keys;
    after = { value: page.places[last] ?? '', key: page.records[last]?.key ?? '' };
  }
}

test('searches, scans and aggregates of a store are those of its records', async () => {
  await fc.assert(
    fc.asyncProperty(
      records,
      fc.array(predicate, { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: 7 }),
      fc.constantFrom('', 'tier', 'name'),
      async (stored, where, maxRecords, groupBy) => {
        const { service, store } = await serve(stored);
        const expected = oracleSearch(stored, where);
        expect(await searchAll(service, where, maxRecords)).toEqual(expected.map(({ key }) => key));

        const scanned = await service.scan({ head, from: '', to: '', maxRecords: 1000, keysOnly: false }, patience());
        const all = oracleSearch(stored, []);
        expect(scanned.kind === 'records' && scanned.records.map(({ key, metadata }) => ({ key, metadata }))).toEqual(
          [...all].sort(byKey).map(({ key, metadata }) => ({ key, metadata })),
        );

        const measures = [
          { kind: 'count', field: '' },
          { kind: 'sum', field: 'score' },
        ] as const;
        for (const wanted of [measures, measures.slice(0, 1)]) {
          const sums = new Aggregation(wanted, groupBy);
          for (const { key, metadata } of all) sums.add(key, metadata);
          const answer = await service.aggregate({ head, where: [], groupBy, measures: wanted }, patience());
          const groups = answer.kind === 'groups' ? answer.groups : [];
          expect(new Set(groups)).toEqual(new Set(sums.finish() as typeof groups));
        }
        await store.close();
      },
    ),
    { numRuns: 100 },
  );
});

test('a strong query sees what was acknowledged before it came, also while the view is behind', async () => {
  const { service, store, role } = await serve([]);
  const record = { key: 'k', value: 'v', metadata: { tier: 'gold' }, version: 1, expiresAtMs: nowMs + 1 };
  append(store, [record]);
  role.applied = store.lastEntry;
  const strong = { ...head, consistency: 'strong' } as const;
  const query = { from: '', to: '', maxRecords: 10, keysOnly: false };
  const eventual = await service.scan({ head, ...query }, patience());
  expect(eventual).toMatchObject({ kind: 'records', records: [] });
  const answer = service.scan({ head: strong, ...query }, patience());
  store.setVisible(store.lastEntry.position);
  expect(await answer).toMatchObject({
    records: [{ key: 'k', metadata: { tier: 'gold' }, expiresAtMs: nowMs + 1 }],
    more: false,
    footer: { position: { position: store.lastEntry.position }, stalenessMs: 0 },
  });
  await store.close();
});

test('a keyspace that the topology has and the log not yet is empty', async () => {
  const store = await new FakeWorld().open();
  const { service } = makeQueryService(store, 5000, keyspace);
  const where: Predicate[] = [{ kind: 'prefix', field: 'name', prefix: '' }];
  const found = await service.search({ head, where, after: undefined, maxRecords: 1, keysOnly: true }, patience());
  expect(found).toMatchObject({ kind: 'records', records: [], more: false });
  for (const groupBy of ['', 'tier']) {
    const measures = [{ kind: 'count', field: '' }] as const;
    const answer = await service.aggregate({ head, where, groupBy, measures }, patience());
    expect(answer).toMatchObject({ kind: 'groups', groups: groupBy === '' ? [{ count: 0 }] : [] });
  }
  await store.close();
});
