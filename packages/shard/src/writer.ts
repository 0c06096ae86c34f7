import type {
  Admission,
  BusyCause,
  ByteString,
  Condition,
  HybridClock,
  Outcome,
  Primary,
  VisibleWatermark,
  WriteOperation,
} from '@edis/core';
import { defaultKeyspaceId, EdisError, limits, logicalSteps, timestampOfMs } from '@edis/core';
import type { EncodedEntry, LoggedOperation, Store } from '@edis/store';
import type { Acknowledgements } from './acknowledgements.ts';
import type { Counters } from './counters.ts';
import type { BatchOrigin, ResultSink } from './result-sink.ts';

/** A write that was admitted and waits for its commit group. */
interface QueuedWrite {
  readonly operation: WriteOperation;
  readonly slot: number;
  readonly bytes: number;
  readonly origin: BatchOrigin;
}

/** A write of the group that is being formed. */
interface GroupedWrite {
  readonly queued: QueuedWrite;
  /** Position of the newest entry that its condition looked at; 0: none that matters. */
  readonly observed: number;
}

/** Part of the bound of the queue that an operation takes besides its key and value. */
const operationOverheadBytes = 64;

export interface WriterParts {
  readonly store: Store;
  readonly primary: Primary;
  readonly clock: HybridClock;
  readonly watermark: VisibleWatermark;
  readonly admission: Admission;
  readonly acknowledgements: Acknowledgements;
  readonly counters: Counters;
  readonly wallMs: () => number;
  readonly monotonicMs: () => number;
  /** The log grew: followers may be sent the entry. */
  readonly onAppended: (position: number, entry: EncodedEntry) => void;
  /** `visible` may have moved. */
  readonly onProgress: () => void;
}

/**
 * The primary's write path: bounded queue → commit group → log entry → acknowledgement.
 *
 * Guarantees: the writes of one event-loop turn become as few entries as their conditions allow, in the order in which
 * they came; a write is acknowledged only at its ack level; one with a known operation id is answered from
 * memory and never applied twice, whether the repetition or the original arrives first.
 * Assumes that all calls come from one event loop.
 *
 * Within a group nothing is in the overlay yet. A write that must look (a condition, a delete, a repetition) therefore
 * closes the group before it when the group already has its key or its id: it then sees what it must.
 */
export class Writer {
  readonly #parts: WriterParts;
  #queue: QueuedWrite[] = [];
  #scheduled = false;
  #stopped = false;
  #group: GroupedWrite[] = [];
  #groupBytes = 0;
  #groupKeys: Set<string> | undefined;
  readonly #flush = new Set<ResultSink>();

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  /** Takes a checked write in; an outcome at once when it can not be queued. */
  enqueue(operation: WriteOperation, slot: number, origin: BatchOrigin): Outcome | undefined {
    const { primary, admission, store, counters } = this.#parts;
    if (!primary.active || this.#stopped) return { kind: 'not-primary', epoch: primary.epoch };
    const bytes =
      operation.key.length + (operation.kind === 'put' ? operation.value.length : 0) + operationOverheadBytes;
    const cause: BusyCause | undefined = store.hasRoom() ? admission.enter(bytes) : 'overlay';
    if (cause !== undefined) {
      counters.busy += 1;
      return { kind: 'busy', cause, retryAfterMs: admission.retryAfterMs() };
    }
    this.#queue.push({ operation, slot, bytes, origin });
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => this.#commitTurn());
    }
    return undefined;
  }

  /** Takes no more writes; those that were taken are carried out. */
  stop(): void {
    this.#stopped = true;
  }

  /** No write waits for its group or for its sync. */
  get idle(): boolean {
    return this.#queue.length === 0 && this.#parts.acknowledgements.size === 0;
  }

  /** A group sync returned. */
  onSynced(position: number): void {
    this.#parts.acknowledgements.release(position, (sink) => this.#flush.add(sink));
    this.#flushSinks();
  }

