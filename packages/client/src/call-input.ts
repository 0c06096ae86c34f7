/**
 * What callers give, checked and in the form in which it travels. Everything that can be refused without asking the
 * cluster is refused here, with an 'invalid-argument' that names the limit.
 */
import {
  type ByteString,
  type Bytes,
  type Condition,
  checkKey,
  checkMetadataSize,
  checkValue,
  EdisError,
  type Fault,
  limits,
  type Metadata,
  noExpiry,
} from '@edis/core';
import type { Key, RecordLife, Value } from './options.ts';
import type { PutContent } from './pending-operation.ts';

interface WriteCondition {
  readonly ifAbsent?: boolean | undefined;
  readonly ifVersion?: number | undefined;
}

interface PutExtras extends RecordLife {
  readonly metadata?: Metadata | undefined;
}

/** A key as the bytes that hash and travel. */
export function keyBytes(key: Key): ByteString {
  let bytes: ByteString;
  if (typeof key === 'string') bytes = isAscii(key) ? key : encodeText(key, 'key').toString('latin1');
  else if (key instanceof Uint8Array) bytes = viewOf(key).toString('latin1');
  else throw invalid(`the key is ${typeName(key)}; give a string or a Uint8Array`);
  refuse(checkKey(bytes));
  return bytes;
}

export function valueBytes(value: Value): Bytes {
  let bytes: Bytes;
  if (typeof value === 'string') bytes = isAscii(value) ? value : encodeText(value, 'value');
  else if (value instanceof Uint8Array) bytes = value;
  else throw invalid(`the value is ${typeName(value)}; give a string or a Uint8Array`);
  refuse(checkValue(bytes));
  return bytes;
}

function checkedMetadata(metadata: Metadata | undefined): Metadata | undefined {
  if (metadata === undefined) return undefined;
  if (metadata === null || typeof metadata !== 'object') {
    throw invalid(`the metadata is ${typeName(metadata)}; give an object of strings`);
  }
  let fields = 0;
  let bytes = 0;
  for (const name of Object.keys(metadata)) {
    const text: unknown = metadata[name];
    if (typeof text !== 'string')
      throw invalid(`metadata field ${JSON.stringify(name)} is ${typeName(text)}; give a string`);
    const isPlain = isAscii(name) && isAscii(text);
    if (!isPlain && (hasHalfPair(name) || hasHalfPair(text))) {
      throw invalid(`metadata field ${JSON.stringify(name)} has half a surrogate pair, which UTF-8 cannot store`);
    }
    fields++;
    bytes += isPlain ? name.length + text.length : Buffer.byteLength(name) + Buffer.byteLength(text);
  }
  refuse(checkMetadataSize(fields, bytes));
  return metadata;
}

/** What a put writes, of what its caller gave. */
export function putContent(value: Value, options: PutExtras | undefined): PutContent {
  const bytes = valueBytes(value);
  if (options === undefined) return { value: bytes, metadata: undefined, ttlMs: 0, expiresAtMs: 0 };
  const metadata = checkedMetadata(options.metadata);
  return { value: bytes, metadata, ttlMs: ttlOf(options.ttlMs), expiresAtMs: deadlineOf(options) };
}

/** A list that a caller gave, checked as far as no type can vouch for it in JavaScript. */
export function listOf<Item>(items: Iterable<Item>, what: string): Item[] {
  const given: unknown = items;
  if (typeof given === 'object' && given !== null && Symbol.iterator in given) return Array.from(items);
  throw invalid(`the ${what} are ${typeName(given)}; give a list`);
}

/** A TTL as it travels; undefined: the keyspace's default. */
function ttlOf(ttlMs: number | 'never' | undefined): number {
  if (ttlMs === undefined) return 0;
  if (ttlMs === 'never') return noExpiry;
  return checkedTtlMs(ttlMs);
}

/** A deadline as it travels; 0: none is given, so that the TTL counts. */
function deadlineOf({ ttlMs, expiresAtMs }: RecordLife): number {
  if (expiresAtMs === undefined) return 0;
  if (ttlMs !== undefined) throw invalid('ttlMs and expiresAtMs exclude each other; give one of them');
  if (Number.isSafeInteger(expiresAtMs) && expiresAtMs >= 1) return expiresAtMs;
  throw invalid(`expiresAtMs is ${String(expiresAtMs)}; give whole milliseconds since 1970`);
}

export function checkedTtlMs(ttlMs: number): number {
  if (Number.isInteger(ttlMs) && ttlMs >= 1 && ttlMs <= limits.maxTtlMs) return ttlMs;
  throw invalid(`ttlMs is ${String(ttlMs)}; give whole milliseconds, from 1 to ${limits.maxTtlMs}`);
}

const minInt64 = -(2n ** 63n);
const maxInt64 = 2n ** 63n - 1n;

export function incrementOf(by: number | bigint | undefined): bigint {
  if (by === undefined) return 1n;
  if (typeof by === 'bigint') {
    if (by >= minInt64 && by <= maxInt64) return by;
    throw invalid(`by is ${by}; give an integer of 64 bits`);
  }
  if (Number.isSafeInteger(by)) return BigInt(by);
  throw invalid(`by is ${String(by)}; give a whole number, and a bigint beyond ${Number.MAX_SAFE_INTEGER}`);
}

const absent: Condition = Object.freeze({ kind: 'absent' });

export function conditionOf(options: WriteCondition): Condition | undefined {
  const { ifAbsent, ifVersion } = options;
  if (ifVersion === undefined) return ifAbsent === true ? absent : undefined;
  if (ifAbsent === true) throw invalid('ifAbsent and ifVersion exclude each other; give one of them');
  if (!Number.isSafeInteger(ifVersion) || ifVersion < 1) {
    throw invalid(`ifVersion is ${ifVersion}; give the version that a result had`);
  }
  return { kind: 'version', version: ifVersion };
}

/** Short texts are looked at here: for them a call into the runtime costs more than the loop. */
const maxLoopLength = 48;

function isAscii(text: string): boolean {
  if (text.length > maxLoopLength) return Buffer.byteLength(text, 'utf8') === text.length;
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) > 0x7f) return false;
  }
  return true;
}

/** UTF-8 has no form for half a surrogate pair; two different texts would become the same bytes. */
function hasHalfPair(text: string): boolean {
  return !isAscii(text) && /\p{Surrogate}/u.test(text);
}

function encodeText(text: string, what: string): Buffer {
  if (hasHalfPair(text)) {
    throw invalid(`the ${what} has half a surrogate pair, which UTF-8 cannot store; give it as a Uint8Array`);
  }
  return Buffer.from(text, 'utf8');
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function typeName(value: unknown): string {
  return value === null ? 'null' : typeof value;
}

function refuse(fault: Fault | undefined): void {
  if (fault !== undefined) throw invalid(fault.message);
}

function invalid(message: string): EdisError {
  return new EdisError('invalid-argument', message);
}
