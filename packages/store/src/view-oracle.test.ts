import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IndexKind, KeyspaceSettings, Metadata } from '@edis/core';
import { defaultKeyspaceSettings, indexKindOf } from '@edis/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ClassicViewStorage } from './classic-view.ts';
import { indexedNumberOf } from './index-row.ts';
import type { LoggedOperation } from './logged-operation.ts';
import type { Store } from './store.ts';
import type { StoreOptions } from './store-options.ts';
import { deleteOf, entryOf, FakeWorld, keyspaceOf, putOf } from './testing.ts';
import type { IndexRange, ViewReader } from './view-reader.ts';

/** Random histories over several keyspaces, with crashes, judged by a plain Map of the records. */

interface Held {
  readonly keyspace: number;
  readonly key: string;
  readonly value: string;
  readonly metadata: Metadata | undefined;
  readonly expiresAtMs: number;
  readonly version: number;
}

const keys = ['a', 'a\u0000', 'ab', 'b', '\u00ff', '\u00ff\u00ff', 'key-1', 'key-2'];
const texts = [
  '',
  '\u0000',
  'a',
  'a\u0000',
  'a\u0000b',
  'ab',
  'b',
  '\u00e4',
  '\ud83d\ude00',
  '\uff5e',
  '5',
  '05',
  '-3',
  '1e3',
  '12.5',
];
const fields = ['mail', 'tier', 'tier\u0000', '__proto__', 'age'];
const keyspaces: Readonly<Record<number, KeyspaceSettings>> = {
  1: defaultKeyspaceSettings,
  7: {
    ...defaultKeyspaceSettings,
    indexedFields: [
      { field: 'age', kind: 'number' },
      { field: 'mail', kind: 'text' },
    ],
  },
  70_000: { ...defaultKeyspaceSettings, indexedFields: [] },
};
const ids = [1, 7, 70_000];

const text = fc.constantFrom(...texts);
const metadata = fc.option(
  fc
    .array(fc.tuple(fc.constantFrom(...fields), text), { maxLength: 4 })
    .map((pairs): Metadata => Object.fromEntries(new Map(pairs))),
  { nil: undefined },
);
const write = fc.record({
  keyspace: fc.constantFrom(...ids),
  key: fc.constantFrom(...keys),
  value: fc.nat(9),
  metadata,
  expiresAtMs: fc.constantFrom(0, 0, 1000, 2000, 2 ** 33, 2 ** 33 + 5),
  removal: fc.constantFrom(undefined, undefined, undefined, 'delete' as const, 'expire' as const),
});
type Write = typeof write extends fc.Arbitrary<infer Type> ? Type : never;
type Step =
  | { readonly kind: 'append'; readonly writes: readonly Write[] }
  | { readonly kind: 'keyspace' | 'drop'; readonly keyspace: number }
  | { readonly kind: 'sync' | 'show' | 'turns' | 'flush' | 'crash' | 'close' | 'install' | 'query' };
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ kind: fc.constant('append' as const), writes: fc.array(write, { maxLength: 8 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('keyspace' as const, 'drop' as const),
      keyspace: fc.constantFrom(7, 70_000),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('sync' as const, 'show' as const, 'turns' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('flush' as const, 'crash' as const, 'close' as const, 'install' as const, 'query' as const),
    }),
  },
);

/** The cache has some of the records that are replaced, or none. */
const cacheBytes = fc.constantFrom(0, 3000);
const settings = { segmentBytes: 2000, overlayBytesMax: 20_000, retentionBytes: 1_000_000 };

function idOf(held: { readonly keyspace: number; readonly key: string }): string {
  return `${held.keyspace}/${held.key}`;
}

class Oracle {
  /** Records and living keyspaces after each entry. */
  states: { readonly records: ReadonlyMap<string, Held>; readonly known: ReadonlyMap<number, boolean> }[] = [
    { records: new Map(), known: new Map() },
  ];

  at(position: number): Held[] {
    const records = [...(this.states[position]?.records.values() ?? [])];
    return records.sort((a, b) => a.keyspace - b.keyspace || Buffer.compare(latin1(a.key), latin1(b.key)));
  }

