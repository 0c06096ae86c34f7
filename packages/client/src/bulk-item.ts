/**
 * One operation of a bulk call: what travels, and where it stands. All else it shares with its call, so that it costs
 * half of what an operation of its own does. One that needs more than an answer (a repetition, a wait, an error) goes
 * on as such an operation: see `alone`.
 */
import type { ByteString, Bytes, GetOperation, Metadata, Outcome, Position, PutOperation } from '@edis/core';
import { EdisError, slotOf } from '@edis/core';
import type { BulkCall } from './bulk-call.ts';
import { keyBytes } from './call-input.ts';
import type { NodeConnection } from './node-connection.ts';
import type { Key } from './options.ts';
import {
  detached,
  type OperationState,
  overheadBytes,
  PendingGet,
  PendingPut,
  type PutContent,
  putBytes,
  type ReadParts,
  type WriteParts,
} from './pending-operation.ts';
import type { BulkReplies } from './read-reply.ts';
import { type Answer, CompletedPut, FoundRecord, type GetResult, type NotApplied, type PutResult } from './results.ts';
import type { WriteIdentity } from './write-identity.ts';

/** How an operation of a bulk mostly ends. */
export type PlainOutcome = Extract<Outcome, { kind: 'put' | 'found' | 'not-found' }>;

abstract class BulkItemBase {
  request = 0;
  keyspace = 0;
  state: OperationState = 'new';
  connection: NodeConnection | undefined = undefined;
  /** Once it has begun. */
  call: BulkCall | undefined = undefined;
  readonly key: ByteString;
  readonly callerKey: Key;
  readonly slot: number;
  abstract readonly bytes: number;

  constructor(key: Key) {
    const bytes = keyBytes(key);
    this.key = bytes;
    this.callerKey = key;
    this.slot = slotOf(bytes);
  }
}

export class BulkPut extends BulkItemBase implements PutOperation {
  readonly kind = 'put';
  sequence = 0;
  /** Repetitions go on alone. */
  readonly firstSentTimestamp = 0;
  sentTimestamp = 0;
  identity: WriteIdentity | undefined = undefined;
  readonly condition = undefined;
  readonly value: Bytes;
  readonly metadata: Metadata | undefined;
  readonly ttlMs: number;
  readonly expiresAtMs: number;
  readonly bytes: number;
  readonly #write: WriteParts;
  /** Once it is done. */
  result: PutResult | undefined = undefined;

  constructor(key: Key, content: PutContent, write: WriteParts) {
    super(key);
    this.value = content.value;
    this.metadata = content.metadata;
    this.ttlMs = content.ttlMs;
    this.expiresAtMs = content.expiresAtMs;
    this.#write = write;
    this.bytes = this.key.length + putBytes(content) + overheadBytes;
  }

  get ack(): WriteParts['ack'] {
    return this.#write.ack;
  }

  expects(outcome: Outcome): outcome is PlainOutcome {
    return outcome.kind === 'put';
  }

  complete(outcome: PlainOutcome, { place }: Answer): void {
    if (outcome.kind === 'put') this.result = new CompletedPut(this.callerKey, outcome.version, place);
  }

  /** The same operation with all that it needs to be repeated. */
  alone(call: BulkCall): PendingPut {
    const done = (result: PutResult | NotApplied): void => {
      if (!result.applied) {
        const message = 'a put without a condition was answered with an unmet one';
        call.fail(new EdisError('protocol', message, { outcomeUnknown: true }));
        return;
      }
      this.result = result;
      call.settle();
    };
    const parts = { key: this.key, callerKey: this.callerKey, slot: this.slot, ...call.terms };
    const operation = new PendingPut(parts, this, this.#write, done, (error) => call.fail(error));
    operation.sequence = this.sequence;
    operation.sentTimestamp = this.sentTimestamp;
    operation.identity = this.identity;
    return operation;
  }
}

/** How the reads of a bulk are to be answered. */
export interface BulkRead extends ReadParts {
  /** Undefined: nobody wants to know who answers. */
  readonly replies?: BulkReplies | undefined;
}

export class BulkGet extends BulkItemBase implements GetOperation {
  readonly kind = 'get';
  after: Position | undefined = undefined;
  readonly omitValue = false;
  readonly #read: BulkRead;
  /** Once it is done; undefined: there is no record. */
  result: GetResult | undefined = undefined;

  constructor(key: Key, read: BulkRead) {
    super(key);
    this.#read = read;
  }

  get consistency(): ReadParts['consistency'] {
    return this.#read.consistency;
  }

  get maxStalenessMs(): number {
    return this.#read.maxStalenessMs;
  }

  get token(): ReadParts['token'] {
    return this.#read.token;
  }

  get bytes(): number {
    return this.key.length + overheadBytes;
  }

  expects(outcome: Outcome): outcome is PlainOutcome {
    return outcome.kind === 'found' || outcome.kind === 'not-found';
  }

  complete(outcome: PlainOutcome, answer: Answer): void {
    this.#read.replies?.add(this.callerKey, answer);
    if (outcome.kind !== 'found') return;
    const { value, metadata, version, expiresAtMs } = outcome;
    this.result = new FoundRecord(this.callerKey, detached(value), metadata, version, expiresAtMs, answer);
  }

  /** The same operation with all that it needs to be repeated. */
  alone(call: BulkCall): PendingGet {
    const done = (result: GetResult | undefined, answer: Answer): void => {
      this.#read.replies?.add(this.callerKey, answer);
      this.result = result;
      call.settle();
    };
    const parts = { key: this.key, callerKey: this.callerKey, slot: this.slot, ...call.terms };
    return new PendingGet(parts, this.#read, false, done, (error) => call.fail(error));
  }
}

export type BulkItem = BulkPut | BulkGet;
