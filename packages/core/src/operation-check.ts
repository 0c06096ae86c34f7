import type { Bytes, Metadata } from './bytes.ts';
import { unreachable } from './error.ts';
import type { KeyspaceSettings } from './keyspace-settings.ts';
import { limits } from './limits.ts';
import type { AtomicOperation, InvalidCause, Operation, PutOperation, SingleWriteOperation } from './operation.ts';
import { noExpiry } from './operation.ts';
import { utf8Length } from './utf8-length.ts';

export interface Fault {
  readonly cause: InvalidCause;
  readonly message: string;
}

/** What is wrong with the operation itself, apart from the keyspace; undefined: nothing. */
export function checkOperation(operation: Operation): Fault | undefined {
  switch (operation.kind) {
    case 'malformed':
      return { cause: 'malformed', message: 'the operation is none of those that there are' };
    case 'get':
      return checkKey(operation.key);
    case 'atomic':
      return checkAtomic(operation);
    case 'put':
    case 'delete':
    case 'increment':
    case 'append':
    case 'expire':
      return checkKey(operation.key) ?? checkWrite(operation);
    default:
      return unreachable(operation);
  }
}

function checkWrite(operation: SingleWriteOperation): Fault | undefined {
  switch (operation.kind) {
    case 'put':
      return checkValue(operation.value) ?? checkMetadata(operation.metadata) ?? checkPutTtl(operation);
    case 'append':
      return checkValue(operation.value);
    case 'increment':
      return checkStep(operation.by);
    case 'expire':
      return checkTtl(operation.ttlMs, false);
    case 'delete':
      return undefined;
    default:
      return unreachable(operation);
  }
}

function checkAtomic({ writes, keyspace }: AtomicOperation): Fault | undefined {
  if (writes.length < 1 || writes.length > limits.maxAtomicOperations) {
    const message = `the batch has ${writes.length} writes; give 1 to ${limits.maxAtomicOperations}`;
    return { cause: 'malformed', message };
  }
  const keys = new Set<string>();
  let bytes = 0;
  for (const [index, write] of writes.entries()) {
    const fault = checkKey(write.key) ?? checkWrite(write);
    if (fault !== undefined) return { cause: fault.cause, message: `write ${index} of the batch: ${fault.message}` };
    if (write.keyspace !== keyspace) {
      return { cause: 'malformed', message: `write ${index} of the batch is in another keyspace; a batch has one` };
    }
    if (keys.has(write.key)) {
      return {
        cause: 'malformed',
        message: `write ${index} of the batch has the key of an earlier one; give each once`,
      };
    }
    keys.add(write.key);
    bytes += writeBytes(write);
  }
  if (bytes <= limits.maxBatchBytes) return undefined;
  const message = `the batch has ${bytes} bytes; an atomic batch has at most ${limits.maxBatchBytes}`;
  return { cause: 'value-too-large', message };
}

/** Bytes of key, value and metadata. */
export function writeBytes(write: SingleWriteOperation): number {
  const { key } = write;
  if (write.kind === 'put') return key.length + write.value.length + metadataBytes(write.metadata);
  return write.kind === 'append' ? key.length + write.value.length : key.length;
}

function checkPutTtl({ ttlMs, expiresAtMs }: PutOperation): Fault | undefined {
  if (expiresAtMs === 0) return checkTtl(ttlMs, true);
  if (ttlMs !== 0) return { cause: 'malformed', message: 'a TTL and a deadline exclude each other; give one of them' };
  if (Number.isSafeInteger(expiresAtMs) && expiresAtMs > 0) return undefined;
  return {
    cause: 'ttl-out-of-range',
    message: `the deadline is ${expiresAtMs}; give whole milliseconds since 1970`,
  };
}

/** What is wrong with the deadline that a put names, seen at this moment; undefined: nothing. */
export function checkDeadline(expiresAtMs: number, nowMs: number): Fault | undefined {
  if (expiresAtMs > nowMs + limits.maxTtlMs) {
    const message = `the deadline is ${expiresAtMs}, ${expiresAtMs - nowMs} ms ahead; at most ${limits.maxTtlMs} ms`;
    return { cause: 'ttl-out-of-range', message: `${message} (100 years) are possible` };
  }
  if (expiresAtMs > nowMs) return undefined;
  const message = `the deadline ${expiresAtMs} has passed: the shard's clock says ${nowMs}; nothing was written`;
  return { cause: 'deadline-passed', message };
}

