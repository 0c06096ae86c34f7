import { defaultKeyspaceSettings, type EdisError, type KeyspaceSettings } from '@edis/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { failureOf } from './client-fixture.ts';
import { FakeQueryCluster, queryCall } from './fake-query-cluster.ts';
import type { SearchQuery } from './query-options.ts';
import { openKeys, openScan, openSearch } from './query-scan.ts';

const bytesKey = fc.uint8Array({ minLength: 1, maxLength: 6 }).map((array) => String.fromCharCode(...array));

function clusterOf(keys: Iterable<string>, shards = 3, replicas = 0): FakeQueryCluster {
  const cluster = new FakeQueryCluster(shards, replicas);
  cluster.fill([...keys].map((key) => ({ key, value: `value of ${key}` })));
  return cluster;
}

function numberedKeys(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `key-${String(index).padStart(6, '0')}`);
}

function thrownBy(call: () => unknown): EdisError {
  try {
    call();
  } catch (error) {
    return error as EdisError;
  }
  throw new Error('it did not throw');
}

it('a scan gives the records of all shards in the order of their keys, each with its answer', async () => {
  const keys = numberedKeys(100);
  const cluster = clusterOf(keys);
  const stream = openScan(cluster.context, queryCall(), { pageSize: 7 });
  const found = [];
  for await (const record of stream) found.push(record);
  expect(found.map((record) => record.key)).toEqual(keys);
  const first = found[0];
  expect(Buffer.from(first?.value ?? []).toString()).toBe('value of key-000000');
  expect(first?.servedBy).toEqual({
    node: `${first?.shard}-w`,
    role: 'primary',
    shard: cluster.shardOf(keys[0] ?? ''),
  });
  expect(stream.cursor).toBeUndefined();
});

it('any keys, pages and shards merge to what sorting gives, and resuming anywhere gives the rest', async () => {
  const setup = fc.record({
    keys: fc.uniqueArray(bytesKey, { maxLength: 60 }),
    shards: fc.integer({ min: 1, max: 5 }),
    pageSize: fc.integer({ min: 1, max: 12 }),
    stop: fc.nat(60),
  });
  await fc.assert(
    fc.asyncProperty(setup, async ({ keys, shards, pageSize, stop }) => {
      const { context } = clusterOf(keys, shards);
      const sorted = [...keys].sort((left, right) => (left < right ? -1 : 1));
      const bytes = (found: readonly (string | Uint8Array)[]): string[] =>
        found.map((key) => Buffer.from(key as string).toString('latin1'));
      expect(bytes(await openKeys(context, queryCall(), { pageSize }).toArray())).toEqual(sorted);
      const first = openKeys(context, queryCall(), { pageSize });
      const taken = [];
      for (let count = 0; count < stop; count++) {
        const step = await first.next();
        if (step.done === true) break;
        taken.push(step.value);
      }
      const { cursor } = first;
      const rest = cursor === undefined ? [] : await openKeys(context, queryCall(), { pageSize, cursor }).toArray();
      expect(bytes([...taken, ...rest])).toEqual(sorted);
      expect(cursor === undefined).toBe(stop > 0 && taken.length === sorted.length);
    }),
    { numRuns: 60 },
  );
});

const settings: KeyspaceSettings = {
  ...defaultKeyspaceSettings,
  indexedFields: [
    { field: 'age', kind: 'number' },
    { field: 'name', kind: 'text' },
    { field: 'tier', kind: 'text' },
  ],
};

it('a search is ordered as its field is indexed and then by key, and resumes anywhere', async () => {
  const record = fc.record({
    key: bytesKey,
    age: fc.oneof(
      fc.integer({ min: -3, max: 3 }).map(String),
      fc.constantFrom('1.0', '1e1', '-0', '0.5', '100', '20', '3'),
    ),
    name: fc.constantFrom('a', 'b', 'é', '\u{ffff}', '\u{10000}', 'ab', ''),
    tier: fc.constantFrom('gold', 'silver'),
  });
  const queries: { readonly query: SearchQuery; readonly by: 'age' | 'name' | undefined }[] = [
    { query: { age: { gte: -2 } }, by: 'age' },
    { query: { tier: 'gold', name: { prefix: '' } }, by: 'name' },
    { query: { tier: 'gold' }, by: undefined },
  ];
  const setup = fc.record({
    records: fc.uniqueArray(record, { maxLength: 40, selector: ({ key }) => key }),
    which: fc.constantFrom(...queries),
    pageSize: fc.integer({ min: 1, max: 9 }),
    limit: fc.integer({ min: 1, max: 45 }),
  });
  await fc.assert(
    fc.asyncProperty(setup, async ({ records, which, pageSize, limit }) => {
      const cluster = new FakeQueryCluster(3, 0, settings);
      cluster.fill(records.map(({ key, ...metadata }) => ({ key, value: key, metadata })));
      const { query, by } = which;
      const expected = records
        .filter(({ age, tier }) => (by === 'age' ? Number(age) >= -2 : tier === 'gold'))
        .sort((left, right) => {
          const order = by === 'age' ? Number(left.age) - Number(right.age) : 0;
          const text = by === 'name' ? Buffer.compare(Buffer.from(left.name), Buffer.from(right.name)) : 0;
          return order || text || (left.key < right.key ? -1 : 1);
        })
        .map(({ key }) => key);
      const begun = openSearch(cluster.context, queryCall(), query, { pageSize, limit });
      const found = await begun.toArray();
      const { cursor } = begun;
      if (cursor !== undefined) {
        found.push(...(await openSearch(cluster.context, queryCall(), query, { pageSize, cursor }).toArray()));
      }
      expect(found.map(({ value }) => Buffer.from(value).toString('latin1'))).toEqual(expected);
      expect(cursor === undefined).toBe(limit >= expected.length);
    }),
    { numRuns: 150 },
  );
});

