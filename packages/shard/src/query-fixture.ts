import type { ByteString, KeyspaceSettings, Position, Predicate, QueryHead, ReaderState, Topology } from '@edis/core';
import {
  compareIndexValues,
  compareText,
  defaultKeyspaceSettings,
  EdisError,
  indexKindOf,
  indexNumber,
  predicateFilter,
} from '@edis/core';
import { realTimers } from '@edis/process';
import type { ExpiringRecord, IndexEntry, IndexRange, StoredKeyspace, ViewReader, ViewRecord } from '@edis/store';
import { Ownership } from './ownership.ts';
import type { QueryStore } from './query-gate.ts';
import type { QueryServiceParts } from './query-service.ts';
import { QueryService } from './query-service.ts';

/** A query service over records in an array, for tests. */

export const settings: KeyspaceSettings = {
  ...defaultKeyspaceSettings,
  indexedFields: [
    { field: 'tier', kind: 'text' },
    { field: 'city', kind: 'text' },
    { field: 'name', kind: 'text' },
    { field: 'age', kind: 'number' },
  ],
};

export const nowMs = 1_800_000_000_000;

export const head: QueryHead = {
  shard: 's1',
  epoch: 0,
  revision: 1,
  keyspace: 0,
  consistency: 'eventual',
  after: undefined,
  maxStalenessMs: 0,
};

export function recordOf(
  key: ByteString,
  metadata: Readonly<Record<string, string>>,
  expiresAtMs = 0,
  value = `value of ${key}`,
): ViewRecord {
  return { key, value, metadata, version: key.length, expiresAtMs };
}

export function byKey(left: { readonly key: ByteString }, right: { readonly key: ByteString }): number {
  if (left.key === right.key) return 0;
  return left.key < right.key ? -1 : 1;
}

/** Pages are small, so that every query crosses some. */
class FakeView implements ViewReader {
  readonly position: Position;
  readonly timestamp = 1;
  readonly #store: FakeStore;
  readonly #records: readonly ViewRecord[];
  readonly #byKey: ReadonlyMap<ByteString, ViewRecord>;

  constructor(store: FakeStore, position: Position) {
    this.#store = store;
    this.position = position;
    this.#records = [...store.records].sort(byKey);
    this.#byKey = new Map(this.#records.map((record) => [record.key, record]));
  }

  async *records(
    _keyspace: number,
    from: ByteString,
    to: ByteString,
    keysOnly = false,
  ): AsyncIterable<readonly ViewRecord[]> {
    const within = this.#records.filter(({ key }) => key >= from && (to === '' || key < to));
    const read = keysOnly ? within.map((record) => ({ ...record, value: '', metadata: undefined })) : within;
    yield* this.#pages(read);
  }

  async *index(_keyspace: number, field: string, range: IndexRange): AsyncIterable<readonly IndexEntry[]> {
    const kind = indexKindOf(settings, field);
    if (kind === undefined) throw new EdisError('invalid-argument', `${field} is not indexed`);
    const entries: IndexEntry[] = [];
    for (const { key, metadata } of this.#records) {
      const value = metadata?.[field];
      if (value !== undefined && (kind === 'text' || indexNumber(value) !== undefined)) entries.push({ value, key });
    }
    const order = (left: IndexEntry, right: IndexEntry): number =>
      compareIndexValues(kind, left.value, right.value) || byKey(left, right);
    entries.sort(order);
    const { after, equals, prefix, from, to } = range;
    const where: Predicate[] = [];
    if (equals !== undefined) where.push({ kind: 'equals', field, value: equals });
    if (prefix !== undefined) where.push({ kind: 'prefix', field, prefix });
    if (from !== undefined || to !== undefined) where.push({ kind: 'range', field, from, to });
    const holds = predicateFilter(where, () => kind);
    yield* this.#pages(
      entries.filter((entry) => holds({ [field]: entry.value }) && (after === undefined || order(entry, after) > 0)),
    );
  }

  async hasIndexEntry(
    _keyspace: number,
    field: string,
    value: string,
    keys: readonly ByteString[],
  ): Promise<readonly boolean[]> {
    const holds = predicateFilter([{ kind: 'equals', field, value }], (name) => indexKindOf(settings, name));
    return this.#get(keys).map((record) => record !== undefined && holds(record.metadata));
  }

  async getRecords(_keyspace: number, keys: readonly ByteString[]): Promise<readonly (ViewRecord | undefined)[]> {
    this.#store.recordsLoaded += keys.length;
    return this.#get(keys);
  }

  async expiring(untilMs: number, limit: number): Promise<readonly ExpiringRecord[]> {
    const due = this.#records.filter(({ expiresAtMs }) => expiresAtMs !== 0 && expiresAtMs <= untilMs);
    return due.slice(0, limit).map(({ key, expiresAtMs }) => ({ keyspace: 1, key, expiresAtMs }));
  }

  async close(): Promise<void> {
    this.#store.viewsOpen -= 1;
  }

  #get(keys: readonly ByteString[]): (ViewRecord | undefined)[] {
    return keys.map((key) => this.#byKey.get(key));
  }

  async *#pages<Item>(items: readonly Item[]): AsyncIterable<readonly Item[]> {
    for (let start = 0; start < items.length; start += this.#store.pageItems) {
      await this.#store.onPage();
      this.#store.itemsRead += this.#store.pageItems;
      yield items.slice(start, start + this.#store.pageItems);
    }
  }
}

