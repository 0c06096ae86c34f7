import type {
  AggregateRequest,
  AggregateResponse,
  Fault,
  KeyspaceStats,
  QueryHead,
  QueryRefusal,
  RecordPage,
  ScanRequest,
  ScanResponse,
  SearchRequest,
  SearchResponse,
} from '@edis/core';
import {
  checkAggregate,
  checkScan,
  checkSearch,
  defaultPageRecords,
  EdisError,
  indexKindOf,
  isExpired,
} from '@edis/core';
import { aggregate } from './query-aggregate.ts';
import type { OpenedView, QueriedKeyspace, QueryGateParts } from './query-gate.ts';
import { isRefusal, QueryGate } from './query-gate.ts';
import { matchesOf } from './query-matches.ts';
import { PageBuilder } from './query-page.ts';
import { QuerySlots } from './query-slots.ts';
import { QueryWork, recordsPerLook } from './query-work.ts';

/** Queries that run at once: with a turn of 2 ms each, a point read waits for 8 ms at most. */
const maxRunningQueries = 4;

/** Queries that wait for that; a waiting one costs some hundred bytes, but its answer up to 9 MiB once it runs. */
const maxWaitingQueries = 256;

/** A page of a scan takes some milliseconds, and many are waited for. */
const busyRetryMs = 50;

/** Entries of an index that are read whole and sorted: loading their records takes some milliseconds. */
const maxFewEntries = 512;

/** Portions without a match that a search with a full page looks into, to tell whether it was the last page. */
const maxPortionsAhead = 4;

export interface QueryServiceParts extends QueryGateParts {
  readonly node: string;
  readonly wallMs: () => number;
  readonly monotonicMs: () => number;
  /** A query was answered, not refused. */
  readonly onAnswered: () => void;
  readonly onDamaged: (error: EdisError) => void;
}

/** What a query runs on. */
interface Run {
  readonly opened: OpenedView;
  readonly keyspace: QueriedKeyspace;
  readonly work: QueryWork;
  readonly nowMs: number;
}

/**
 * Answers scans, searches and aggregates of this member's shard.
 *
 * Guarantees: an answer shows one moment of the shard, and none of the records that had expired when it was made;
 * memory and the time between two turns of the event loop are bounded whatever is asked; a caller that goes away stops
 * the work.
 */
export class QueryService {
  readonly #parts: QueryServiceParts;
  readonly #gate: QueryGate;
  readonly #slots = new QuerySlots(maxRunningQueries, maxWaitingQueries);
  readonly #works = new Set<QueryWork>();

  constructor(parts: QueryServiceParts) {
    this.#parts = parts;
    this.#gate = new QueryGate(parts);
  }

