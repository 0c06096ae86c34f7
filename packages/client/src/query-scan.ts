/** Scans and searches over all shards of a keyspace. */
import {
  decodeQueryCursor,
  EdisError,
  encodeQueryCursor,
  indexKindOf,
  type Keyspace,
  limits,
  orderingPredicate,
  type Predicate,
  type QueryKind,
  type QueryRecord,
  type QueryScope,
  type RecordPage,
  type SearchPlace,
} from '@edis/core';
import type { Key } from './options.ts';
import { detached } from './pending-operation.ts';
import { checkNumberBounds, conditionsText, predicatesOf } from './query-conditions.ts';
import { byteRange, callerKey } from './query-key.ts';
import type { KeyRange, PageOptions, SearchQuery } from './query-options.ts';
import { type Answered, askShard, type QueryCall, type QueryContext, type Question, shardsOf } from './query-runner.ts';
import { tell } from './read-reply.ts';
import { RecordMerge, type RecordOrder } from './record-merge.ts';
import { MergedStream, type StreamSource } from './record-stream.ts';
import { FoundRecord, type GetResult } from './results.ts';

const defaultPageSize = 2000;

/** How far a query goes. */
type Extent = Pick<PageOptions, 'limit' | 'cursor' | 'pageSize'>;

/** Records in the order of their keys. */
export function openScan(
  context: QueryContext,
  call: QueryCall,
  options: KeyRange & Extent = {},
): MergedStream<GetResult> {
  return new MergedStream(new QuerySource(context, call, options, rangeQuestion(options, false), 'scan', recordOf));
}

/** Keys in the order of their bytes. */
export function openKeys(context: QueryContext, call: QueryCall, options: KeyRange & Extent = {}): MergedStream<Key> {
  const found = (record: QueryRecord): Key => callerKey(record.key);
  return new MergedStream(new QuerySource(context, call, options, rangeQuestion(options, true), 'keys', found));
}

/** Records that meet conditions, by the first field whose condition is no equality and then by key. */
export function openSearch(
  context: QueryContext,
  call: QueryCall,
  query: SearchQuery,
  options: Extent = {},
): MergedStream<GetResult> {
  const where = predicatesOf(query);
  checkNumberBounds(query, context.routes.keyspaceOf(call.scope));
  if (where.length === 0) throw new EdisError('invalid-argument', 'the search has no condition; give one, or scan');
  const question: PagedQuestion = {
    conditions: conditionsText(where),
    orderIn: (keyspace) => orderOf(where, keyspace),
    mayHaveMore: () => true,
    page: (after, maxRecords) => (channel, head, limitsOfCall) =>
      channel.search({ head, where, after, maxRecords, keysOnly: false }, limitsOfCall),
  };
  return new MergedStream(new QuerySource(context, call, options, question, 'search', recordOf));
}

function orderOf(where: readonly Predicate[], keyspace: Keyspace): RecordOrder {
  const ordering = orderingPredicate(where);
  return ordering === undefined ? 'key' : (indexKindOf(keyspace.settings, ordering.field) ?? 'text');
}

/** What is asked of every shard. */
export interface PagedQuestion {
  readonly conditions: string;
  orderIn(keyspace: Keyspace): RecordOrder;
  /** Whether there can be records behind the place. */
  mayHaveMore(after: SearchPlace | undefined): boolean;
  page(after: SearchPlace | undefined, maxRecords: number): Question<RecordPage>;
}

export function rangeQuestion(range: KeyRange, keysOnly: boolean): PagedQuestion {
  const { from, to } = byteRange(range);
  // The least key that is greater.
  const begin = (after: SearchPlace | undefined): string => (after === undefined ? from : `${after.key}\0`);
  return {
    conditions: JSON.stringify([from, to]),
    orderIn: () => 'key',
    mayHaveMore: (after) => to === '' || begin(after) < to,
    page: (after, maxRecords) => (channel, head, limitsOfCall) =>
      channel.scan({ head, from: begin(after), to, maxRecords, keysOnly }, limitsOfCall),
  };
}

/** Joins shards, pages and cursors of one query. */
class QuerySource<Found> implements StreamSource<Found> {
  readonly limit: number;
  readonly found: (record: QueryRecord, answered: Answered<RecordPage>) => Found;
  readonly #context: QueryContext;
  readonly #call: QueryCall;
  readonly #question: PagedQuestion;
  readonly #scope: QueryScope;
  readonly #pageSize: number;
  readonly #abort = new AbortController();
  /** Pages that were begun and not told of yet; undefined: nobody wants to know. */
  readonly #opened: Answered<RecordPage>[] | undefined;
  readonly after: SearchPlace | undefined;

  constructor(
    context: QueryContext,
    call: QueryCall,
    extent: Extent,
    question: PagedQuestion,
    kind: QueryKind,
    found: (record: QueryRecord, answered: Answered<RecordPage>) => Found,
  ) {
    const { topology } = context.routes;
    const keyspace = context.routes.keyspaceOf(call.scope);
    if (keyspace === undefined) throw context.routes.noSuchKeyspace(call.scope);
    this.limit = wholeNumber('limit', extent.limit, Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER);
    this.#pageSize = wholeNumber('pageSize', extent.pageSize, defaultPageSize, limits.maxPageRecords);
    this.#scope = { cluster: topology.cluster, keyspace: keyspace.id, kind, conditions: question.conditions };
    this.after = extent.cursor === undefined ? undefined : decodeQueryCursor(extent.cursor, this.#scope);
    this.#context = context;
    // Whoever leaves the stream ends the pages that are under way, and nothing else.
    const signal = call.signal === undefined ? this.#abort.signal : AbortSignal.any([call.signal, this.#abort.signal]);
    this.#call = { ...call, signal };
    this.#opened = call.onReply === undefined ? undefined : [];
    this.#question = question;
    this.found = (record, answered) => {
      if (signal.aborted)
        throw new EdisError('aborted', `${call.what} was aborted by its caller`, { cause: signal.reason });
      return found(record, answered);
    };
  }

  async open(): Promise<RecordMerge> {
    const { keyspace, shards } = await shardsOf(this.#context, this.#call);
    const { after } = this;
    const question = this.#question;
    const asked = question.mayHaveMore(after) ? shards : [];
    const fetches = asked.map((shard) => (place: SearchPlace | undefined, maxRecords: number) => {
      return askShard(this.#context, this.#call, shard, question.page(place, maxRecords));
    });
    return new RecordMerge(fetches, question.orderIn(keyspace), after, this.#pageSize, this.limit, this.#opened);
  }

  tellOpened(): void {
    const { onReply } = this.#call;
    if (onReply === undefined || this.#opened === undefined) return;
    for (const { page, answer } of this.#opened.splice(0)) {
      tell(
        onReply,
        answer,
        page.records.map(({ key }) => callerKey(key)),
      );
    }
  }

  cursorAt(place: SearchPlace | undefined): string {
    return encodeQueryCursor(this.#scope, place);
  }

  close(): void {
    this.#abort.abort();
  }
}

function recordOf(record: QueryRecord, { answer }: Answered<RecordPage>): GetResult {
  const { key, value, metadata, version, expiresAtMs } = record;
  return new FoundRecord(callerKey(key), detached(value), metadata, version, expiresAtMs, answer);
}

function wholeNumber(name: string, value: number | undefined, otherwise: number, max: number): number {
  if (value === undefined) return otherwise;
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return value;
  throw new EdisError('invalid-argument', `${name} is ${value}; give a whole number from 1 to ${max}`);
}
