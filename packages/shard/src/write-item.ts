import type {
  Ack,
  AtomicOperation,
  ByteString,
  Bytes,
  DecidedWrite,
  Metadata,
  Outcome,
  RememberedKind,
  SingleWriteOperation,
  UnwrittenOutcome,
} from '@edis/core';
import { defaultKeyspaceId } from '@edis/core';
import type { LoggedOperation } from '@edis/store';
import { metadataBytes } from './metadata-bytes.ts';
import type { BatchOrigin } from './result-sink.ts';

/** What waits in the queue: a write of its own, or an atomic batch of them. */
export type QueuedItem = QueuedWrite | QueuedAtomic;

/**
 * A write that was admitted and waits for its commit group, in which it becomes the logged operation that it is: one
 * object for all its way, because at a few hundred thousand a second each further one counts.
 */
export class QueuedWrite implements LoggedOperation {
  kind: 'put' | 'delete';
  readonly keyspace: number;
  readonly slot: number;
  readonly key: ByteString;
  value: Bytes;
  metadata: Metadata | undefined;
  expiresAtMs = 0;
  readonly client: ByteString;
  readonly sequence: number;
  readonly origin: RememberedKind;
  answer = 0n;
  readonly operation: SingleWriteOperation;
  /** Its writer's, or that of what it goes on from in its own entry, if that is higher. */
  ack: Ack;
  /** What it counted against the bound of the queue. */
  readonly bytes: number;
  /** What it counts against the bound of the group. */
  loggedBytes: number;
  readonly source: BatchOrigin;
  /** Position of the newest entry that it looked at; 0: none that matters. */
  observed = 0;
  /** The batch that it is part of, and its place there. */
  readonly atomic: QueuedAtomic | undefined;
  readonly index: number;

  constructor(
    operation: SingleWriteOperation,
    slot: number,
    bytes: number,
    source: BatchOrigin,
    atomic?: QueuedAtomic,
    index = 0,
  ) {
    const isPut = operation.kind === 'put';
    this.kind = operation.kind === 'delete' ? 'delete' : 'put';
    this.keyspace = operation.keyspace || defaultKeyspaceId;
    this.slot = slot;
    this.key = operation.key;
    this.value = isPut ? operation.value : '';
    this.metadata = isPut ? operation.metadata : undefined;
    const sequence = atomic === undefined ? operation.sequence : atomic.sequenceOf(index);
    this.client = sequence > 0 ? source.batch.client : '';
    this.sequence = sequence;
    this.origin = operation.kind;
    this.operation = operation;
    this.ack = atomic === undefined ? operation.ack : atomic.ack;
    this.bytes = bytes;
    this.loggedBytes = bytes;
    this.source = source;
    this.atomic = atomic;
    this.index = index;
  }

  /** Becomes the write that was decided upon. */
  become(decided: DecidedWrite): void {
    this.kind = decided.kind;
    this.value = decided.value;
    this.metadata = decided.metadata;
    this.expiresAtMs = decided.expiresAtMs;
    this.answer = decided.answer;
    this.loggedBytes =
      this.key.length + operationOverheadBytes + decided.value.length + metadataBytes(decided.metadata);
  }
}

/** An atomic batch that was admitted. */
export class QueuedAtomic {
  readonly operation: AtomicOperation;
  readonly bytes: number;
  readonly source: BatchOrigin;
  readonly ack: Ack;
  readonly sequence: number;
  readonly firstSentTimestamp: number;
  readonly writes: readonly QueuedWrite[];
  /** Those that are logged, once all were decided upon. */
  readonly logged: QueuedWrite[] = [];
  /** Those that prevent the batch. */
  readonly prevented: { readonly index: number; readonly decision: UnwrittenOutcome }[] = [];
  /** Positions of the newest entry that it looked at, and of the newest that has not reached its ack; 0: none. */
  seen = 0;
  observed = 0;
  /** Something that it looked at waits for the quorum. */
  sawUnsafe = false;
  /** By place; undefined: not logged. */
  readonly #outcomes: (Outcome | undefined)[];
  #outcomeCount = 0;

  constructor(operation: AtomicOperation, slots: readonly number[], bytes: number, source: BatchOrigin) {
    const [first] = operation.writes;
    this.operation = operation;
    this.bytes = bytes;
    this.source = source;
    this.ack = first?.ack ?? 'disk';
    this.sequence = first?.sequence ?? 0;
    this.firstSentTimestamp = first?.firstSentTimestamp ?? 0;
    this.#outcomes = operation.writes.map(() => undefined);
    this.writes = operation.writes.map(
      (write, index) => new QueuedWrite(write, slots[index] ?? 0, bytesOfWrite(write), source, this, index),
    );
  }

  sequenceOf(index: number): number {
    return this.sequence === 0 ? 0 : this.sequence + index;
  }

  /** Takes the outcome of a write that is logged; true when it was the last. */
  note(index: number, outcome: Outcome): boolean {
    this.#outcomes[index] = outcome;
    this.#outcomeCount += 1;
    return this.#outcomeCount === this.logged.length;
  }

  /** Of the batch that was carried out. */
  outcome(position: number): Outcome {
    return appliedOutcome(this.#outcomes, position);
  }
}

/** Part of the bound of the queue that an operation takes besides its key and value. */
const operationOverheadBytes = 64;

/** What a write counts against the bounds of queue and group; the log entry's size follows from it. */
export function bytesOfWrite(operation: SingleWriteOperation): number {
  let bytes = operation.key.length + operationOverheadBytes;
  if (operation.kind === 'put') bytes += operation.value.length + metadataBytes(operation.metadata);
  else if (operation.kind === 'append') bytes += operation.value.length;
  return bytes;
}

/** The outcome of a batch that was carried out: what the log has nothing of are deletes that found no record. */
export function appliedOutcome(outcomes: readonly (Outcome | undefined)[], position: number): Outcome {
  const nothing: Outcome = { kind: 'deleted', existed: false, version: 0, position };
  return { kind: 'atomic', applied: true, outcomes: outcomes.map((outcome) => outcome ?? nothing), position };
}

/** The first and the last number that an item takes of its client's; zeros: it has no operation id. */
export function firstSequenceOf(item: QueuedItem): number {
  return item.source.batch.client === '' ? 0 : item.sequence;
}

export function lastSequenceOf(item: QueuedItem): number {
  return item instanceof QueuedAtomic ? item.sequenceOf(item.writes.length - 1) : item.sequence;
}
