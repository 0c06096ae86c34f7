/**
 * One call of the public interface, from its start to its end. The object is at the same time what travels (it has the
 * shape of core's operations, so nothing is copied for a batch), an entry of the in-flight table, and an element
 * of the list of deadlines: an operation costs one object and one promise.
 */
import type {
  Ack,
  AppendOperation,
  ByteString,
  Bytes,
  Condition,
  Consistency,
  DeleteOperation,
  EdisError,
  ExpireOperation,
  GetOperation,
  IncrementOperation,
  Metadata,
  Outcome,
  Position,
  PutOperation,
  SessionToken,
} from '@edis/core';
import type { DeadlineEntry } from './deadline-list.ts';
import type { KeyspaceScope } from './keyspace-scope.ts';
import type { NodeConnection } from './node-connection.ts';
import type { Obstacle } from './obstacle.ts';
import type { Key } from './options.ts';
import type { PendingAtomic } from './pending-atomic.ts';
import {
  type Answer,
  type AppendResult,
  CompletedAppend,
  CompletedDelete,
  CompletedExpire,
  CompletedIncrement,
  CompletedPut,
  type DeleteResult,
  type ExpireResult,
  FoundRecord,
  type GetResult,
  type IncrementResult,
  type NotApplied,
  type PutResult,
  UnmetWrite,
} from './results.ts';
import type { SessionView } from './session-view.ts';
import type { WriteIdentity } from './write-identity.ts';

/** `waiting`: for time, a map or a connection; `queued`: for its batch; `sent`: for its answer. */
export type OperationState = 'new' | 'waiting' | 'queued' | 'sent' | 'settled';

export const overheadBytes = 64;

abstract class PendingBase {
  /** Place in the in-flight table of the connection that it was sent on. */
  request = 0;
  /** Number of the keyspace in the map by which it was routed last. */
  keyspace = 0;
  readonly scope: KeyspaceScope;
  /** Learns of the answer; undefined: only the client does. */
  readonly session: SessionView | undefined;
  readonly key: ByteString;
  /** As the caller gave it. */
  readonly callerKey: Key;
  readonly slot: number;
  /** Upper bound, roughly, of what it takes in a message. */
  readonly bytes: number;
  readonly timeoutMs: number;
  deadlineMs = 0;
  state: OperationState = 'new';
  /** Where it waits to be sent or answered. */
  connection: NodeConnection | undefined = undefined;
  /** What it last waited for; says why it failed at its deadline. */
  obstacle: Obstacle | undefined = undefined;
  /** What the node said about the obstacle. */
  obstacleDetail = '';
  /** When a waiting operation is tried again. */
  wakeAtMs = 0;
  /** Whether a new map or connection wakes it before that. */
  wakesOnChange = false;
  /** Waits so far. */
  waits = 0;
  /** A replica sent it on to the primary. */
  toPrimary = false;
  /** Unknown until the end whether an earlier sending was carried out. */
  mayBeApplied = false;
  readonly reject: (error: EdisError) => void;
  signal: AbortSignal | undefined = undefined;
  /** Neighbours in the list of deadlines. */
  earlier: DeadlineEntry | undefined = undefined;
  later: DeadlineEntry | undefined = undefined;
  /** Deadline and signal are those of a bulk that it is part of. */
  isOfBulk = false;

  constructor(call: CallParts, bytes: number, reject: (error: EdisError) => void) {
    this.scope = call.scope;
    this.session = call.session;
    this.key = call.key;
    this.callerKey = call.callerKey;
    this.slot = call.slot;
    this.timeoutMs = call.timeoutMs;
    this.bytes = call.key.length + bytes + overheadBytes;
    this.reject = reject;
  }
}

/** What every operation begins with. */
export interface CallParts {
  readonly scope: KeyspaceScope;
  readonly session: SessionView | undefined;
  readonly key: ByteString;
  readonly callerKey: Key;
  readonly slot: number;
  readonly timeoutMs: number;
}

/** What every write says besides its content. */
export interface WriteParts {
  readonly ack: Ack;
  readonly condition: Condition | undefined;
}