  get last(): { readonly records: ReadonlyMap<string, Held>; readonly known: ReadonlyMap<number, boolean> } {
    return this.states[this.states.length - 1] ?? { records: new Map(), known: new Map() };
  }
}

function latin1(key: string): Buffer {
  return Buffer.from(key, 'latin1');
}

function compareTexts(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

class History {
  store: Store;
  readonly oracle = new Oracle();
  readonly reopen: (power: boolean) => Promise<Store>;

  constructor(store: Store, reopen: (power: boolean) => Promise<Store>) {
    this.store = store;
    this.reopen = reopen;
  }

  #append(operations: LoggedOperation[], known: ReadonlyMap<number, boolean>): void {
    const timestamp = this.store.lastTimestamp + 1;
    const records = new Map(this.oracle.last.records);
    for (const [index, operation] of operations.entries()) {
      const { kind, keyspace, key, metadata: fieldsOf, expiresAtMs } = operation;
      if (kind === 'put') {
        const value = String(operation.value);
        const held = { keyspace, key, value, metadata: fieldsOf, expiresAtMs, version: timestamp + index };
        records.set(idOf(held), held);
      } else if (key !== '') {
        records.delete(idOf(operation));
      }
    }
    this.store.append(entryOf(this.store.lastEntry.position + 1, operations, { timestamp }));
    this.oracle.states.push({ records, known });
  }

  append(writes: readonly Write[]): void {
    const { known, records } = this.oracle.last;
    const present = new Set(records.keys());
    const operations: LoggedOperation[] = [];
    for (const { keyspace, key, value, removal, expiresAtMs, metadata: fieldsOf } of writes) {
      const id = idOf({ keyspace, key });
      if (keyspace !== 1 && known.get(keyspace) === undefined) continue;
      if (removal !== undefined) {
        if (present.delete(id)) operations.push(deleteOf(key, { kind: removal, keyspace }));
      } else if (known.get(keyspace) !== false) {
        present.add(id);
        operations.push(putOf(key, `${value}`, { keyspace, metadata: fieldsOf, expiresAtMs }));
      }
    }
    this.#append(operations, known);
  }

  keyspace(id: number): void {
    // An id is used once; what is said again of one that is known changes nothing.
    const { known } = this.oracle.last;
    if (known.get(id) === false) return;
    const name = `keyspace-${id}`;
    this.#append([keyspaceOf(id, name, keyspaces[id] ?? defaultKeyspaceSettings)], new Map(known).set(id, true));
  }

  drop(id: number): void {
    const { known } = this.oracle.last;
    if (known.get(id) !== true) return;
    this.#append([putOf('', '', { kind: 'drop', keyspace: id, slot: 0 })], new Map(known).set(id, false));
  }

  async restart(power: boolean): Promise<void> {
    this.store = await this.reopen(power);
    this.oracle.states = this.oracle.states.slice(0, this.store.lastEntry.position + 1);
  }

  checkKeyspaces(): void {
    const { known, records } = this.oracle.last;
    for (const [id, living] of known) {
      const stored = this.store.keyspaces.get(id);
      if (living) {
        expect(stored).toEqual({ id, name: `keyspace-${id}`, settings: keyspaces[id], dropped: false });
      } else {
        const hasRecords = [...records.values()].some((held) => held.keyspace === id);
        if (hasRecords) expect(stored?.dropped).toBe(true);
        else expect(stored?.dropped ?? true).toBe(true);
      }
    }
    expect(this.store.keyspaces.get(1)?.name).toBe('default');
    expect(this.store.keyspaces.size).toBeLessThanOrEqual(known.size + 1);
  }

  async query(): Promise<void> {
    this.store.setVisible(this.store.lastEntry.position);
    const reader = await this.store.openView(this.store.visiblePosition);
    try {
      const records = this.oracle.at(reader.position.position);
      expect(reader.position.position).toBe(this.store.lastEntry.position);
      await checkRecords(reader, records);
      for (const keyspace of ids) await this.#checkIndexes(reader, keyspace, records);
      await checkExpiry(reader, records);
      const stats = ids.map((keyspace) => {
        const own = records.filter((held) => held.keyspace === keyspace);
        return { keyspace, recordCount: own.length };
      });
      expect(
        this.store
          .keyspaceStats()
          .map(({ keyspace, recordCount }) => ({ keyspace, recordCount }))
          .sort((a, b) => a.keyspace - b.keyspace),
      ).toEqual(stats.filter(({ recordCount }) => recordCount > 0));
      expect(this.store.keyspaceStats().reduce((sum, { recordBytes }) => sum + recordBytes, 0)).toBe(
        this.store.recordBytes,
      );
    } finally {
      await reader.close();
    }
    await this.store.scrub();
  }

  async #checkIndexes(reader: ViewReader, keyspace: number, records: readonly Held[]): Promise<void> {
    const own = records.filter((held) => held.keyspace === keyspace);
    const known = this.store.keyspaces.get(keyspace);
    for (const field of fields) {
      const kind = known === undefined ? undefined : indexKindOf(known.settings, field);
      if (kind === undefined) {
        await expect(collect(reader.index(keyspace, field, {}))).rejects.toMatchObject({ code: 'invalid-argument' });
        continue;
      }
      for (const range of rangesOf(kind)) {
        const found = await collect(reader.index(keyspace, field, range));
        expect({ field, range, found }).toEqual({ field, range, found: expectedOf(own, field, kind, range) });
      }
      if (kind === 'text') {
        const allKeys = own.map(({ key }) => key);
        expect(await reader.hasIndexEntry(keyspace, field, 'a', allKeys)).toEqual(
          own.map((held) => valueOf(held, field) === 'a'),
        );
      }
    }
  }
}

