import type { GetOperation, Outcome, ReadDecision, ReaderState, Timers } from '@edis/core';
import { decideRead, defaultKeyspaceId, EdisError, isExpired, unreachable } from '@edis/core';
import type { Lookup, Store, StoredRecord } from '@edis/store';
import type { Counters } from './counters.ts';
import { ReadMoment } from './read-moment.ts';
import type { ResultSink } from './result-sink.ts';

/** What the role of the member says about reads. */
export interface ReadingRole {
  state(): ReaderState;
  /**
   * Whether an entry above `visible` that a read at the primary saw has reached its writer's ack; a replica sees none.
   */
  isReached(position: number): boolean;
  /** Delivers the result once that entry has reached its ack. False: too many wait already, and it is not taken. */
  deliverWhenReached(position: number, sink: ResultSink, request: number, outcome: Outcome): boolean;
}

interface WaitingRead {
  readonly operation: GetOperation;
  readonly sink: ResultSink;
  readonly deadlineMs: number;
}

/** Reads that may wait for their token at once; above it they are sent to the primary without waiting. */
const maxWaitingReads = 65_536;

/** When too many results wait for a sync already, which takes some milliseconds when it is slow. */
const fullRetryMs = 20;

/** How often waiting reads are looked at for their deadline. */
const sweepMs = 10;

export interface ReaderParts {
  readonly store: Store;
  readonly role: ReadingRole;
  readonly counters: Counters;
  readonly sessionWaitMs: number;
  readonly timers: Timers;
  readonly monotonicMs: () => number;
  readonly wallMs: () => number;
  readonly onDamaged: (error: EdisError) => void;
}

/**
 * Answers reads from overlay, cache and view.
 *
 * Guarantees: a replica shows nothing above `visible`; the primary shows the newest write of a key, but lets nobody
 * know of one that a crash could still take away (the answer waits for the sync); a session read never shows a state
 * before its token; a record whose deadline has passed is not shown. A read that waits does so for at most
 * `sessionWaitMs`. What a read is, and what it shows, goes by one look at whether the primary may act.
 */
export class Reader {
  readonly #parts: ReaderParts;
  readonly #moment: ReadMoment;
  #waiting: WaitingRead[] = [];
  #stopSweep: (() => void) | undefined;
  #closed = false;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
    this.#moment = new ReadMoment(parts.store, parts.role);
  }

  /** Delivers the answer to the sink now or later. */
  read(operation: GetOperation, sink: ResultSink): void {
    this.#answer(decideRead(this.#moment.look(), operation), operation, sink);
  }

  /** What the reads show moved on, or the role changed: waiting reads are decided again. */
  onApplied(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    // One look for all of them: nothing else runs meanwhile, and what it shows was so when they were asked about.
    const moment = this.#moment.look();
    const flush = new Set<ResultSink>();
    for (const read of waiting) {
      const decision = decideRead(moment, read.operation);
      if (decision === 'wait') this.#waiting.push(read);
      else {
        this.#answer(decision, read.operation, read.sink);
        flush.add(read.sink);
      }
    }
    for (const sink of flush) sink.flush();
  }

  /** Reads that wait, or would from now on, are too stale. */
  close(): void {
    this.#closed = true;
    this.#expire(Number.POSITIVE_INFINITY);
  }

  /** In the moment in which that was decided. */
  #answer(decision: ReadDecision, operation: GetOperation, sink: ResultSink): void {
    switch (decision) {
      case 'serve':
        this.#serve(operation, sink);
        return;
      case 'wait':
        this.#wait(operation, sink);
        return;
      case 'too-stale':
        sink.deliver(operation.request, tooStale(this.#moment));
        return;
      case 'not-primary':
        sink.deliver(operation.request, { kind: 'not-primary', epoch: this.#moment.applied.epoch });
        return;
      default:
        unreachable(decision);
    }
  }

  #serve(operation: GetOperation, sink: ResultSink): void {
    const { store, role, counters } = this.#parts;
    const newest = this.#moment.active;
    let lookup: Lookup;
    try {
      lookup = store.lookup(
        operation.keyspace === 0 ? defaultKeyspaceId : operation.keyspace,
        operation.key,
        newest ? 'newest' : 'visible',
      );
    } catch (caught) {
      const error = EdisError.from(caught);
      if (error.code === 'damaged') this.#parts.onDamaged(error);
      sink.deliver(operation.request, { kind: 'unavailable', message: error.message });
      return;
    }
    counters.reads += 1;
    const seen = Math.max(lookup.position, store.visiblePosition);
    const outcome = outcomeOf(operation, this.#visible(lookup), seen);
    if (newest && lookup.position > 0 && !role.isReached(lookup.position)) {
      if (!role.deliverWhenReached(lookup.position, sink, operation.request, outcome)) {
        sink.deliver(operation.request, { kind: 'busy', cause: 'queue-operations', retryAfterMs: fullRetryMs });
      }
    } else {
      sink.deliver(operation.request, outcome);
    }
  }

  /** From its deadline on a record is hidden, long before the primary removes it. */
  #visible({ record }: Lookup): StoredRecord | undefined {
    if (record === undefined || record.expiresAtMs === 0) return record;
    return isExpired(record.expiresAtMs, this.#parts.wallMs()) ? undefined : record;
  }

  #wait(operation: GetOperation, sink: ResultSink): void {
    const { sessionWaitMs, timers, monotonicMs } = this.#parts;
    if (sessionWaitMs === 0 || this.#closed || this.#waiting.length >= maxWaitingReads) {
      sink.deliver(operation.request, tooStale(this.#moment));
      return;
    }
    this.#waiting.push({ operation, sink, deadlineMs: monotonicMs() + sessionWaitMs });
    this.#stopSweep ??= timers.every(sweepMs, () => this.#expire(monotonicMs()));
  }

  #expire(nowMs: number): void {
    const flush = new Set<ResultSink>();
    const moment = this.#moment.look();
    const waiting = this.#waiting;
    this.#waiting = waiting.filter((read) => read.deadlineMs > nowMs);
    for (const read of waiting) {
      if (read.deadlineMs > nowMs) continue;
      read.sink.deliver(read.operation.request, tooStale(moment));
      flush.add(read.sink);
    }
    for (const sink of flush) sink.flush();
    if (this.#waiting.length === 0) {
      this.#stopSweep?.();
      this.#stopSweep = undefined;
    }
  }
}

function tooStale(state: ReaderState): Outcome {
  return { kind: 'too-stale', applied: state.applied, stalenessMs: state.stalenessMs };
}

function outcomeOf(operation: GetOperation, record: StoredRecord | undefined, position: number): Outcome {
  if (record === undefined) return { kind: 'not-found', position };
  return {
    kind: 'found',
    value: operation.omitValue ? '' : record.value,
    metadata: operation.omitValue ? undefined : record.metadata,
    version: record.version,
    expiresAtMs: record.expiresAtMs,
    position,
  };
}