export abstract class PendingWrite extends PendingBase {
  sequence = 0;
  /** Operation ids that it takes, from `sequence` on. */
  readonly sequenceCount: number = 1;
  firstSentTimestamp = 0;
  /** The shard's timestamp that was known when it was sent first; 0: not sent yet. */
  sentTimestamp = 0;
  identity: WriteIdentity | undefined = undefined;
  readonly ack: Ack;
  readonly condition: Condition | undefined;

  constructor(call: CallParts, write: WriteParts, bytes: number, reject: (error: EdisError) => void) {
    super(call, bytes, reject);
    this.ack = write.ack;
    this.condition = write.condition;
  }
}

/** What a put writes. */
export interface PutContent {
  readonly value: Bytes;
  readonly metadata: Metadata | undefined;
  /** Both as in core's PutOperation. */
  readonly ttlMs: number;
  readonly expiresAtMs: number;
}

export class PendingPut extends PendingWrite implements PutOperation {
  readonly kind = 'put';
  readonly value: Bytes;
  readonly metadata: Metadata | undefined;
  readonly ttlMs: number;
  readonly expiresAtMs: number;
  readonly resolve: (result: PutResult | NotApplied) => void;

  constructor(
    call: CallParts,
    content: PutContent,
    write: WriteParts,
    resolve: (result: PutResult | NotApplied) => void,
    reject: (error: EdisError) => void,
  ) {
    super(call, write, putBytes(content), reject);
    this.value = content.value;
    this.metadata = content.metadata;
    this.ttlMs = content.ttlMs;
    this.expiresAtMs = content.expiresAtMs;
    this.resolve = resolve;
  }

  /** Hands the outcome to the caller; false: it is no outcome of a put. */
  complete(outcome: Outcome, answer: Answer): boolean {
    if (outcome.kind === 'put') this.resolve(new CompletedPut(this.callerKey, outcome.version, answer.place));
    else if (outcome.kind === 'condition-failed') this.resolve(unmet(this.callerKey, outcome.version, answer));
    else return false;
    return true;
  }
}

export class PendingDelete extends PendingWrite implements DeleteOperation {
  readonly kind = 'delete';
  readonly resolve: (result: DeleteResult | NotApplied) => void;

  constructor(
    call: CallParts,
    write: WriteParts,
    resolve: (result: DeleteResult | NotApplied) => void,
    reject: (error: EdisError) => void,
  ) {
    super(call, write, 0, reject);
    this.resolve = resolve;
  }

  /** Hands the outcome to the caller; false: it is no outcome of a delete. */
  complete(outcome: Outcome, answer: Answer): boolean {
    if (outcome.kind === 'deleted') {
      this.resolve(new CompletedDelete(this.callerKey, outcome.existed, outcome.version, answer.place));
    } else if (outcome.kind === 'condition-failed') {
      this.resolve(unmet(this.callerKey, outcome.version, answer));
    } else return false;
    return true;
  }
}

export class PendingIncrement extends PendingWrite implements IncrementOperation {
  readonly kind = 'increment';
  readonly by: bigint;
  readonly resolve: (result: IncrementResult) => void;

  constructor(
    call: CallParts,
    by: bigint,
    write: WriteParts,
    resolve: (result: IncrementResult) => void,
    reject: (error: EdisError) => void,
  ) {
    super(call, write, 0, reject);
    this.by = by;
    this.resolve = resolve;
  }

  /** Hands the outcome to the caller; false: it is no outcome of an increment. */
  complete(outcome: Outcome, answer: Answer): boolean {
    if (outcome.kind !== 'incremented') return false;
    this.resolve(new CompletedIncrement(this.callerKey, outcome.value, outcome.version, answer.place));
    return true;
  }
}

export class PendingAppend extends PendingWrite implements AppendOperation {
  readonly kind = 'append';
  readonly value: Bytes;
  readonly resolve: (result: AppendResult) => void;

  constructor(
    call: CallParts,
    value: Bytes,
    write: WriteParts,
    resolve: (result: AppendResult) => void,
    reject: (error: EdisError) => void,
  ) {
    super(call, write, value.length, reject);
    this.value = value;
    this.resolve = resolve;
  }

