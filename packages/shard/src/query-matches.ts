import type { ByteString, EqualsPredicate, IndexKind, Predicate, SearchPlace, SearchPlan } from '@edis/core';
import { compareIndexValues, isExpired, orderingPredicate, planSearch, predicateFilter, wantsProbe } from '@edis/core';
import type { IndexEntry, IndexRange, ViewReader, ViewRecord } from '@edis/store';
import { sizeOfRecord } from './query-page.ts';
import type { QueryWork } from './query-work.ts';

/** A record that meets all predicates. */
export interface Match {
  readonly record: ViewRecord;
  /** Value of the ordering field; undefined: the order is by key alone. */
  readonly place: string | undefined;
}

export interface MatchQuery {
  readonly view: ViewReader;
  readonly keyspace: number;
  readonly where: readonly Predicate[];
  readonly kindOf: (field: string) => IndexKind | undefined;
  /** Undefined: from the beginning. */
  readonly after: SearchPlace | undefined;
  /** False: any order will do, and `after` is not looked at. */
  readonly ordered: boolean;
  readonly nowMs: number;
  readonly work: QueryWork;
  /** An index with at most that many entries for its predicate is read whole. */
  readonly maxFewEntries: number;
  /** Of a record of the keyspace, roughly. */
  readonly averageBytes: number;
  /** How many more matches are of use, as far as that is known. */
  readonly wanted: () => number;
}

/** Records that are loaded at once. */
const maxPortion = 512;
/** After a portion of large records, the next ones grow again by this factor at most. */
const portionGrowth = 4;
/** A record may have 8 MiB: as many are loaded at once as make about that much, by the average and the last ones. */
const portionBytes = 1024 * 1024;

/** Keys that are looked up in another index at once. */
const keysPerLookup = 256;

/** Records whose values are kept between sorting and answering; others are loaded again. */
const keptBytes = 2 * 1024 * 1024;

interface Candidate {
  readonly key: ByteString;
  readonly place: string | undefined;
}

/**
 * The records that meet all predicates, in the order of the search, as portions that may be empty: between any two
 * the caller may stop. core/search-plan.ts says which index is gone through.
 */
export async function* matchesOf(query: MatchQuery): AsyncGenerator<readonly Match[]> {
  const { where, ordered, work } = query;
  const probed = wantsProbe(where) ? await probe(query) : [];
  work.check();
  const counts = probed.map((entries) => entries?.length ?? Number.POSITIVE_INFINITY);
  const plan = planSearch(where, counts, ordered);
  const load = new RecordLoader(query, plan.filters);
  if (plan.kind !== 'few') {
    yield* load.matches(plan.kind === 'intersect' ? keyCandidates(query, plan.equals) : orderedEntries(query, plan));
    return;
  }
  const entries = probed[where.indexOf(plan.driver)] ?? [];
  const ordering = orderingPredicate(where);
  if (ordered && ordering !== undefined && ordering !== plan.driver) {
    yield* sorted(query, load, entries, ordering.field);
  } else {
    yield* load.matches([entriesAfter(query, plan, entries)]);
  }
}

/**
 * Keys that all equalities have, ascending. The entries of one value are ordered by key: those of the rarest value
 * lead, the others are asked for each of its keys, and where another has none of a whole page both leap to what it has
 * next.
 */
export async function* commonKeys(
  query: MatchQuery,
  equals: readonly EqualsPredicate[],
): AsyncGenerator<readonly ByteString[]> {
  const { view, keyspace, work } = query;
  const [leader, ...others] = await rarestFirst(query, equals);
  if (leader === undefined) return;
  let after = query.ordered ? query.after?.key : undefined;
  for (let leaping = true; leaping; ) {
    leaping = false;
    let next: ByteString = '';
    for await (const page of view.index(keyspace, leader.field, rangeOf(leader, after))) {
      const last = page[page.length - 1]?.key ?? '';
      if (last < next) {
        const before = keyBefore(next);
        after = before < last ? last : before;
        leaping = true;
        break;
      }
      let blocker: EqualsPredicate | undefined;
      let found = 0;
      for (let start = 0; start < page.length; start += keysPerLookup) {
        work.check();
        const keys = page.slice(start, start + keysPerLookup).map(({ key }) => key);
        const common = await inAll(query, others, keys);
        blocker = common.blocker ?? blocker;
        found += common.keys.length;
        yield common.keys;
        if (work.isTurnOver) await work.nextTurn();
      }
      if (found > 0 || blocker === undefined) continue;
      const leapt = await firstKeyAfter(query, blocker, last);
      if (leapt === undefined) return;
      next = leapt;
    }
  }
}

