import { crc32 } from 'node:zlib';
import { isRecord, namedSettingsOf, settingsFields } from './keyspace-value.ts';
import type { StoredKeyspace } from './stored-keyspace.ts';

/**
 * What the view knows of a keyspace, as a row: 0x06, u32 id (big endian). Value: u32 CRC-32 over key and JSON, JSON of
 * {name, settings, dropped, recordCount, recordBytes}; without name and settings when the log has not said them.
 */
export const keyspacePrefix = 6;
const keyBytes = 5;

export interface KeyspaceRow {
  readonly id: number;
  /** Undefined: the log has said nothing of it. */
  readonly keyspace: StoredKeyspace | undefined;
  readonly recordCount: number;
  readonly recordBytes: number;
}

export function keyspaceRowKey(id: number): Buffer {
  const key = Buffer.allocUnsafe(keyBytes);
  key[0] = keyspacePrefix;
  key.writeUInt32BE(id, 1);
  return key;
}

export function encodeKeyspaceRow(row: KeyspaceRow): Buffer {
  const { id, keyspace, recordCount, recordBytes } = row;
  const said =
    keyspace === undefined
      ? {}
      : { name: keyspace.name, settings: settingsFields(keyspace.settings), dropped: keyspace.dropped };
  const text = Buffer.from(JSON.stringify({ ...said, recordCount, recordBytes }));
  const value = Buffer.allocUnsafe(text.length + 4);
  value.set(text, 4);
  value.writeUInt32LE(crc32(text, crc32(keyspaceRowKey(id))), 0);
  return value;
}

/** Undefined when the row fails its check. */
export function decodeKeyspaceRow(key: Uint8Array, value: Uint8Array): KeyspaceRow | undefined {
  if (key.length !== keyBytes || value.length < 6) return undefined;
  const buffer = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const text = buffer.subarray(4);
  if (buffer.readUInt32LE(0) !== crc32(text, crc32(key))) return undefined;
  const id = Buffer.from(key.buffer, key.byteOffset, key.byteLength).readUInt32BE(1);
  const parsed: unknown = JSON.parse(text.toString('utf8'));
  if (!isRecord(parsed)) return undefined;
  const { recordCount, recordBytes } = parsed;
  if (typeof recordCount !== 'number' || typeof recordBytes !== 'number') return undefined;
  if (parsed['name'] === undefined) return { id, keyspace: undefined, recordCount, recordBytes };
  const named = namedSettingsOf(parsed);
  if (named === undefined) return undefined;
  return { id, keyspace: { id, ...named, dropped: parsed['dropped'] === true }, recordCount, recordBytes };
}