  /** The store failed: nothing more is written, and who waits is told that the outcome is unknown. */
  onFailed(error: EdisError): void {
    const outcome: Outcome = { kind: 'unavailable', message: error.message };
    for (const queued of this.#queue.splice(0)) this.#answer(queued, outcome);
    this.#parts.acknowledgements.fail(outcome, (sink) => this.#flush.add(sink));
    this.#flushSinks();
  }

  #commitTurn(): void {
    this.#scheduled = false;
    const queue = this.#queue;
    this.#queue = [];
    let leftBytes = 0;
    for (const queued of queue) {
      leftBytes += queued.bytes;
      this.#take(queued);
    }
    this.#closeGroup();
    this.#parts.admission.leave(queue.length, leftBytes, this.#parts.monotonicMs());
    this.#parts.onProgress();
    this.#flushSinks();
  }

  /** Decides about one write: an answer now, or a place in the group. */
  #take(queued: QueuedWrite): void {
    const { operation, origin } = queued;
    if (operation.sequence > 0 && origin.batch.client !== '' && this.#answerRepeated(queued)) return;
    if (operation.ack === 'quorum') {
      // Until membership changes exist a shard has one member, and a quorum of its configured size is more.
      this.#answer(queued, { kind: 'no-quorum', members: 1, needed: 2 });
      return;
    }
    let observed = 0;
    if (operation.kind === 'delete' || operation.condition !== undefined) {
      const looked = this.#look(queued);
      if (looked === undefined) return;
      observed = looked;
    } else if (this.#groupKeys !== undefined) {
      this.#groupKeys.add(operation.key);
    }
    this.#group.push({ queued, observed });
    this.#groupBytes += queued.bytes;
    if (this.#group.length >= limits.maxBatchOperations || this.#groupBytes >= limits.maxBatchBytes) {
      this.#closeGroup();
    }
  }