/** Those of the keys that all equalities have; `blocker` is one that has none of them. */
async function inAll(
  { view, keyspace }: MatchQuery,
  equals: readonly EqualsPredicate[],
  keys: readonly ByteString[],
): Promise<{ readonly keys: readonly ByteString[]; readonly blocker: EqualsPredicate | undefined }> {
  let common = keys;
  for (const predicate of equals) {
    const has = await view.hasIndexEntry(keyspace, predicate.field, predicate.value, common);
    common = common.filter((_, index) => has[index]);
    if (common.length === 0) return { keys: common, blocker: predicate };
  }
  return { keys: common, blocker: undefined };
}

/** The records of an index page by page, loaded, with those that expired or do not meet the filters left out. */
class RecordLoader {
  readonly #query: MatchQuery;
  readonly #unfiltered: boolean;
  readonly #holds: (record: ViewRecord) => boolean;
  #portion: number;

  constructor(query: MatchQuery, filters: readonly Predicate[]) {
    this.#query = query;
    this.#unfiltered = filters.length === 0;
    this.#portion = portionOf(query.averageBytes);
    const holds = predicateFilter(filters, query.kindOf);
    this.#holds = ({ metadata, expiresAtMs }) => !isExpired(expiresAtMs, query.nowMs) && holds(metadata);
  }

  async *matches(
    pages: AsyncIterable<readonly Candidate[]> | Iterable<readonly Candidate[]>,
  ): AsyncGenerator<readonly Match[]> {
    const { view, keyspace, work, wanted } = this.#query;
    for await (const page of pages) {
      for (let start = 0; start < page.length; ) {
        work.check();
        const size = this.#unfiltered ? Math.min(this.#portion, Math.max(1, wanted())) : this.#portion;
        const portion = page.slice(start, start + size);
        start += portion.length;
        const records = await view.getRecords(
          keyspace,
          portion.map(({ key }) => key),
        );
        const found: Match[] = [];
        let bytes = 0;
        for (const [index, { place }] of portion.entries()) {
          const record = records[index];
          if (record === undefined) continue;
          bytes += sizeOfRecord(record);
          if (this.#holds(record)) found.push({ record, place });
        }
        this.#adapt(bytes / portion.length);
        yield found;
        if (work.isTurnOver) await work.nextTurn();
      }
    }
  }

  #adapt(averageBytes: number): void {
    this.#portion = Math.min(this.#portion * portionGrowth, portionOf(averageBytes));
  }
}

function portionOf(averageBytes: number): number {
  return Math.max(1, Math.min(maxPortion, Math.floor(portionBytes / Math.max(1, averageBytes))));
}

/** The entries of each predicate's index; undefined when they are more than a few, or were not looked at. */
async function probe(query: MatchQuery): Promise<(readonly IndexEntry[] | undefined)[]> {
  const { where, maxFewEntries } = query;
  const probed = where.map((): readonly IndexEntry[] | undefined => undefined);
  // Equalities are more often rare.
  const rareFirst = [...where.keys()].sort(
    (left, right) => Number(where[left]?.kind !== 'equals') - Number(where[right]?.kind !== 'equals'),
  );
  for (const index of rareFirst) {
    const predicate = where[index];
    const entries = predicate === undefined ? undefined : await fewEntries(query, predicate);
    probed[index] = entries;
    // To load so few costs less than another look.
    if (entries !== undefined && entries.length <= maxFewEntries / 4) break;
  }
  return probed;
}

async function fewEntries(
  { view, keyspace, work, maxFewEntries }: MatchQuery,
  predicate: Predicate,
): Promise<readonly IndexEntry[] | undefined> {
  const entries: IndexEntry[] = [];
  for await (const page of view.index(keyspace, predicate.field, rangeOf(predicate, undefined))) {
    work.check();
    if (entries.length + page.length > maxFewEntries) return undefined;
    entries.push(...page);
  }
  return entries;
}

/** A few entries, loaded, filtered, and brought into an order that is not their own. */
async function* sorted(
  query: MatchQuery,
  load: RecordLoader,
  entries: readonly IndexEntry[],
  field: string,
): AsyncGenerator<readonly Match[]> {
  const kind = query.kindOf(field) ?? 'text';
  const { after } = query;
  const found: { readonly key: ByteString; readonly place: string; record: ViewRecord | undefined }[] = [];
  let bytes = 0;
  for await (const portion of load.matches([entries.map(({ key }) => ({ key, place: undefined }))])) {
    for (const { record } of portion) {
      const place = record.metadata?.[field] ?? '';
      if (after !== undefined && comparePlaces(kind, { key: record.key, place }, after) <= 0) continue;
      bytes += sizeOfRecord(record);
      found.push({ key: record.key, place, record: bytes > keptBytes ? undefined : record });
    }
  }
  found.sort((left, right) => comparePlaces(kind, left, { key: right.key, value: right.place }));
  for (const { key, place, record } of found) {
    if (record !== undefined) yield [{ record, place }];
    else for await (const again of load.matches([[{ key, place }]])) yield again;
  }
}