export class FakeStore implements QueryStore {
  records: readonly ViewRecord[];
  pageItems = 3;
  viewPosition = 7;
  visiblePosition = 7;
  lastEntry: Position = { epoch: 2, position: 9 };
  /** How far the view that opens is ahead of what the store says. */
  viewAhead = 0;
  viewsOpen = 0;
  itemsRead = 0;
  recordsLoaded = 0;
  /** Positions that were asked for. */
  readonly opened: number[] = [];
  /** Runs before each page. */
  onPage: () => Promise<void> = async () => {};
  /** Runs before a view opens. */
  onOpen: () => Promise<void> = async () => {};

  constructor(records: readonly ViewRecord[] = []) {
    this.records = records;
  }

  get keyspaces(): ReadonlyMap<number, StoredKeyspace> {
    return new Map([[1, { id: 1, name: 'default', settings, dropped: false }]]);
  }

  keyspaceStats(): ReturnType<QueryStore['keyspaceStats']> {
    return [{ keyspace: 1, recordCount: this.records.length, recordBytes: 0 }];
  }

  epochAt(): number {
    return this.lastEntry.epoch;
  }

  async openView(position: number): Promise<ViewReader> {
    this.opened.push(position);
    await this.onOpen();
    this.viewsOpen += 1;
    return new FakeView(this, { epoch: 2, position: Math.max(position, this.viewPosition) + this.viewAhead });
  }
}

export interface FakeRole {
  role: ReaderState['role'];
  active: boolean;
  applied: Position;
  stalenessMs: number;
}

export interface QueryFixture {
  readonly service: QueryService;
  readonly role: FakeRole;
  readonly damages: EdisError[];
}

/**
 * @param keyspace a second one beside `default`; both have the settings of the tests
 * @param parts in the place of what they would be
 */
export function makeQueryService(
  store: QueryStore,
  sessionWaitMs = 5000,
  keyspace = 7,
  parts: Partial<QueryServiceParts> = {},
): QueryFixture {
  const ownership = new Ownership();
  ownership.onTopology(topologyOf(keyspace));
  ownership.onShard('s1');
  const role: FakeRole = { role: 'primary', active: true, applied: { epoch: 2, position: 9 }, stalenessMs: 0 };
  const damages: EdisError[] = [];
  const service = new QueryService({
    store,
    ownership,
    role: { state: () => role, isReached: () => true, deliverWhenReached: () => false },
    epoch: () => 2,
    sessionWaitMs,
    node: 'n1',
    wallMs: () => nowMs,
    timers: realTimers,
    monotonicMs: () => performance.now(),
    onAnswered: () => {},
    onDamaged: (error) => damages.push(error),
    ...parts,
  });
  return { service, role, damages };
}

/** Nobody aborts it. */
export function patience(): AbortSignal {
  return new AbortController().signal;
}

/** Every record that meets the predicates and has not expired, in the order of a search: what an answer must be. */
export function oracleSearch(records: readonly ViewRecord[], where: readonly Predicate[]): readonly ViewRecord[] {
  const holds = predicateFilter(where, (field) => indexKindOf(settings, field));
  const found = records.filter(
    ({ metadata, expiresAtMs }) => holds(metadata) && (expiresAtMs === 0 || expiresAtMs > nowMs),
  );
  const ordering = where.find(({ kind }) => kind !== 'equals');
  if (ordering === undefined) return found.sort(byKey);
  const { field } = ordering;
  return found.sort((left, right) => {
    const [leftValue = '', rightValue = ''] = [left.metadata?.[field], right.metadata?.[field]];
    const order =
      indexKindOf(settings, field) === 'number'
        ? Number(leftValue) - Number(rightValue)
        : compareText(leftValue, rightValue);
    return order || byKey(left, right);
  });
}

function topologyOf(keyspace: number): Topology {
  const slots = [{ from: 0, to: 16_383, shard: 's1' }];
  return {
    cluster: 'c',
    revision: 3,
    formed: true,
    initialShards: 1,
    infos: [],
    keyspaces: [
      { id: 1, name: 'default', strategy: 'hash', settings, slots },
      { id: keyspace, name: 'second', strategy: 'hash', settings, slots },
    ],
    shards: [{ shard: 's1', epoch: 2, primary: 'store', configuredSize: 1, members: [], voters: [] }],
  };
}