function valueOf(held: Held, field: string): string | undefined {
  return held.metadata !== undefined && Object.hasOwn(held.metadata, field) ? held.metadata[field] : undefined;
}

function rangesOf(kind: IndexKind): IndexRange[] {
  const values = kind === 'text' ? ['', 'a', 'a\u0000', 'b'] : ['5', '-3', '12.5', '7'];
  const ranges: IndexRange[] = [{}];
  for (const [index, value] of values.entries()) {
    ranges.push({ equals: value });
    ranges.push({ from: { value, inclusive: index % 2 === 0 } }, { to: { value, inclusive: index % 2 === 1 } });
    ranges.push({ from: { value, inclusive: index % 2 === 1 }, after: { value, key: 'a' } });
    ranges.push({ to: { value, inclusive: index % 2 === 0 } }, { after: { value, key: '\u00ff' } });
    if (kind === 'text') ranges.push({ prefix: value }, { prefix: value, after: { value: 'a', key: 'b' } });
  }
  return ranges;
}

function expectedOf(own: readonly Held[], field: string, kind: IndexKind, range: IndexRange): unknown[] {
  const compare = (a: string, b: string): number =>
    kind === 'text' ? compareTexts(a, b) : (indexedNumberOf(a) ?? 0) - (indexedNumberOf(b) ?? 0);
  const { equals, prefix, from, to, after } = range;
  return own
    .flatMap((held) => {
      const value = valueOf(held, field);
      return value === undefined || (kind === 'number' && indexedNumberOf(value) === undefined)
        ? []
        : [{ value, key: held.key }];
    })
    .filter(({ value, key }) => {
      if (equals !== undefined && compare(value, equals) !== 0) return false;
      if (prefix !== undefined && !value.startsWith(prefix)) return false;
      if (from !== undefined && compare(value, from.value) < (from.inclusive ? 0 : 1e-9)) return false;
      if (to !== undefined && compare(value, to.value) > (to.inclusive ? 0 : -1e-9)) return false;
      if (after === undefined) return true;
      const order = compare(value, after.value);
      return order > 0 || (order === 0 && Buffer.compare(latin1(key), latin1(after.key)) > 0);
    })
    .sort((a, b) => compare(a.value, b.value) || Buffer.compare(latin1(a.key), latin1(b.key)));
}

async function collect<Item>(pages: AsyncIterable<readonly Item[]>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const page of pages) items.push(...page);
  return items;
}

