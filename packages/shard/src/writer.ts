import type {
  Admission,
  BatchRequest,
  BusyCause,
  ByteString,
  Bytes,
  Condition,
  HybridClock,
  Metadata,
  Outcome,
  Primary,
  VisibleWatermark,
  WriteOperation,
} from '@edis/core';
import { defaultKeyspaceId, EdisError, limits, logicalSteps, timestampOfMs } from '@edis/core';
import type { EncodedEntry, LoggedOperation, Lookup, Store } from '@edis/store';
import type { Acknowledgements } from './acknowledgements.ts';
import type { Counters } from './counters.ts';
import { metadataBytes } from './metadata-bytes.ts';
import type { BatchOrigin, ResultSink } from './result-sink.ts';

/**
 * A write that was admitted and waits for its commit group, in which it becomes the logged operation that it is: one
 * object for all its way, because at a few hundred thousand a second each further one counts.
 */
class QueuedWrite implements LoggedOperation {
  readonly kind: 'put' | 'delete';
  readonly keyspace: number;
  readonly slot: number;
  readonly key: ByteString;
  readonly value: Bytes;
  readonly metadata: Metadata | undefined;
  readonly expiresAtMs = 0;
  readonly client: ByteString;
  readonly sequence: number;
  readonly operation: WriteOperation;
  readonly bytes: number;
  readonly origin: BatchOrigin;
  /** Position of the newest entry that its condition looked at; 0: none that matters. */
  observed = 0;

  constructor(operation: WriteOperation, slot: number, bytes: number, origin: BatchOrigin) {
    const isPut = operation.kind === 'put';
    this.kind = operation.kind;
    this.keyspace = operation.keyspace || defaultKeyspaceId;
    this.slot = slot;
    this.key = operation.key;
    this.value = isPut ? operation.value : '';
    this.metadata = isPut ? operation.metadata : undefined;
    this.client = operation.sequence > 0 ? origin.batch.client : '';
    this.sequence = operation.sequence;
    this.operation = operation;
    this.bytes = bytes;
    this.origin = origin;
  }
}

/** Up to that many clients each of their batches is a commit group. */
const fewClients = 4;

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
  /** Streams of clients that are open. */
  readonly clientCount: () => number;
  /** The log grew: followers may be sent the entry. */
  readonly onAppended: (position: number, entry: EncodedEntry) => void;
  /** `visible` may have moved. */
  readonly onProgress: () => void;
  /** A record that a write had to look at can not be read. */
  readonly onUnreadable: (error: EdisError) => void;
}

/**
 * The primary's write path: bounded queue → commit group → log entry → acknowledgement.
 *
 * Guarantees: the writes of one event-loop turn become as few entries as their conditions allow, in the order in which
 * they came; a write is acknowledged only at its ack level; one with a known operation id is answered from
 * memory and never applied twice, whether the repetition or the original arrives first.
 * Assumes that all calls come from one event loop.
 *
 * Within a group nothing is in the overlay yet. A write that must look (a condition, a delete) therefore closes the
 * group before it when the group already has its key; and one whose number does not rise within the group, which may be
 * a repetition of one that is in it, when the group has its client. It then sees what it must.
 */