function comparePlaces(
  kind: IndexKind,
  left: { readonly key: ByteString; readonly place: string },
  right: SearchPlace,
): number {
  return compareIndexValues(kind, left.place, right.value) || compareKeys(left.key, right.key);
}

function compareKeys(left: ByteString, right: ByteString): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** Of entries that are in the order of the search already, those behind the place. */
function entriesAfter(
  { ordered, after, kindOf }: MatchQuery,
  { driver }: SearchPlan & { readonly kind: 'few' },
  entries: readonly IndexEntry[],
): readonly Candidate[] {
  const byKey = driver.kind === 'equals';
  const kind = kindOf(driver.field) ?? 'text';
  const behind =
    !ordered || after === undefined
      ? entries
      : entries.filter(({ key, value }) =>
          byKey ? compareKeys(key, after.key) > 0 : comparePlaces(kind, { key, place: value }, after) > 0,
        );
  return behind.map(({ key, value }) => ({ key, place: byKey ? undefined : value }));
}

async function* keyCandidates(
  query: MatchQuery,
  equals: readonly EqualsPredicate[],
): AsyncGenerator<readonly Candidate[]> {
  for await (const keys of commonKeys(query, equals)) yield keys.map((key) => ({ key, place: undefined }));
}

async function* orderedEntries(
  { view, keyspace, after, ordered }: MatchQuery,
  { driver }: SearchPlan & { readonly kind: 'ordered' },
): AsyncGenerator<readonly Candidate[]> {
  const range = { ...rangeOf(driver, undefined), after: ordered ? after : undefined };
  for await (const page of view.index(keyspace, driver.field, range)) {
    yield page.map(({ key, value }) => ({ key, place: value }));
  }
}

/** By how far their first page reaches: who gets further with it has fewer. */
async function rarestFirst(query: MatchQuery, equals: readonly EqualsPredicate[]): Promise<readonly EqualsPredicate[]> {
  if (equals.length < 2) return equals;
  const after = query.ordered ? query.after?.key : undefined;
  const reached: { readonly predicate: EqualsPredicate; readonly last: ByteString; readonly entries: number }[] = [];
  for (const predicate of equals) {
    const page = await firstPage(query, predicate, after);
    reached.push({ predicate, last: page[page.length - 1]?.key ?? '', entries: page.length });
  }
  // Pages of different sizes: who needs fewer entries for the same way is rarer.
  const way = Math.min(...reached.map(({ entries }) => entries));
  reached.sort((left, right) => compareKeys(right.last, left.last) || left.entries - right.entries);
  return way === 0 ? [] : reached.map(({ predicate }) => predicate);
}

async function firstPage(
  { view, keyspace }: MatchQuery,
  predicate: EqualsPredicate,
  after: ByteString | undefined,
): Promise<readonly IndexEntry[]> {
  const pages = view.index(keyspace, predicate.field, rangeOf(predicate, after))[Symbol.asyncIterator]();
  try {
    const first = await pages.next();
    return first.done === true ? [] : first.value;
  } finally {
    await pages.return?.();
  }
}

async function firstKeyAfter(
  query: MatchQuery,
  predicate: EqualsPredicate,
  key: ByteString,
): Promise<ByteString | undefined> {
  const [first] = await firstPage(query, predicate, key);
  return first?.key;
}

/** A key that sorts before this one, and behind nearly all that do. */
function keyBefore(key: ByteString): ByteString {
  const last = key.charCodeAt(key.length - 1);
  const head = key.slice(0, -1);
  return last === 0 ? head : `${head}${String.fromCharCode(last - 1)}\u00ff\u00ff\u00ff\u00ff`;
}

function rangeOf(predicate: Predicate, afterKey: ByteString | undefined): IndexRange {
  switch (predicate.kind) {
    case 'equals': {
      const { value } = predicate;
      return afterKey === undefined ? { equals: value } : { equals: value, after: { value, key: afterKey } };
    }
    case 'prefix':
      return { prefix: predicate.prefix };
    case 'range':
      return { from: predicate.from, to: predicate.to };
  }
}
