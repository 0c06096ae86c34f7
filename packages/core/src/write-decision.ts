/**
 * What a write makes of the record that is there: increments, appends and new deadlines become the whole record that is
 * logged, so that every reader of the log knows puts and deletes alone.
 *
 * Guarantees: the decision is a function of its arguments; a record whose deadline has come counts as absent, whatever
 * the write; nothing is logged of a write that changes nothing or is refused. Assumes a write that `checkOperation` let
 * through. A record that an increment or an append makes takes the keyspace's default TTL, like one that a put makes.
 */
import type { Bytes, Metadata } from './bytes.ts';
import { unreachable } from './error.ts';
import { isExpired } from './expiry.ts';
import type { KeyspaceSettings } from './keyspace-settings.ts';
import type {
  AppendOperation,
  Condition,
  ExpireOperation,
  IncrementOperation,
  Outcome,
  PutOperation,
  SingleWriteOperation,
} from './operation.ts';
import { noExpiry } from './operation.ts';
import type { Fault } from './operation-check.ts';
import { checkDeadline, checkInKeyspace, checkValueLength } from './operation-check.ts';
import type { RememberedKind } from './operation-ids.ts';

/** The record that a write finds. */
export interface PresentRecord {
  readonly value: Bytes;
  readonly metadata: Metadata | undefined;
  readonly version: number;
  /** 0: never. */
  readonly expiresAtMs: number;
}

/** What is logged of a write that is carried out. */
export interface DecidedWrite {
  readonly kind: 'put' | 'delete';
  /** '' for a delete. */
  readonly value: Bytes;
  readonly metadata: Metadata | undefined;
  /** 0: never. */
  readonly expiresAtMs: number;
  /** What was asked for. */
  readonly origin: RememberedKind;
  /** What the answer says besides version and position: sum, length or deadline; 0 of others. */
  readonly answer: bigint;
}

/** Why nothing is logged. Positions are filled in by who knows what was seen. */
export type UnwrittenOutcome =
  | { readonly kind: 'condition-failed'; readonly version: number }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'deleted-nothing' }
  | { readonly kind: 'invalid'; readonly fault: Fault };

export type WriteDecision = DecidedWrite | UnwrittenOutcome;

export function isDecided(decision: WriteDecision): decision is DecidedWrite {
  return decision.kind === 'put' || decision.kind === 'delete';
}

/** @param found the record that there is, expired or not; undefined: none */
export function decideWrite(
  operation: SingleWriteOperation,
  found: PresentRecord | undefined,
  nowMs: number,
  settings: KeyspaceSettings,
): WriteDecision {
  const fault = checkInKeyspace(operation, settings);
  if (fault !== undefined) return { kind: 'invalid', fault };
  const record = found === undefined || isExpired(found.expiresAtMs, nowMs) ? undefined : found;
  const { condition } = operation;
  if (condition !== undefined && !conditionHolds(condition, record)) {
    return { kind: 'condition-failed', version: record?.version ?? 0 };
  }
  switch (operation.kind) {
    case 'put': {
      const { value, metadata } = operation;
      const expiresAtMs = deadlineOf(operation, nowMs, settings);
      if (typeof expiresAtMs !== 'number') return { kind: 'invalid', fault: expiresAtMs };
      return { kind: 'put', value, metadata, expiresAtMs, origin: 'put', answer: 0n };
    }
    case 'delete':
      if (record === undefined) return { kind: 'deleted-nothing' };
      return { kind: 'delete', value: '', metadata: undefined, expiresAtMs: 0, origin: 'delete', answer: 0n };
    case 'increment':
      return decideIncrement(operation, record, nowMs, settings);
    case 'append':
      return decideAppend(operation, record, nowMs, settings);
    case 'expire':
      return decideExpire(operation, record, nowMs);
    default:
      return unreachable(operation);
  }
}

function conditionHolds(condition: Condition, record: PresentRecord | undefined): boolean {
  return condition.kind === 'absent' ? record === undefined : record?.version === condition.version;
}

/** When a record that is put now expires, 0: never; or what is wrong with the deadline that the put names. */
export function deadlineOf(
  { ttlMs, expiresAtMs }: Pick<PutOperation, 'ttlMs' | 'expiresAtMs'>,
  nowMs: number,
  settings: KeyspaceSettings,
): number | Fault {
  if (expiresAtMs !== 0) return checkDeadline(expiresAtMs, nowMs) ?? expiresAtMs;
  if (ttlMs === 0) return defaultDeadline(nowMs, settings);
  return ttlMs === noExpiry ? 0 : nowMs + ttlMs;
}