async function checkRecords(reader: ViewReader, records: readonly Held[]): Promise<void> {
  for (const keyspace of ids) {
    const own = records.filter((held) => held.keyspace === keyspace).map(({ keyspace: _, ...held }) => held);
    expect(await collect(reader.records(keyspace, '', ''))).toEqual(own);
    const part = own.filter(
      ({ key }) =>
        Buffer.compare(latin1(key), latin1('a\u0000')) >= 0 && Buffer.compare(latin1(key), latin1('\u00ff')) < 0,
    );
    expect(await collect(reader.records(keyspace, 'a\u0000', '\u00ff'))).toEqual(part);
    const found = await reader.getRecords(keyspace, keys);
    expect(found).toEqual(keys.map((key) => own.find((held) => held.key === key)));
    const bare = await collect(reader.records(keyspace, '', '', true));
    expect(bare).toEqual(own.map((held) => ({ ...held, value: '', metadata: undefined })));
  }
}

async function checkExpiry(reader: ViewReader, records: readonly Held[]): Promise<void> {
  for (const untilMs of [999, 1000, 2 ** 33]) {
    const expected = records
      .filter(({ expiresAtMs }) => expiresAtMs !== 0 && expiresAtMs <= untilMs)
      .sort((a, b) => a.expiresAtMs - b.expiresAtMs)
      .map(({ keyspace, key, expiresAtMs }) => ({ keyspace, key, expiresAtMs }));
    expect(await reader.expiring(untilMs, 1000)).toEqual(expected);
    expect(await reader.expiring(untilMs, 2)).toEqual(expected.slice(0, 2));
  }
}

async function checkInstall(source: Store): Promise<void> {
  const world = new FakeWorld();
  const target = await world.open(settings);
  const snapshot = await source.openSnapshot();
  const install = await target.beginInstall(snapshot.start);
  for await (const { keys: rowKeys, values } of snapshot.pages()) await install.addPage(rowKeys, values);
  await install.finish();
  expect(target.contentHash).toBe(source.contentHash);
  expect(target.keyspaceStats()).toEqual(source.keyspaceStats());
  await target.scrub();
  await snapshot.close();
  await target.close();
}

async function carryOut(history: History, next: Step): Promise<void> {
  const { store } = history;
  switch (next.kind) {
    case 'append':
      return history.append(next.writes);
    case 'keyspace':
      return history.keyspace(next.keyspace);
    case 'drop':
      return history.drop(next.keyspace);
    case 'sync':
      return store.requestSync();
    case 'show':
      return store.setVisible(store.lastEntry.position);
    case 'turns':
      for (let count = 0; count < 3; count++) await new Promise<void>((resolve) => setImmediate(resolve));
      return;
    case 'flush':
      return store.flush();
    case 'crash':
    case 'close':
      return history.restart(next.kind === 'crash');
    case 'install':
      return checkInstall(store);
    case 'query':
      return history.query();
    default:
      throw new Error('no such step');
  }
}

async function judge(history: History, steps: readonly Step[]): Promise<void> {
  for (const next of steps) {
    await carryOut(history, next);
    history.checkKeyspaces();
  }
  await history.query();
  await history.store.close();
}

const steps = fc.array(step, { minLength: 5, maxLength: 60 });

describe('records, indexes, deadlines and counters', () => {
  test('are what a plain map says after any history with crashes', async () => {
    await fc.assert(
      fc.asyncProperty(steps, cacheBytes, async (history, cacheBytes) => {
        const world = new FakeWorld();
        const open = (): Promise<Store> => world.open({ ...settings, cacheBytes });
        const reopen = async (power: boolean): Promise<Store> => {
          await (power ? world.crash() : world.kill());
          return open();
        };
        await judge(new History(await open(), reopen), history);
      }),
      { numRuns: 60 },
    );
  });

  test('are what a plain map says in LevelDB, closed and opened at any moment', async () => {
    await fc.assert(
      fc.asyncProperty(steps, cacheBytes, async (history, cacheBytes) => {
        const directory = await mkdtemp(join(tmpdir(), 'edis-oracle-'));
        try {
          const world = new FakeWorld();
          const environment = { ...world.environment, views: new ClassicViewStorage() };
          const options: Partial<StoreOptions> = { ...settings, cacheBytes, directory, environment };
          let store = await world.open(options);
          const reopen = async (): Promise<Store> => {
            await store.close();
            store = await world.open(options);
            return store;
          };
          await judge(new History(store, reopen), history);
        } finally {
          await rm(directory, { recursive: true, force: true });
        }
      }),
      { numRuns: 12 },
    );
  });
});