it('a range has its first key and not its last, and a prefix all that begin with it', async () => {
  const { context } = clusterOf(['a', 'b', 'b1', 'b\xff', 'c', '\xff', '\xffz']);
  const keysOf = (range: object): Promise<unknown[]> => openKeys(context, queryCall(), range).toArray();
  expect(await keysOf({ from: 'b', to: 'c' })).toEqual(['b', 'b1', new Uint8Array([0x62, 0xff])]);
  expect(await keysOf({ prefix: 'b' })).toHaveLength(3);
  expect(await keysOf({ prefix: new Uint8Array([0xff]) })).toHaveLength(2);
  expect(await keysOf({ from: 'b', to: 'b' })).toEqual([]);
  expect(await keysOf({ prefix: '' })).toHaveLength(7);
  expect(thrownBy(() => openKeys(context, queryCall(), { from: 'c', to: 'b' })).message).toContain('behind');
  expect(thrownBy(() => openKeys(context, queryCall(), { prefix: 'c', to: 'd' })).message).toContain('excludes');
});

it('never more than two pages of a shard are in memory, and each is asked for once', async () => {
  const cluster = clusterOf(numberedKeys(1_000));
  const stream = openScan(cluster.context, queryCall(), { pageSize: 10 });
  let most = 0;
  let count = 0;
  for await (const record of stream) {
    count += Number(record.version > 0);
    // Lets everything arrive that is under way.
    if (count % 5 === 0) await cluster.settled();
    most = Math.max(most, stream.held);
  }
  expect(count).toBe(1_000);
  expect(most).toBeGreaterThan(30);
  expect(most).toBeLessThanOrEqual(3 * 2 * 10);
  expect(cluster.nodes.flatMap((node) => node.received).length).toBeLessThanOrEqual(103);
});

it('with a limit no page is asked for that nobody will take, and the cursor goes on behind it', async () => {
  const keys = numberedKeys(50);
  const cluster = clusterOf(keys);
  const stream = openKeys(cluster.context, queryCall(), { limit: 5 });
  expect(await stream.toArray()).toEqual(keys.slice(0, 5));
  for (const node of cluster.nodes)
    expect(node.received.map((each) => 'maxRecords' in each && each.maxRecords)).toEqual([5]);
  expect(await openKeys(cluster.context, queryCall(), { cursor: stream.cursor }).toArray()).toEqual(keys.slice(5));
});

it('a limit that ends with a page of a shard that has more leaves a cursor', async () => {
  const { context } = clusterOf(numberedKeys(6), 1);
  const stream = openKeys(context, queryCall(), { limit: 3, pageSize: 3 });
  expect(await stream.toArray()).toHaveLength(3);
  expect(await openKeys(context, queryCall(), { cursor: stream.cursor }).toArray()).toHaveLength(3);
});

it('a limit that takes the very last record leaves no cursor', async () => {
  const { context } = clusterOf(numberedKeys(6));
  const stream = openKeys(context, queryCall(), { limit: 6, pageSize: 2 });
  expect(await stream.toArray()).toHaveLength(6);
  expect(stream.cursor).toBeUndefined();
});

it('a shard that goes away ends the scan with an error, and the cursor goes on where it stood', async () => {
  const keys = numberedKeys(60);
  const cluster = clusterOf(keys);
  const stream = openKeys(cluster.context, queryCall({ timeoutMs: 150 }), { pageSize: 4 });
  const taken: unknown[] = [];
  const node = cluster.node('s2-w');
  const error = await failureOf(
    (async () => {
      for await (const key of stream) {
        taken.push(key);
        if (taken.length === 10) node.up = false;
      }
    })(),
  );
  expect(error.code).toBe('unreachable');
  expect(error.message).toContain('s2-w at s2-w:1');
  expect(await failureOf(stream.next())).toBe(error);
  expect(await failureOf(stream.toArray())).toBe(error);
  node.up = true;
  const rest = await openKeys(cluster.context, queryCall(), { cursor: stream.cursor }).toArray();
  expect([...taken, ...rest]).toEqual(keys);
});