  /** Hands the outcome to the caller; false: it is no outcome of an append. */
  complete(outcome: Outcome, answer: Answer): boolean {
    if (outcome.kind !== 'appended') return false;
    this.resolve(new CompletedAppend(this.callerKey, outcome.length, outcome.version, answer.place));
    return true;
  }
}

export class PendingExpire extends PendingWrite implements ExpireOperation {
  readonly kind = 'expire';
  readonly ttlMs: number;
  readonly resolve: (result: ExpireResult | undefined) => void;

  constructor(
    call: CallParts,
    ttlMs: number,
    write: WriteParts,
    resolve: (result: ExpireResult | undefined) => void,
    reject: (error: EdisError) => void,
  ) {
    super(call, write, 0, reject);
    this.ttlMs = ttlMs;
    this.resolve = resolve;
  }

  /** Hands the outcome to the caller; false: it is no outcome of an expire. */
  complete(outcome: Outcome, answer: Answer): boolean {
    if (outcome.kind === 'expiring') {
      const expiresAtMs = outcome.expiresAtMs === 0 ? undefined : outcome.expiresAtMs;
      this.resolve(new CompletedExpire(this.callerKey, expiresAtMs, outcome.version, answer.place));
    } else if (outcome.kind === 'not-found') this.resolve(undefined);
    else return false;
    return true;
  }
}

/** How a read is to be answered. */
export interface ReadParts {
  readonly consistency: Consistency;
  readonly maxStalenessMs: number;
  /** Undefined: only what the client itself has seen. */
  readonly token: SessionToken | undefined;
}

export class PendingGet extends PendingBase implements GetOperation {
  readonly kind = 'get';
  readonly consistency: Consistency;
  readonly maxStalenessMs: number;
  readonly token: SessionToken | undefined;
  after: Position | undefined = undefined;
  readonly omitValue: boolean;
  readonly resolve: (result: GetResult | undefined, answer: Answer) => void;

  constructor(
    call: CallParts,
    read: ReadParts,
    omitValue: boolean,
    resolve: (result: GetResult | undefined, answer: Answer) => void,
    reject: (error: EdisError) => void,
  ) {
    super(call, 0, reject);
    this.consistency = read.consistency;
    this.maxStalenessMs = read.maxStalenessMs;
    this.token = read.token;
    this.omitValue = omitValue;
    this.resolve = resolve;
  }

  /** Hands the outcome to the caller; false: it is no outcome of a get. */
  complete(outcome: Outcome, answer: Answer): boolean {
    if (outcome.kind === 'not-found') {
      this.resolve(undefined, answer);
      return true;
    }
    if (outcome.kind !== 'found') return false;
    const { value, metadata, version, expiresAtMs } = outcome;
    this.resolve(new FoundRecord(this.callerKey, detached(value), metadata, version, expiresAtMs, answer), answer);
    return true;
  }
}

export type PendingOperation =
  | PendingPut
  | PendingDelete
  | PendingIncrement
  | PendingAppend
  | PendingExpire
  | PendingAtomic
  | PendingGet;

/** A value is copied when keeping it would keep more than this many times its bytes. */
const maxPinnedRatio = 4;

/**
 * A value of its own: what arrives is a view on a whole message, and an application that keeps one small value of each
 * would keep megabytes.
 */
export function detached(value: Bytes): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value, 'latin1');
  if (value.byteLength * maxPinnedRatio >= value.buffer.byteLength) return value;
  const copy = Buffer.allocUnsafe(value.byteLength);
  copy.set(value);
  return copy;
}

export function unmet(key: Key, version: number, answer: Answer): NotApplied {
  return new UnmetWrite(key, version === 0 ? undefined : version, answer.place);
}

/** Upper bound, roughly, of what the content of a put takes in a message. */
export function putBytes(content: PutContent): number {
  return content.value.length + (content.metadata === undefined ? 0 : metadataBytes(content.metadata));
}

function metadataBytes(metadata: Metadata): number {
  let bytes = 0;
  for (const name in metadata) bytes += 3 * (name.length + (metadata[name]?.length ?? 0)) + 8;
  return bytes;
}
