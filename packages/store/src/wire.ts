import type { Bytes } from '@edis/core';

/** Little things that the binary formats of the store share. All numbers are little endian. */

const twoTo32 = 0x1_0000_0000;
/** Shorter strings are written by a loop: a call into the runtime costs more. */
const shortStringLength = 24;

/** Exact up to 2^53. */
export function writeUint64(view: DataView, at: number, value: number): void {
  const low = value >>> 0;
  view.setUint32(at, low, true);
  view.setUint32(at + 4, (value - low) / twoTo32, true);
}

/** Exact up to 2^53; above that only known to be above. */
export function readUint64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * twoTo32 + view.getUint32(at, true);
}

export function byteLength(bytes: Bytes): number {
  return bytes.length;
}

/** Writes bytes and returns where they end. */
export function writeBytes(buffer: Buffer, at: number, bytes: Bytes): number {
  const length = bytes.length;
  if (typeof bytes !== 'string') {
    buffer.set(bytes, at);
  } else if (length <= shortStringLength) {
    for (let index = 0; index < length; index++) buffer[at + index] = bytes.charCodeAt(index);
  } else {
    buffer.write(bytes, at, length, 'latin1');
  }
  return at + length;
}

/** Fewer bytes than this are copied by a loop: to make and to hand over a view of them costs more. */
const shortCopyBytes = 160;

/** Copies a part of another buffer and returns where it ends. */
export function copyBytes(target: Buffer, at: number, source: Buffer, start: number, end: number): number {
  const length = end - start;
  if (length <= shortCopyBytes) {
    for (let index = 0; index < length; index++) target[at + index] = source[start + index] ?? 0;
  } else {
    source.copy(target, at, start, end);
  }
  return at + length;
}

/** The same bytes, in memory that is at most twice as large. */
export function compactBytes(bytes: Uint8Array): Uint8Array {
  return bytes.buffer.byteLength > bytes.length * 2 ? new Uint8Array(bytes) : bytes;
}

/** A Buffer over the same memory. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
