import type { ByteString, IndexKind } from '@edis/core';
import './buffer-methods.ts';

/**
 * The rows of the metadata index: one for each record and each of its fields that the keyspace indexes.
 *
 * Key: 0x04, u32 keyspace (big endian), name of the field, 0x00 0x01, the value as it is ordered, key of the record. A
 * text is ordered as its UTF-8 bytes, followed by 0x00 0x01; within names and texts a zero byte is written 0x00 0xFF. A
 * number is eight bytes whose order is that of the numbers; its text is then in the row's value, because different
 * texts may be the same number. Value: that text or nothing, u32 CRC-32 over key and text.
 */
export const indexPrefix = 4;
export const indexHeadBytes = 5;
export const numberBytes = 8;
const terminator = 1;
const escapedZero = 0xff;

/** Bytes of a name or text at most, terminator and escapes included. */
export function escapedBytesMax(length: number): number {
  return length * 2 + 2;
}

/** Writes a part of other bytes, with zeros escaped, and returns where it ends. */
export function writeEscaped(target: Buffer, at: number, source: Buffer, start: number, end: number): number {
  let to = at;
  for (let from = start; from < end; from++) {
    const byte = source[from] ?? 0;
    target[to++] = byte;
    if (byte === 0) target[to++] = escapedZero;
  }
  return to;
}

export function writeTerminator(target: Buffer, at: number): number {
  target[at] = 0;
  target[at + 1] = terminator;
  return at + 2;
}

/** Writes a number so that the order of the bytes is that of the numbers. */
export function writeOrderedNumber(target: Buffer, at: number, value: number): number {
  // Minus zero is zero.
  target.writeDoubleBE(value === 0 ? 0 : value, at);
  if (value < 0) for (let index = at; index < at + numberBytes; index++) target[index] = ~(target[index] ?? 0);
  else target[at] = (target[at] ?? 0) | 0x80;
  return at + numberBytes;
}

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** The number that a text spells in decimal digits; undefined: none, or none that a double reaches. */
export function indexedNumberOf(text: string): number | undefined {
  if (!decimal.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

/** Where all rows of a field begin. */
export function fieldPrefix(keyspace: number, field: string): Buffer {
  const name = Buffer.from(field);
  const row = Buffer.allocUnsafe(indexHeadBytes + escapedBytesMax(name.length));
  row[0] = indexPrefix;
  row.writeUInt32BE(keyspace, 1);
  return row.subarray(0, writeTerminator(row, writeEscaped(row, indexHeadBytes, name, 0, name.length)));
}

/** A text, escaped and terminated. */
export function orderedText(text: string): Buffer {
  const bytes = Buffer.from(text);
  const row = Buffer.allocUnsafe(escapedBytesMax(bytes.length));
  return row.subarray(0, writeTerminator(row, writeEscaped(row, 0, bytes, 0, bytes.length)));
}

/** The beginning of a text, escaped. */
export function orderedPrefix(text: string): Buffer {
  const bytes = Buffer.from(text);
  const row = Buffer.allocUnsafe(escapedBytesMax(bytes.length));
  return row.subarray(0, writeEscaped(row, 0, bytes, 0, bytes.length));
}

export function orderedNumber(value: number): Buffer {
  const row = Buffer.allocUnsafe(numberBytes);
  writeOrderedNumber(row, 0, value);
  return row;
}

/** Value and key of a row whose check has been made; undefined when it is none of this kind. */
export function readIndexRow(
  keyRow: Buffer,
  valueRow: Buffer,
  prefixLength: number,
  kind: IndexKind,
): { readonly value: string; readonly key: ByteString } | undefined {
  if (kind === 'number') {
    const keyStart = prefixLength + numberBytes;
    if (keyRow.length <= keyStart) return undefined;
    return {
      value: valueRow.toString('utf8', 0, valueRow.length - 4),
      key: keyRow.latin1Slice(keyStart, keyRow.length),
    };
  }
  let zero = keyRow.indexOf(0, prefixLength);
  if (zero < 0) return undefined;
  if (keyRow[zero + 1] === terminator) {
    return { value: keyRow.utf8Slice(prefixLength, zero), key: keyRow.latin1Slice(zero + 2, keyRow.length) };
  }
  const bytes: number[] = [];
  let at = prefixLength;
  for (; zero >= 0 && keyRow[zero + 1] === escapedZero; zero = keyRow.indexOf(0, at)) {
    for (; at <= zero; at++) bytes.push(keyRow[at] ?? 0);
    at++;
  }
  if (zero < 0 || keyRow[zero + 1] !== terminator) return undefined;
  for (; at < zero; at++) bytes.push(keyRow[at] ?? 0);
  return { value: Buffer.from(bytes).toString('utf8'), key: keyRow.latin1Slice(zero + 2, keyRow.length) };
}