/** When a record expires that is made now and says nothing of it; 0: never. */
function defaultDeadline(nowMs: number, { defaultTtlMs }: KeyspaceSettings): number {
  return defaultTtlMs === 0 ? 0 : nowMs + defaultTtlMs;
}

function decideIncrement(
  { by }: IncrementOperation,
  record: PresentRecord | undefined,
  nowMs: number,
  settings: KeyspaceSettings,
): WriteDecision {
  const before = record === undefined ? 0n : integerOf(record.value);
  if (before === undefined) {
    const message = 'the value is not an integer of 64 bits in decimal digits; nothing was added';
    return { kind: 'invalid', fault: { cause: 'not-an-integer', message } };
  }
  const sum = before + by;
  if (!fits(sum)) {
    const message = `${before} + ${by} does not fit into 64 bits; nothing was added`;
    return { kind: 'invalid', fault: { cause: 'integer-overflow', message } };
  }
  const value = sum.toString();
  const fault = checkValueLength(value.length, settings);
  if (fault !== undefined) return { kind: 'invalid', fault };
  const expiresAtMs = record?.expiresAtMs ?? defaultDeadline(nowMs, settings);
  return { kind: 'put', value, metadata: record?.metadata, expiresAtMs, origin: 'increment', answer: sum };
}

function decideAppend(
  operation: AppendOperation,
  record: PresentRecord | undefined,
  nowMs: number,
  settings: KeyspaceSettings,
): WriteDecision {
  const length = (record?.value.length ?? 0) + operation.value.length;
  const fault = checkValueLength(length, settings);
  if (fault !== undefined) return { kind: 'invalid', fault };
  const value = record === undefined ? operation.value : joined(record.value, operation.value);
  const expiresAtMs = record?.expiresAtMs ?? defaultDeadline(nowMs, settings);
  return { kind: 'put', value, metadata: record?.metadata, expiresAtMs, origin: 'append', answer: BigInt(length) };
}

function decideExpire({ ttlMs }: ExpireOperation, record: PresentRecord | undefined, nowMs: number): WriteDecision {
  if (record === undefined) return { kind: 'not-found' };
  const expiresAtMs = ttlMs === noExpiry ? 0 : nowMs + ttlMs;
  const { value, metadata } = record;
  return { kind: 'put', value, metadata, expiresAtMs, origin: 'expire', answer: BigInt(expiresAtMs) };
}

/** The outcome of a write that was logged, now or when it was sent first. */
export function outcomeOfWrite(
  write: { readonly origin: RememberedKind; readonly answer: bigint },
  version: number,
  position: number,
): Outcome {
  switch (write.origin) {
    case 'put':
      return { kind: 'put', version, position };
    case 'delete':
      return { kind: 'deleted', existed: true, version, position };
    case 'increment':
      return { kind: 'incremented', value: write.answer, version, position };
    case 'append':
      return { kind: 'appended', length: Number(write.answer), version, position };
    case 'expire':
      return { kind: 'expiring', expiresAtMs: Number(write.answer), version, position };
    default:
      return unreachable(write.origin);
  }
}

/** The outcome of a write of which nothing was logged. `position`: of the newest entry that was seen. */
export function outcomeOfUnwritten(decision: UnwrittenOutcome, position: number): Outcome {
  switch (decision.kind) {
    case 'condition-failed':
      return { kind: 'condition-failed', version: decision.version, position };
    case 'not-found':
      return { kind: 'not-found', position };
    case 'deleted-nothing':
      return { kind: 'deleted', existed: false, version: 0, position };
    case 'invalid':
      return { kind: 'invalid', cause: decision.fault.cause, message: decision.fault.message };
    default:
      return unreachable(decision);
  }
}

/** A sign and as many digits as 64 bits can need; more, even zeros in front, are not an integer. */
const maxIntegerLength = 20;

function integerOf(value: Bytes): bigint | undefined {
  if (value.length > maxIntegerLength) return undefined;
  const text = typeof value === 'string' ? value : String.fromCharCode(...value);
  if (!/^-?[0-9]{1,19}$/.test(text)) return undefined;
  const integer = BigInt(text);
  return fits(integer) ? integer : undefined;
}

function fits(integer: bigint): boolean {
  return BigInt.asIntN(64, integer) === integer;
}

function joined(left: Bytes, right: Bytes): Bytes {
  if (typeof left === 'string' && typeof right === 'string') return left + right;
  const bytes = new Uint8Array(left.length + right.length);
  write(bytes, 0, left);
  write(bytes, left.length, right);
  return bytes;
}

function write(target: Uint8Array, at: number, bytes: Bytes): void {
  if (typeof bytes !== 'string') {
    target.set(bytes, at);
    return;
  }
  for (let index = 0; index < bytes.length; index += 1) target[at + index] = bytes.charCodeAt(index);
}
