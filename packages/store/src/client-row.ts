import { crc32 } from 'node:zlib';
import type { ByteString, RememberedClient, RememberedKind, RememberedOperation } from '@edis/core';
import { readUint64, writeBytes, writeUint64 } from './wire.ts';

/**
 * What a shard remembers of one client's writes, as a row of the view.
 *
 * Key: 0x03, client id. Value: u64 completedBelow, u64 last timestamp, u32 count, per operation u64 sequence, u64
 * version, u64 position, i64 answer, u16 slot, u8 kind (place in `kinds`), u8 existed; u32 CRC-32 over key and all
 * before it.
 */
export const clientPrefix = 3;
const headBytes = 20;
const operationBytes = 36;
const kinds: readonly RememberedKind[] = ['put', 'delete', 'increment', 'append', 'expire'];

export function clientRowKey(client: ByteString): Buffer {
  const row = Buffer.allocUnsafe(1 + client.length);
  row[0] = clientPrefix;
  writeBytes(row, 1, client);
  return row;
}

export function encodeClientRow(stored: RememberedClient): Buffer {
  const end = headBytes + stored.operations.length * operationBytes;
  const row = Buffer.allocUnsafe(end + 4);
  const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
  writeUint64(view, 0, stored.completedBelow);
  writeUint64(view, 8, stored.lastTimestamp);
  view.setUint32(16, stored.operations.length, true);
  let at = headBytes;
  for (const operation of stored.operations) {
    writeUint64(view, at, operation.sequence);
    writeUint64(view, at + 8, operation.version);
    writeUint64(view, at + 16, operation.position);
    view.setBigInt64(at + 24, operation.answer, true);
    view.setUint16(at + 32, operation.slot, true);
    view.setUint8(at + 34, kinds.indexOf(operation.kind));
    view.setUint8(at + 35, operation.existed ? 1 : 0);
    at += operationBytes;
  }
  view.setUint32(end, crc32(row.subarray(0, end), crc32(clientRowKey(stored.client))), true);
  return row;
}

/** Undefined when the row fails its check. */
export function decodeClientRow(key: Uint8Array, row: Uint8Array): RememberedClient | undefined {
  const end = row.length - 4;
  if (end < headBytes) return undefined;
  const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
  if (view.getUint32(end, true) !== crc32(row.subarray(0, end), crc32(key))) return undefined;
  const count = view.getUint32(16, true);
  if (end !== headBytes + count * operationBytes) return undefined;
  const operations: RememberedOperation[] = [];
  for (let at = headBytes; at < end; at += operationBytes) {
    const kind = kinds[view.getUint8(at + 34)];
    if (kind === undefined) return undefined;
    operations.push({
      sequence: readUint64(view, at),
      slot: view.getUint16(at + 32, true),
      kind,
      version: readUint64(view, at + 8),
      position: readUint64(view, at + 16),
      existed: view.getUint8(at + 35) === 1,
      answer: view.getBigInt64(at + 24, true),
    });
  }
  const client = Buffer.from(key.buffer, key.byteOffset + 1, key.length - 1).toString('latin1');
  return { client, completedBelow: readUint64(view, 0), lastTimestamp: readUint64(view, 8), operations };
}
