import type { ByteString, Bytes, Metadata } from '@edis/core';
import { defaultKeyspaceId } from '@edis/core';
import { compactBytes } from './wire.ts';

/** A record as reads see it. */
export interface StoredRecord {
  readonly value: Bytes;
  readonly metadata: Metadata | undefined;
  readonly version: number;
  /** Milliseconds since the Unix epoch; 0: never. */
  readonly expiresAtMs: number;
}

/** What a lookup saw. */
export interface Lookup {
  readonly record: StoredRecord | undefined;
  /** Position of the entry that decided, when the view does not have it yet; 0: the view decided. */
  readonly position: number;
}

/** Keyspace and key as one string: what overlay and cache are keyed by. */
export type RecordKey = string;

/** Keyspaces other than the default one begin their record keys at this character: none of a byte string reaches it. */
const keyspaceMark = 0x100;

/** The default keyspace, which nearly all records are in, costs nothing. */
export function recordKeyOf(keyspace: number, key: ByteString): RecordKey {
  return keyspace === defaultKeyspaceId ? key : String.fromCodePoint(keyspaceMark + keyspace) + key;
}

/** The key of a record key. */
export function keyOf(keyspace: number, recordKey: RecordKey): ByteString {
  if (keyspace === defaultKeyspaceId) return recordKey;
  return recordKey.slice(keyspaceMark + keyspace > 0xffff ? 2 : 1);
}

/** Values up to this are kept as byte strings: a Uint8Array costs some 100 bytes more and may pin a larger message. */
export const maxStringValueBytes = 4096;

/** The form in which a value is kept in memory: nothing larger than itself is pinned by it. */
export function compactValue(value: Bytes): Bytes {
  if (typeof value === 'string') return value;
  if (value.length <= maxStringValueBytes) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1');
  }
  return compactBytes(value);
}

/** Estimated bytes of a record key: those of other keyspaces are two-byte strings. */
function recordKeyBytes(recordKey: RecordKey, keyspace: number): number {
  return stringHeadBytes + (keyspace === defaultKeyspaceId ? recordKey.length : recordKey.length * 2);
}

const stringHeadBytes = 16;

/** Estimated bytes that a record's own content takes on the heap. */
export function contentBytes(
  recordKey: RecordKey,
  keyspace: number,
  value: Bytes,
  metadata: Metadata | undefined,
): number {
  let bytes = recordKeyBytes(recordKey, keyspace);
  bytes += value.length + (typeof value === 'string' ? stringHeadBytes : 200);
  if (metadata !== undefined) {
    bytes += 64;
    for (const name of Object.keys(metadata)) bytes += 48 + (name.length + (metadata[name]?.length ?? 0)) * 2;
  }
  return bytes;
}
