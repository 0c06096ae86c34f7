import { crc32 } from 'node:zlib';
import { readUint64, writeUint64 } from './wire.ts';

/**
 * How a log entry lies in a segment file: u32 body length, u32 CRC-32 of the header's other fields, u64 position known
 * synced when the frame was written, u32 CRC-32 of the body, body.
 *
 * The header has a check of its own, so that a damaged length is told from a damaged body; the synced position tells a
 * torn tail, which may be cut, from damage to what was promised to be safe.
 */
export const frameHeaderBytes = 20;

/** No body is larger: an entry holds at most one commit group, or one oversized operation. */
export const maxBodyBytes = 256 * 1024 * 1024;

export interface FrameHeader {
  readonly bodyLength: number;
  readonly syncedPosition: number;
  readonly bodyChecksum: number;
}

export function checksumOf(bytes: Uint8Array): number {
  return crc32(bytes);
}

function headerChecksum(header: Uint8Array, at: number): number {
  const lengthChecksum = crc32(header.subarray(at, at + 4));
  return crc32(header.subarray(at + 8, at + frameHeaderBytes), lengthChecksum);
}

export function writeFrameHeader(target: Uint8Array, at: number, header: FrameHeader): void {
  const view = new DataView(target.buffer, target.byteOffset + at, frameHeaderBytes);
  view.setUint32(0, header.bodyLength, true);
  writeUint64(view, 8, header.syncedPosition);
  view.setUint32(16, header.bodyChecksum, true);
  view.setUint32(4, headerChecksum(target, at), true);
}

/** Undefined when these bytes are no header: too short, or failing its check. */
export function readFrameHeader(bytes: Uint8Array, at: number): FrameHeader | undefined {
  if (bytes.length - at < frameHeaderBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, frameHeaderBytes);
  const bodyLength = view.getUint32(0, true);
  const syncedPosition = readUint64(view, 8);
  // Cheap bounds first: a search for headers tries every byte.
  if (bodyLength === 0 || bodyLength > maxBodyBytes || syncedPosition > Number.MAX_SAFE_INTEGER) return undefined;
  if (headerChecksum(bytes, at) !== view.getUint32(4, true)) return undefined;
  return { bodyLength, syncedPosition, bodyChecksum: view.getUint32(16, true) };
}
