import { crc32 } from 'node:zlib';
import type { EpochStart } from '@edis/core';

/** Where a view stands: one row, written with each batch, so that the rows and their sums never disagree. */
export interface ViewState {
  /** Last entry that the view has. 0: none. */
  readonly position: number;
  readonly epoch: number;
  /** The highest timestamp used up to that entry. */
  readonly timestamp: number;
  readonly epochs: readonly EpochStart[];
  readonly recordCount: number;
  /** Bytes of keys, values and metadata. */
  readonly recordBytes: number;
  /** 16 hex digits. */
  readonly contentHash: string;
  /** Of a snapshot: the log that was there before stays up to this position, behind the snapshot's. */
  readonly keepLogUpTo?: number;
}

export const emptyViewState: ViewState = {
  position: 0,
  epoch: 0,
  timestamp: 0,
  epochs: [],
  recordCount: 0,
  recordBytes: 0,
  contentHash: '0'.repeat(16),
};

/** 0x01 'state' */
export const stateRowKey: Buffer = Buffer.from('\u0001state', 'latin1');

const viewFormat = 2;

export function encodeViewState(state: ViewState): Buffer {
  const text = Buffer.from(JSON.stringify({ format: viewFormat, ...state }));
  const row = Buffer.allocUnsafe(text.length + 4);
  row.set(text, 4);
  row.writeUInt32LE(crc32(text), 0);
  return row;
}

/** Undefined when the row fails its check. */
export function decodeViewState(row: Uint8Array): ViewState | undefined {
  const buffer = Buffer.from(row.buffer, row.byteOffset, row.byteLength);
  if (buffer.length < 6 || buffer.readUInt32LE(0) !== crc32(buffer.subarray(4))) return undefined;
  const parsed: unknown = JSON.parse(buffer.toString('utf8', 4));
  return isState(parsed) ? parsed : undefined;
}

function isState(parsed: unknown): parsed is ViewState {
  if (typeof parsed !== 'object' || parsed === null) return false;
  return 'format' in parsed && parsed.format === viewFormat && 'position' in parsed && 'contentHash' in parsed;
}