  scan(request: ScanRequest, signal: AbortSignal): Promise<ScanResponse> {
    return this.#answer<RecordPage>(
      request.head,
      signal,
      () => checkScan(request),
      (run) => this.#scan(request, run),
    );
  }

  search(request: SearchRequest, signal: AbortSignal): Promise<SearchResponse> {
    return this.#answer<RecordPage>(
      request.head,
      signal,
      ({ settings }) => checkSearch(request, settings),
      (run) => this.#search(request, run),
    );
  }

  aggregate(request: AggregateRequest, signal: AbortSignal): Promise<AggregateResponse> {
    return this.#answer(
      request.head,
      signal,
      ({ settings }) => checkAggregate(request, settings),
      (run) => this.#aggregate(request, run),
    );
  }

  /** What the reads show moved on, or the role changed. */
  onApplied(): void {
    this.#gate.onApplied();
  }

  /** Stops what runs and waits. */
  close(): void {
    for (const work of this.#works) work.stop(new EdisError('closed', 'the node is closing'));
  }

  async #answer<Response extends object>(
    head: QueryHead,
    signal: AbortSignal,
    check: (keyspace: QueriedKeyspace) => Fault | undefined,
    run: (run: Run) => Promise<Response | QueryRefusal>,
  ): Promise<Response | QueryRefusal> {
    const keyspace = this.#gate.keyspaceOf(head);
    if (isRefusal(keyspace)) return keyspace;
    const fault = check(keyspace);
    if (fault !== undefined) return { kind: 'invalid', ...fault };
    if (!this.#slots.admit()) return busy;
    const work = new QueryWork(signal, this.#parts.timers, this.#parts.monotonicMs);
    this.#works.add(work);
    try {
      const refusal = await this.#gate.pass(head, work);
      if (refusal !== undefined) return refusal;
      await this.#slots.enter(work);
      try {
        return await this.#onView(head, keyspace, work, run);
      } finally {
        this.#slots.leave();
      }
    } catch (caught) {
      return this.#refusalOf(EdisError.from(caught));
    } finally {
      work.close();
      this.#works.delete(work);
      this.#slots.depart();
    }
  }

  async #onView<Response extends object>(
    head: QueryHead,
    keyspace: QueriedKeyspace,
    work: QueryWork,
    run: (run: Run) => Promise<Response | QueryRefusal>,
  ): Promise<Response | QueryRefusal> {
    const opened = await this.#gate.open(head, work);
    if (isRefusal(opened)) return opened;
    try {
      const answer = await run({ opened, keyspace, work, nowMs: this.#parts.wallMs() });
      this.#parts.onAnswered();
      return answer;
    } finally {
      await opened.view.close();
    }
  }

  async #scan({ from, to, keysOnly, maxRecords }: ScanRequest, run: Run): Promise<RecordPage> {
    const { opened, keyspace, work, nowMs } = run;
    const page = new PageBuilder(recordsOf(maxRecords), keysOnly);
    for await (const records of opened.view.records(keyspace.id, from, to, keysOnly, page.room + 1)) {
      work.check();
      for (const [index, record] of records.entries()) {
        if (index % recordsPerLook === 0 && work.isTurnOver) await work.nextTurn();
        if (isExpired(record.expiresAtMs, nowMs)) continue;
        if (!page.add(record, undefined)) return page.finish(true, this.#footer(opened));
      }
    }
    return page.finish(false, this.#footer(opened));
  }

  async #search({ where, after, keysOnly, maxRecords }: SearchRequest, run: Run): Promise<RecordPage> {
    const { opened, keyspace, work, nowMs } = run;
    const page = new PageBuilder(recordsOf(maxRecords), keysOnly);
    if (!this.#isStored(keyspace)) return page.finish(false, this.#footer(opened));
    const matches = matchesOf({
      view: opened.view,
      keyspace: keyspace.id,
      where,
      kindOf: (field) => indexKindOf(keyspace.settings, field),
      after,
      ordered: true,
      nowMs,
      work,
      maxFewEntries,
      averageBytes: this.#averageBytes(keyspace),
      wanted: () => page.room + 1,
    });
    let portionsAhead = 0;
    for await (const portion of matches) {
      for (const { record, place } of portion) {
        if (!page.add(record, place)) return page.finish(true, this.#footer(opened));
      }
      if (page.room > 0) continue;
      portionsAhead += 1;
      if (portionsAhead > maxPortionsAhead) return page.finish(true, this.#footer(opened));
    }
    return page.finish(false, this.#footer(opened));
  }

  async #aggregate(request: AggregateRequest, run: Run): Promise<AggregateResponse> {
    const { opened, keyspace, work, nowMs } = run;
    const groups = await aggregate(
      {
        view: opened.view,
        keyspace: keyspace.id,
        where: this.#isStored(keyspace) ? request.where : [],
        kindOf: (field) => (this.#isStored(keyspace) ? indexKindOf(keyspace.settings, field) : undefined),
        after: undefined,
        ordered: false,
        nowMs,
        work,
        maxFewEntries,
        averageBytes: this.#averageBytes(keyspace),
        wanted: () => Number.POSITIVE_INFINITY,
        stats: this.#statsOf(opened, keyspace),
      },
      request,
    );
    if ('cause' in groups) return { kind: 'invalid', ...groups };
    return { kind: 'groups', groups, footer: this.#footer(opened) };
  }

  /** The counters, while they are of exactly this view. */
  #statsOf({ view }: OpenedView, keyspace: QueriedKeyspace): KeyspaceStats | undefined {
    return this.#parts.store.viewPosition === view.position.position ? this.#countersOf(keyspace) : undefined;
  }

  #averageBytes(keyspace: QueriedKeyspace): number {
    const { recordBytes, recordCount } = this.#countersOf(keyspace);
    return recordBytes / Math.max(1, recordCount);
  }

  #countersOf({ id }: QueriedKeyspace): KeyspaceStats {
    const counters = this.#parts.store.keyspaceStats().find(({ keyspace }) => keyspace === id);
    return counters ?? { keyspace: id, recordCount: 0, recordBytes: 0 };
  }

  /** The log may not know a keyspace that the topology has: there are no records of it, and no indexes to ask. */
  #isStored({ id }: QueriedKeyspace): boolean {
    return this.#parts.store.keyspaces.has(id);
  }

  #footer({ view, stalenessMs }: OpenedView): RecordPage['footer'] {
    return { node: this.#parts.node, position: view.position, stalenessMs };
  }

  #refusalOf(error: EdisError): QueryRefusal {
    if (error.code === 'busy') return busy;
    if (error.code === 'damaged') this.#parts.onDamaged(error);
    if (error.code === 'damaged' || error.code === 'disk') return { kind: 'unavailable', message: error.message };
    throw error;
  }
}

const busy: QueryRefusal = Object.freeze({ kind: 'busy', cause: 'queries', retryAfterMs: busyRetryMs });

function recordsOf(maxRecords: number): number {
  return maxRecords === 0 ? defaultPageRecords : maxRecords;
}