it.each([1, 3])('when all of %i shards go away, the cursor still says where to go on', async (shards) => {
  const keys = numberedKeys(60);
  const cluster = clusterOf(keys, shards);
  const setUp = (up: boolean): void => {
    for (const node of cluster.nodes) node.up = up;
  };
  const stream = openKeys(cluster.context, queryCall({ timeoutMs: 100 }), { pageSize: 4 });
  const taken: unknown[] = [];
  const reading = (async () => {
    for await (const key of stream) if (taken.push(key) === 10) setUp(false);
  })();
  expect((await failureOf(reading)).code).toBe('unreachable');
  const { cursor } = stream;
  // What fails before it gave anything stands where it began.
  const failed = openKeys(cluster.context, queryCall({ timeoutMs: 100 }), { cursor });
  await failureOf(failed.toArray());
  expect(failed.cursor).toBe(cursor);
  setUp(true);
  const rest = await openKeys(cluster.context, queryCall(), { cursor: failed.cursor }).toArray();
  expect([...taken, ...rest]).toEqual(keys);
});

it('a shard that comes back within the deadline is not noticed', async () => {
  const keys = numberedKeys(60);
  const cluster = clusterOf(keys);
  const node = cluster.node('s2-w');
  const taken: unknown[] = [];
  for await (const key of openKeys(cluster.context, queryCall(), { pageSize: 4 })) {
    taken.push(key);
    if (taken.length === 10) {
      node.up = false;
      setTimeout(() => {
        node.up = true;
      }, 60);
    }
  }
  expect(taken).toEqual(keys);
});

it('who leaves the loop ends the pages that are under way', async () => {
  const cluster = clusterOf(numberedKeys(60));
  const stream = openKeys(cluster.context, queryCall(), { pageSize: 4 });
  const taken = [];
  for await (const key of stream) {
    taken.push(key);
    if (taken.length === 1) break;
  }
  expect(taken).toEqual(['key-000000']);
  expect(await stream.next()).toEqual({ done: true, value: undefined });
  expect(await openKeys(cluster.context, queryCall(), { cursor: stream.cursor }).toArray()).toHaveLength(59);
});

it('the signal of the caller ends a scan also between two records that are there already', async () => {
  const cluster = clusterOf(numberedKeys(60));
  const controller = new AbortController();
  const stream = openKeys(cluster.context, queryCall({ signal: controller.signal }));
  await stream.next();
  controller.abort();
  expect((await failureOf(stream.next())).code).toBe('aborted');
});

it('steps that do not wait for each other come in order', async () => {
  const keys = numberedKeys(9);
  const { context } = clusterOf(keys);
  const stream = openKeys(context, queryCall(), { pageSize: 2 });
  const steps = await Promise.all(Array.from({ length: 10 }, () => stream.next()));
  expect(steps.map((step) => step.value as unknown)).toEqual([...keys, undefined]);
});

it('a cursor of another keyspace, kind or range, and damaged text, are refused before anybody is asked', async () => {
  const cluster = clusterOf(numberedKeys(9));
  const { context } = cluster;
  const stream = openKeys(context, queryCall(), { prefix: 'key', limit: 2 });
  await stream.toArray();
  const cursor = stream.cursor ?? '';
  const asked = cluster.nodes.flatMap((node) => node.received).length;
  expect(thrownBy(() => openKeys(context, queryCall(), { prefix: 'other', cursor })).message).toContain('conditions');
  expect(thrownBy(() => openScan(context, queryCall(), { prefix: 'key', cursor })).message).toContain('keys query');
  expect(thrownBy(() => openKeys(context, queryCall(), { cursor: cursor.slice(1) })).code).toBe('invalid-argument');
  expect(thrownBy(() => openKeys(context, queryCall(), { limit: 0 })).code).toBe('invalid-argument');
  expect(thrownBy(() => openKeys(context, queryCall(), { pageSize: 10_001 })).code).toBe('invalid-argument');
  expect(cluster.nodes.flatMap((node) => node.received).length).toBe(asked);
});

it('a node that gives the same page again is told of, not asked forever', async () => {
  const cluster = clusterOf(['a', 'b', 'c'], 1);
  const node = cluster.node('s1-w');
  node.maxPage = 1;
  const first = node.records.slice(0, 1);
  node.pageOf = () => ({
    kind: 'records',
    records: first,
    more: true,
    places: [],
    footer: { node: 's1-w', position: node.position, stalenessMs: 0 },
  });
  expect((await failureOf(openKeys(cluster.context, queryCall()).toArray())).code).toBe('protocol');
});

it('a number is refused as a bound of a field that is ordered as text, where 9 is above 18', async () => {
  const cluster = clusterOf(numberedKeys(3));
  const error = thrownBy(() => openSearch(cluster.context, queryCall(), { age: { gte: 18 } }));
  expect(error).toMatchObject({ code: 'invalid-argument' });
  expect(error.message).toContain('"age" is ordered as text in keyspace default');
  expect(() => openSearch(cluster.context, queryCall(), { age: { gte: '18' } })).not.toThrow();
});