  /** True when the operation id settled the matter. */
  #answerRepeated(queued: QueuedWrite): boolean {
    const { operation, origin } = queued;
    const { store, clock, wallMs } = this.#parts;
    const repeated = operation.firstSentTimestamp > 0;
    if (repeated) {
      this.#closeGroup();
      const nowTimestamp = Math.max(clock.last, timestampOfMs(wallMs()));
      const oldest = nowTimestamp - timestampWindow;
      if (operation.firstSentTimestamp < oldest && operation.firstSentTimestamp > 1) {
        this.#answer(queued, { kind: 'too-old', windowMs: limits.operationIdWindowMs });
        return true;
      }
    }
    const found = store.operationIds.find(origin.batch.client, operation.sequence);
    if (found.kind === 'remembered') {
      this.#parts.counters.repeated += 1;
      const outcome: Outcome =
        found.operation.kind === 'put'
          ? { kind: 'put', version: found.operation.version, position: found.operation.position }
          : {
              kind: 'deleted',
              existed: found.operation.existed,
              version: found.operation.version,
              position: found.operation.position,
            };
      this.#answerAfter(queued, outcome, operation.ack === 'memory' ? 0 : found.operation.position);
      return true;
    }
    if (found.kind === 'forgotten') {
      this.#answer(queued, { kind: 'too-old', windowMs: limits.operationIdWindowMs });
      return true;
    }
    if (found.kind === 'full') {
      this.#parts.counters.busy += 1;
      this.#answer(queued, { kind: 'busy', cause: 'clients', retryAfterMs: 1000 });
      return true;
    }
    return false;
  }

  /** Looks at the record that a condition or a delete is about; undefined: the write is answered. */
  #look(queued: QueuedWrite): number | undefined {
    const { operation } = queued;
    if (this.#groupKeys === undefined) {
      this.#groupKeys = new Set(this.#group.map((grouped) => grouped.queued.operation.key));
    }
    if (this.#groupKeys.has(operation.key)) this.#closeGroup();
    const { store } = this.#parts;
    const lookup = store.lookup(operation.keyspace || defaultKeyspaceId, operation.key, 'newest');
    const version = lookup.record?.version ?? 0;
    const seen = lookup.position;
    if (operation.condition !== undefined && !holds(operation.condition, version)) {
      this.#answerAfter(queued, { kind: 'condition-failed', version, position: this.#seen(seen) }, seen);
      return undefined;
    }
    if (operation.kind === 'delete' && lookup.record === undefined) {
      this.#answerAfter(queued, { kind: 'deleted', existed: false, version: 0, position: this.#seen(seen) }, seen);
      return undefined;
    }
    this.#groupKeys ??= new Set();
    this.#groupKeys.add(operation.key);
    return seen;
  }

  #seen(position: number): number {
    return Math.max(position, this.#parts.watermark.visible);
  }

  /** Appends the group as one entry. */
  #closeGroup(): void {
    const group = this.#group;
    this.#groupKeys = undefined;
    if (group.length === 0) return;
    this.#group = [];
    this.#groupBytes = 0;
    const { store, primary, clock, watermark, wallMs, onAppended } = this.#parts;
    const timestamp = clock.take(group.length, wallMs());
    const position = store.lastEntry.position + 1;
    const operations: LoggedOperation[] = [];
    const completed = new Map<ByteString, number>();
    let needsSync = false;
    for (const { queued } of group) {
      operations.push(loggedOperation(queued));
      const { client, completedBelow } = queued.origin.batch;
      if (client !== '') completed.set(client, Math.max(completedBelow, completed.get(client) ?? 0));
      if (queued.operation.ack !== 'memory') needsSync = true;
    }
    let encoded: EncodedEntry;
    try {
      encoded = store.append({ position, epoch: primary.epoch, timestamp, operations, completed });
    } catch (caught) {
      const message = EdisError.from(caught).message;
      for (const { queued } of group) this.#answer(queued, { kind: 'unavailable', message });
      return;
    }
    watermark.onAppended(position, needsSync);
    if (needsSync) store.requestSync();
    onAppended(position, encoded);
    this.#acknowledgeGroup(group, position, timestamp);
  }

  #acknowledgeGroup(group: readonly GroupedWrite[], position: number, timestamp: number): void {
    const { counters } = this.#parts;
    counters.writes += group.length;
    let version = timestamp;
    for (const { queued, observed } of group) {
      const outcome: Outcome =
        queued.operation.kind === 'put'
          ? { kind: 'put', version, position }
          : { kind: 'deleted', existed: true, version, position };
      this.#answerAfter(queued, outcome, queued.operation.ack === 'memory' ? observed : position);
      version += 1;
    }
  }

  /** Answers once the entry at `position` has reached its ack; 0: now. */
  #answerAfter(queued: QueuedWrite, outcome: Outcome, position: number): void {
    const { store, acknowledgements, watermark } = this.#parts;
    const mustSync = queued.operation.ack !== 'memory' && position > store.syncedPosition;
    if (position === 0 || (!mustSync && watermark.isReached(position))) this.#answer(queued, outcome);
    else {
      acknowledgements.wait(position, queued.origin.sink, queued.operation.request, outcome);
      store.requestSync();
    }
  }

  #answer(queued: QueuedWrite, outcome: Outcome): void {
    queued.origin.sink.deliver(queued.operation.request, outcome);
    this.#flush.add(queued.origin.sink);
  }

  #flushSinks(): void {
    for (const sink of this.#flush) sink.flush();
    this.#flush.clear();
  }
}

/** The window of operation ids, in timestamps. */
const timestampWindow = limits.operationIdWindowMs * logicalSteps;

function holds(condition: Condition, version: number): boolean {
  return condition.kind === 'absent' ? version === 0 : version === condition.version && version > 0;
}

function loggedOperation(queued: QueuedWrite): LoggedOperation {
  const { operation, slot, origin } = queued;
  const isPut = operation.kind === 'put';
  return {
    kind: operation.kind,
    keyspace: operation.keyspace || defaultKeyspaceId,
    slot,
    key: operation.key,
    value: isPut ? operation.value : '',
    metadata: isPut ? operation.metadata : undefined,
    expiresAtMs: 0,
    client: operation.sequence > 0 ? origin.batch.client : '',
    sequence: operation.sequence,
  };
}