export class Writer {
  readonly #parts: WriterParts;
  #queue: QueuedWrite[] = [];
  #scheduled = false;
  #stopped = false;
  #group: QueuedWrite[] = [];
  #groupBytes = 0;
  #groupKeys: Set<string> | undefined;
  /** The highest sequence of each client in the group; of the client that wrote last it is in the fields below. */
  readonly #groupSequences = new Map<ByteString, number>();
  #lastClient: ByteString = '';
  #lastSequence = 0;
  #failure: Outcome | undefined;
  readonly #flush = new Set<ResultSink>();

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  /** Takes a checked write in; an outcome at once when it can not be queued. */
  enqueue(operation: WriteOperation, slot: number, origin: BatchOrigin): Outcome | undefined {
    const { primary, admission, counters } = this.#parts;
    if (this.#failure !== undefined) return this.#failure;
    if (!primary.active || this.#stopped) return { kind: 'not-primary', epoch: primary.epoch };
    const bytes = bytesOf(operation);
    const cause = this.#enter(bytes);
    if (cause !== undefined) {
      counters.busy += 1;
      return { kind: 'busy', cause, retryAfterMs: admission.retryAfterMs() };
    }
    this.#queue.push(new QueuedWrite(operation, slot, bytes, origin));
    this.#schedule();
    return undefined;
  }

  #enter(bytes: number): BusyCause | undefined {
    const { admission, store, acknowledgements } = this.#parts;
    if (!store.hasRoom()) return 'overlay';
    return acknowledgements.isFull ? 'queue-operations' : admission.enter(bytes);
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
    this.#failure = outcome;
    for (const queued of this.#queue.splice(0)) this.#answer(queued, outcome);
    this.#parts.acknowledgements.fail(outcome, (sink) => this.#flush.add(sink));
    this.#flushSinks();
  }

  /**
   * A commit group ends with the turn of the event loop. With few clients there is nobody else to wait for in this
   * turn: committing within the callback that brought the batch saves a round of the loop, a third of a lone caller's
   * latency, because what is written to an HTTP/2 stream inside the callback of a read leaves with its end.
   */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const commit = (): void => this.#commitTurn();
    if (this.#parts.clientCount() <= fewClients) process.nextTick(commit);
    else setImmediate(commit);
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
    const { client } = origin.batch;
    const isNumbered = operation.sequence > 0 && client !== '';
    if (isNumbered) {
      if (this.#groupSequence(client) >= operation.sequence) this.#closeGroup();
      if (this.#answerRepeated(queued)) return;
    }
    if (operation.ack === 'quorum') {
      // Until membership changes exist a shard has one member, and a quorum of its configured size is more.
      this.#answer(queued, { kind: 'no-quorum', members: 1, needed: 2 });
      return;
    }
    if (operation.kind === 'delete' || operation.condition !== undefined) {
      const looked = this.#look(queued);
      if (looked === undefined) return;
      queued.observed = looked;
    } else if (this.#groupKeys !== undefined) {
      this.#groupKeys.add(operation.key);
    }
    if (isNumbered) this.#noteSequence(client, operation.sequence);
    this.#group.push(queued);
    this.#groupBytes += queued.bytes;
    if (this.#group.length >= limits.maxBatchOperations || this.#groupBytes >= limits.maxBatchBytes) {
      this.#closeGroup();
    }
  }

  #groupSequence(client: ByteString): number {
    return client === this.#lastClient ? this.#lastSequence : (this.#groupSequences.get(client) ?? 0);
  }

  #noteSequence(client: ByteString, sequence: number): void {
    if (client !== this.#lastClient) {
      if (this.#lastClient !== '') this.#groupSequences.set(this.#lastClient, this.#lastSequence);
      this.#lastClient = client;
    }
    this.#lastSequence = sequence;
  }

  /** True when the operation id settled the matter. */
  #answerRepeated(queued: QueuedWrite): boolean {
    const { operation, origin } = queued;
    const { store, clock, wallMs } = this.#parts;
    if (operation.firstSentTimestamp > 0) {
      const nowTimestamp = Math.max(clock.last, timestampOfMs(wallMs()));
      if (operation.firstSentTimestamp < nowTimestamp - timestampWindow) {
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
      this.#answerRemembered(queued, outcome, found.operation.position);
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

  /**
   * The first attempt may have looked at a `disk` write: below `visible` all that it can have seen has reached its ack,
   * above it only a sync says so.
   */
  #answerRemembered(queued: QueuedWrite, outcome: Outcome, position: number): void {
    const { store, watermark } = this.#parts;
    const reached = queued.operation.ack === 'memory' ? watermark.visible : store.syncedPosition;
    if (position <= reached) this.#answer(queued, outcome);
    else this.#answerSynced(queued, outcome, position);
  }

  /** Looks at the record that a condition or a delete is about; undefined: the write is answered. */
  #look(queued: QueuedWrite): number | undefined {
    const { operation } = queued;
    if (this.#groupKeys === undefined) {
      this.#groupKeys = new Set(this.#group.map((grouped) => grouped.key));
    }
    if (this.#groupKeys.has(operation.key)) this.#closeGroup();
    const lookup = this.#lookup(queued);
    if (lookup === undefined) return undefined;
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

  /** Undefined: the record can not be read, and the write is answered. */
  #lookup(queued: QueuedWrite): Lookup | undefined {
    const { keyspace, key } = queued.operation;
    try {
      return this.#parts.store.lookup(keyspace || defaultKeyspaceId, key, 'newest');
    } catch (caught) {
      const error = EdisError.from(caught);
      this.#parts.onUnreadable(error);
      this.#answer(queued, { kind: 'unavailable', message: error.message });
      return undefined;
    }
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
    this.#groupSequences.clear();
    this.#lastClient = '';
    this.#lastSequence = 0;
    this.#groupBytes = 0;
    const { store, primary, clock, watermark, wallMs, onAppended } = this.#parts;
    const timestamp = clock.take(group.length, wallMs());
    const position = store.lastEntry.position + 1;
    const completed = new Map<ByteString, number>();
    let needsSync = false;
    let batch: BatchRequest | undefined;
    for (const { origin, operation } of group) {
      if (operation.ack !== 'memory') needsSync = true;
      if (origin.batch === batch) continue;
      batch = origin.batch;
      const { client, completedBelow } = batch;
      if (client !== '') completed.set(client, Math.max(completedBelow, completed.get(client) ?? 0));
    }
    let encoded: EncodedEntry;
    try {
      encoded = store.append({ position, epoch: primary.epoch, timestamp, operations: group, completed });
    } catch (caught) {
      const message = EdisError.from(caught).message;
      for (const queued of group) this.#answer(queued, { kind: 'unavailable', message });
      return;
    }
    watermark.onAppended(position, needsSync);
    if (needsSync) store.requestSync();
    onAppended(position, encoded);
    this.#acknowledgeGroup(group, position, timestamp);
  }

  #acknowledgeGroup(group: readonly QueuedWrite[], position: number, timestamp: number): void {
    const { counters } = this.#parts;
    counters.writes += group.length;
    let version = timestamp;
    for (const queued of group) {
      const outcome: Outcome =
        queued.kind === 'put'
          ? { kind: 'put', version, position }
          : { kind: 'deleted', existed: true, version, position };
      this.#answerAfter(queued, outcome, queued.operation.ack === 'memory' ? queued.observed : position);
      version += 1;
    }
  }

  /** Answers once the entry at `position` has reached its ack; 0: now. */
  #answerAfter(queued: QueuedWrite, outcome: Outcome, position: number): void {
    const { store, watermark } = this.#parts;
    const mustSync = queued.operation.ack !== 'memory' && position > store.syncedPosition;
    if (position === 0 || (!mustSync && watermark.isReached(position))) this.#answer(queued, outcome);
    else this.#answerSynced(queued, outcome, position);
  }

  /** Answers when a sync has covered `position`. */
  #answerSynced(queued: QueuedWrite, outcome: Outcome, position: number): void {
    const { sink } = queued.origin;
    this.#parts.acknowledgements.wait(position, sink, queued.operation.request, outcome);
    this.#flush.add(sink);
    this.#parts.store.requestSync();
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

/** What a write counts against the bounds of queue and group; the log entry's size follows from it. */
function bytesOf(operation: WriteOperation): number {
  let bytes = operation.key.length + operationOverheadBytes;
  if (operation.kind === 'put') bytes += operation.value.length + metadataBytes(operation.metadata);
  return bytes;
}

function holds(condition: Condition, version: number): boolean {
  return condition.kind === 'absent' ? version === 0 : version === condition.version && version > 0;
}