function checkTtl(ttlMs: number, mayBeUnset: boolean): Fault | undefined {
  if (ttlMs === noExpiry || (mayBeUnset && ttlMs === 0)) return undefined;
  if (Number.isSafeInteger(ttlMs) && ttlMs >= 1 && ttlMs <= limits.maxTtlMs) return undefined;
  return {
    cause: 'ttl-out-of-range',
    message: `the TTL is ${ttlMs} ms; give 1 ms to ${limits.maxTtlMs} ms (100 years)`,
  };
}

function checkStep(by: bigint): Fault | undefined {
  if (BigInt.asIntN(64, by) === by) return undefined;
  return { cause: 'integer-overflow', message: `${by} does not fit into 64 bits` };
}

/** What a write has that its keyspace does not take; undefined: nothing. The general limits are checked elsewhere. */
export function checkInKeyspace(write: SingleWriteOperation, settings: KeyspaceSettings): Fault | undefined {
  if (write.key.length > settings.maxKeyBytes) {
    const message = `the key has ${write.key.length} bytes; a key of this keyspace has at most ${settings.maxKeyBytes}`;
    return { cause: 'key-too-large', message };
  }
  if (write.kind !== 'put') return undefined;
  return checkValueLength(write.value.length, settings) ?? checkNumberFields(write.metadata, settings);
}

/** Whether a value may become so long. */
export function checkValueLength(bytes: number, settings: KeyspaceSettings): Fault | undefined {
  if (bytes <= settings.maxValueBytes) return undefined;
  const whose = settings.maxValueBytes < limits.maxValueBytes ? 'a value of this keyspace' : 'a value';
  const message = `the value has ${bytes} bytes; ${whose} has at most ${settings.maxValueBytes} bytes`;
  return { cause: 'value-too-large', message };
}

function checkNumberFields(metadata: Metadata | undefined, { indexedFields }: KeyspaceSettings): Fault | undefined {
  if (metadata === undefined || indexedFields === undefined) return undefined;
  for (const { field, kind } of indexedFields) {
    const value = Object.hasOwn(metadata, field) ? metadata[field] : undefined;
    if (kind !== 'number' || value === undefined || isNumberText(value)) continue;
    const shown = JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
    const message = `the metadata field ${JSON.stringify(field)} is indexed as a number, and ${shown} is none`;
    return { cause: 'not-a-number', message };
  }
  return undefined;
}

const numberPattern = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

/** Whether a text spells a finite decimal number. */
export function isNumberText(text: string): boolean {
  return numberPattern.test(text) && Number.isFinite(Number(text));
}

export function checkKey(key: Bytes): Fault | undefined {
  if (key.length === 0) return { cause: 'key-empty', message: 'the key is empty; a key has at least 1 byte' };
  if (key.length > limits.maxKeyBytes) {
    return {
      cause: 'key-too-large',
      message: `the key has ${key.length} bytes; a key has at most ${limits.maxKeyBytes} bytes`,
    };
  }
  return undefined;
}

export function checkValue(value: Bytes): Fault | undefined {
  if (value.length <= limits.maxValueBytes) return undefined;
  return {
    cause: 'value-too-large',
    message: `the value has ${value.length} bytes; a value has at most ${limits.maxValueBytes} bytes`,
  };
}

/** Counts UTF-8 bytes, as they travel and are stored. */
export function checkMetadata(metadata: Metadata | undefined): Fault | undefined {
  if (metadata === undefined) return undefined;
  const names = Object.keys(metadata);
  let length = 0;
  for (const name of names) length += name.length + (metadata[name]?.length ?? 0);
  // Nearly all metadata is so short that nobody need look at its characters.
  const isShort = length * maxUtf8BytesPerUnit <= limits.maxMetadataBytes;
  return checkMetadataSize(names.length, isShort ? length : metadataBytes(metadata));
}

/** Of UTF-8, per element of a string: a pair of surrogates has four for two. */
const maxUtf8BytesPerUnit = 3;

/** For who has counted already. */
export function checkMetadataSize(fields: number, bytes: number): Fault | undefined {
  if (fields > limits.maxMetadataFields) {
    return {
      cause: 'metadata-too-large',
      message: `the metadata has ${fields} fields; at most ${limits.maxMetadataFields} are allowed`,
    };
  }
  if (bytes <= limits.maxMetadataBytes) return undefined;
  return {
    cause: 'metadata-too-large',
    message: `the metadata has ${bytes} bytes; at most ${limits.maxMetadataBytes} are allowed`,
  };
}

function metadataBytes(metadata: Metadata | undefined): number {
  if (metadata === undefined) return 0;
  let bytes = 0;
  for (const name of Object.keys(metadata)) bytes += utf8Length(name) + utf8Length(metadata[name] ?? '');
  return bytes;
}
