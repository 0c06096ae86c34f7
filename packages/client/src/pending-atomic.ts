import type {
  AppendOperation,
  AtomicOperation,
  Condition,
  DeleteOperation,
  IncrementOperation,
  Outcome,
  PutOperation,
  SingleWriteOperation,
} from '@edis/core';
import { EdisError } from '@edis/core';
import { codeOfInvalid } from './decide.ts';
import { answeredError } from './failure.ts';
import type { Key } from './options.ts';
import { type CallParts, overheadBytes, PendingWrite, unmet, type WriteParts } from './pending-operation.ts';
import {
  type Answer,
  type BatchWriteResult,
  CompletedAppend,
  CompletedDelete,
  CompletedIncrement,
  CompletedPut,
} from './results.ts';

/** What the batch that holds a write says for all its writes. */
type OfBatch = 'request' | 'keyspace' | 'sequence' | 'firstSentTimestamp' | 'ack';

/** One write of a batch as it was checked. */
export type PreparedWrite = (
  | Omit<PutOperation, OfBatch>
  | Omit<DeleteOperation, OfBatch>
  | Omit<IncrementOperation, OfBatch>
  | Omit<AppendOperation, OfBatch>
) & {
  readonly callerKey: Key;
  readonly condition: Condition | undefined;
  /** Upper bound, roughly, of what it takes in a message. */
  readonly bytes: number;
};

/** How the writes of one shard ended. */
export interface AtomicResult {
  readonly applied: boolean;
  readonly results: readonly BatchWriteResult[];
}

/** The writes of a batch that belong to one shard: one operation, with an operation id for each of them. */
export class PendingAtomic extends PendingWrite implements AtomicOperation {
  readonly kind = 'atomic';
  readonly writes: readonly SingleWriteOperation[];
  override readonly sequenceCount: number;
  readonly #prepared: readonly PreparedWrite[];
  readonly #resolve: (result: AtomicResult) => void;

  /** @param call its key is that of the first write */
  constructor(
    call: CallParts,
    prepared: readonly PreparedWrite[],
    write: WriteParts,
    resolve: (result: AtomicResult) => void,
    reject: (error: EdisError) => void,
  ) {
    super(call, write, atomicBytes(prepared), reject);
    this.#prepared = prepared;
    this.#resolve = resolve;
    this.sequenceCount = prepared.length;
    this.writes = prepared.map((each, index) => writeOf(this, each, index));
  }

  /** Hands the outcomes to the caller; false: they are none of this batch. */
  complete(outcome: Outcome, answer: Answer): boolean {
    if (outcome.kind !== 'atomic' || outcome.outcomes.length !== this.#prepared.length) return false;
    const results: BatchWriteResult[] = [];
    for (const [index, write] of this.#prepared.entries()) {
      const each = outcome.outcomes[index];
      if (each?.kind === 'invalid') {
        const where = `write ${index} of the shard's part of the batch`;
        const after = this.mayBeApplied ? '' : '; nothing of the part was done';
        const error = new EdisError(codeOfInvalid(each.cause), `${where}: ${each.message}${after}`);
        this.reject(answeredError(this, error));
        return true;
      }
      const result = each === undefined ? undefined : resultOf(write, each, answer);
      if (result === undefined) return false;
      results.push(result);
    }
    this.#resolve({ applied: outcome.applied, results });
    return true;
  }
}

export function atomicBytes(prepared: readonly PreparedWrite[]): number {
  let bytes = 0;
  for (const write of prepared) bytes += write.bytes + overheadBytes;
  return bytes;
}

/** A write of the batch as it travels: what concerns the whole batch is read from it, at the time of sending. */
function writeOf(batch: PendingAtomic, prepared: PreparedWrite, index: number): SingleWriteOperation {
  return {
    ...prepared,
    request: index,
    ack: batch.ack,
    get keyspace() {
      return batch.keyspace;
    },
    get sequence() {
      return batch.sequence === 0 ? 0 : batch.sequence + index;
    },
    get firstSentTimestamp() {
      return batch.firstSentTimestamp;
    },
  };
}

function resultOf(write: PreparedWrite, outcome: Outcome, answer: Answer): BatchWriteResult | undefined {
  const { callerKey: key } = write;
  const { place } = answer;
  if (outcome.kind === 'not-done') return { applied: false, key, reason: 'not-done' };
  if (outcome.kind === 'condition-failed') return unmet(key, outcome.version, answer);
  switch (write.kind) {
    case 'put':
      return outcome.kind === 'put' ? new CompletedPut(key, outcome.version, place) : undefined;
    case 'delete':
      if (outcome.kind !== 'deleted') return undefined;
      return new CompletedDelete(key, outcome.existed, outcome.version, place);
    case 'increment':
      if (outcome.kind !== 'incremented') return undefined;
      return new CompletedIncrement(key, outcome.value, outcome.version, place);
    case 'append':
      if (outcome.kind !== 'appended') return undefined;
      return new CompletedAppend(key, outcome.length, outcome.version, place);
  }
}
