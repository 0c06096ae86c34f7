import type { ByteString } from '@edis/core';
import './buffer-methods.ts';

/**
 * The rows of the expiry index: one for each record that has a deadline, in their order.
 *
 * Key: 0x05, u64 deadline (big endian), u32 keyspace (big endian), key of the record. Value: u32 CRC-32 over the key.
 */
export const expiryPrefix = 5;
export const expiryHeadBytes = 13;
const twoTo32 = 0x1_0000_0000;

/** Writes all but the key, and returns where that begins. */
export function writeExpiryHead(target: Buffer, expiresAtMs: number, keyspace: number): number {
  const low = expiresAtMs >>> 0;
  target[0] = expiryPrefix;
  target.writeUInt32BE((expiresAtMs - low) / twoTo32, 1);
  target.writeUInt32BE(low, 5);
  target.writeUInt32BE(keyspace, 9);
  return expiryHeadBytes;
}

/** Where the rows behind a deadline begin. */
export function expiryRowsAfter(untilMs: number): Buffer {
  const row = Buffer.alloc(expiryHeadBytes);
  writeExpiryHead(row, untilMs + 1, 0);
  return row;
}

/** Undefined when it is no such row. */
export function readExpiryRow(
  row: Buffer,
): { readonly keyspace: number; readonly key: ByteString; readonly expiresAtMs: number } | undefined {
  if (row.length <= expiryHeadBytes) return undefined;
  return {
    keyspace: row.readUInt32BE(9),
    key: row.latin1Slice(expiryHeadBytes, row.length),
    expiresAtMs: row.readUInt32BE(1) * twoTo32 + row.readUInt32BE(5),
  };
}
