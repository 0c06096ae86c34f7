import { crc32 } from 'node:zlib';
import type { ByteString, EdisError, Metadata } from '@edis/core';
import { laneOfBytes, laneOfChecksum } from './content-hash.ts';
import { damaged } from './damage.ts';
import type { Derivation, KeyPlace } from './derived-rows.ts';
import type { LoggedRecord } from './logged-record.ts';
import { decodeMetadata, encodeMetadata } from './metadata-codec.ts';
import './buffer-methods.ts';
import type { StoredRecord } from './stored-record.ts';
import { compactValue, maxStringValueBytes } from './stored-record.ts';
import type { ViewRecord } from './view-reader.ts';
import { asBuffer, copyBytes, readUint64, writeBytes, writeUint64 } from './wire.ts';

/**
 * A record as a row of the view.
 *
 * Key: 0x02, u32 keyspace (big endian, so that rows are ordered by keyspace and key), key bytes. Value: u64 version, u8
 * flags, [u64 expiry], [u32 metadata length, metadata], value, u32 CRC-32 over key and all before it. LevelDB does not
 * check what it reads, so every read checks the CRC; it covers the key, because damage may also misplace a row.
 */
export const recordPrefix = 2;
const keyHeadBytes = 5;
const metadataFlag = 1;
const expiryFlag = 2;
const checksumBytes = 4;
/** Room for the longest key. */
const maxKeyRowBytes = 8 * 1024;
const minRowBytes = 9 + checksumBytes;
const initialScratchBytes = 16 * 1024;
/** A scratch that one large record has made larger is let go. */
const maxKeptScratchBytes = 1024 * 1024;

/** What the view's sums must know of a record. */
export interface Digest {
  /** Bytes of key, value and metadata. */
  readonly size: number;
  readonly highLane: number;
  readonly lowLane: number;
  /** It has metadata or a deadline: other rows of the view follow from it. */
  readonly derives: boolean;
}

/** Encodes and decodes rows in memory that it uses again for each: what it returns is good until its next call. */
export class RecordRows implements Digest {
  readonly #path: string;
  // The digest of the row that was encoded or digested last.
  size = 0;
  highLane = 0;
  lowLane = 0;
  derives = false;
  #scratch = Buffer.allocUnsafeSlow(initialScratchBytes);
  #view = new DataView(this.#scratch.buffer);

  /** @param path of the view, for messages */
  constructor(path: string) {
    this.#path = path;
  }

  /** The row's key, in memory of its own. */
  keyOf(keyspace: number, key: ByteString): Buffer {
    const row = Buffer.allocUnsafe(keyHeadBytes + key.length);
    row[0] = recordPrefix;
    row.writeUInt32BE(keyspace, 1);
    writeBytes(row, keyHeadBytes, key);
    return row;
  }

  /** The key row in scratch memory: good until the next call. */
  scratchKeyOf(keyspace: number, key: ByteString): Buffer {
    this.#makeRoom(keyHeadBytes + key.length);
    return this.#scratch.subarray(0, this.#writeKey(keyspace, key));
  }

  /** Encodes a record and hands key and value (in scratch memory) to `take`. Its digest is then in this object. */
  encode(keyspace: number, key: ByteString, record: StoredRecord, take: (key: Buffer, value: Buffer) => void): void {
    const metadata = record.metadata === undefined ? undefined : encodeMetadata(record.metadata);
    const metadataBytes = metadata === undefined ? 0 : metadata.length;
    this.#makeRoom(keyHeadBytes + key.length + 32 + metadataBytes + record.value.length);
    const scratch = this.#scratch;
    const view = this.#view;
    const keyEnd = this.#writeKey(keyspace, key);
    let at = keyEnd;
    writeUint64(view, at, record.version);
    scratch[at + 8] = (metadata === undefined ? 0 : metadataFlag) | (record.expiresAtMs === 0 ? 0 : expiryFlag);
    at += 9;
    if (record.expiresAtMs !== 0) {
      writeUint64(view, at, record.expiresAtMs);
      at += 8;
    }
    if (metadata !== undefined) {
      view.setUint32(at, metadataBytes, true);
      at = writeBytes(scratch, at + 4, metadata);
    }
    at = writeBytes(scratch, at, record.value);
    this.derives = metadata !== undefined || record.expiresAtMs !== 0;
    this.#finish(key.length + record.value.length + metadataBytes, keyEnd, at, take);
  }

  /** Encodes a put as its entry has it, as `encode` does its record, byte for byte. */
  encodeLogged(put: LoggedRecord, take: (key: Buffer, value: Buffer) => void): void {
    const { body, valueStart, valueEnd, metadataEnd, hasMetadata, expiresAtMs } = put;
    const size = metadataEnd - put.keyStart;
    this.#makeRoom(keyHeadBytes + size + 32);
    const scratch = this.#scratch;
    const view = this.#view;
    scratch[0] = recordPrefix;
    view.setUint32(1, put.keyspace);
    const keyEnd = copyBytes(scratch, keyHeadBytes, body, put.keyStart, valueStart);
    let at = keyEnd;
    writeUint64(view, at, put.version);
    scratch[at + 8] = (hasMetadata ? metadataFlag : 0) | (expiresAtMs === 0 ? 0 : expiryFlag);
    at += 9;
    if (expiresAtMs !== 0) {
      writeUint64(view, at, expiresAtMs);
      at += 8;
    }
    if (hasMetadata) {
      view.setUint32(at, metadataEnd - valueEnd, true);
      at = copyBytes(scratch, at + 4, body, valueEnd, metadataEnd);
    }
    at = copyBytes(scratch, at, body, valueStart, valueEnd);
    this.derives = hasMetadata || expiresAtMs !== 0;
    this.#finish(size, keyEnd, at, take);
  }

  /** Adds the checksum to the row that ends here, hands it over, and sets its digest. */
  #finish(size: number, keyEnd: number, rowEnd: number, take: (key: Buffer, value: Buffer) => void): void {
    const scratch = this.#scratch;
    const checksum = crc32(scratch.subarray(0, rowEnd));
    this.#view.setUint32(rowEnd, checksum, true);
    take(scratch.subarray(0, keyEnd), scratch.subarray(keyEnd, rowEnd + checksumBytes));
    this.#setDigest(size, checksum, keyEnd, rowEnd);
  }

  /** Reads a row that the view returned for this key; EdisError 'damaged' when its check fails. */
  decode(keyRow: Uint8Array, valueRow: Uint8Array): StoredRecord {
    return this.#decode(keyRow, this.#load(keyRow, valueRow));
  }

  /** Reads a row of a scan, as decode does. */
  decodeRow(keyRow: Uint8Array, valueRow: Uint8Array, keysOnly: boolean): ViewRecord {
    const rowEnd = this.#load(keyRow, valueRow);
    const keyEnd = keyRow.length;
    const scratch = this.#scratch;
    const key = scratch.latin1Slice(keyHeadBytes, keyEnd);
    const flags = scratch[keyEnd + 8] ?? 0;
    if (flags === 0) {
      const version = readUint64(this.#view, keyEnd);
      if (keysOnly) return { key, value: '', metadata: undefined, version, expiresAtMs: 0 };
      if (rowEnd - keyEnd - 9 <= maxStringValueBytes) {
        const value = scratch.latin1Slice(keyEnd + 9, rowEnd);
        return { key, value, metadata: undefined, version, expiresAtMs: 0 };
      }
    } else if (keysOnly) {
      const expiresAtMs = (flags & expiryFlag) === 0 ? 0 : readUint64(this.#view, keyEnd + 9);
      return { key, value: '', metadata: undefined, version: readUint64(this.#view, keyEnd), expiresAtMs };
    }
    const { value, metadata, version, expiresAtMs } = this.#decode(keyRow, rowEnd);
    return { key, value, metadata, version, expiresAtMs };
  }

  /** Reads the row in the scratch. */
  #decode(keyRow: Uint8Array, rowEnd: number): StoredRecord {
    const scratch = this.#scratch;
    const keyEnd = keyRow.length;
    const flags = scratch[keyEnd + 8] ?? 0;
    let at = keyEnd + 9;
    let expiresAtMs = 0;
    if ((flags & expiryFlag) !== 0) {
      expiresAtMs = readUint64(this.#view, at);
      at += 8;
    }
    let metadata: Metadata | undefined;
    if ((flags & metadataFlag) !== 0) {
      const metadataStart = at + 4;
      at = metadataStart + this.#view.getUint32(at, true);
      metadata = decodeMetadata(scratch.subarray(metadataStart, at), () => this.#damaged(keyRow));
    }
    const bytes = scratch.subarray(at, rowEnd);
    // Large values stay arrays, and must not share the scratch.
    const value = bytes.length > maxStringValueBytes ? new Uint8Array(bytes) : compactValue(bytes);
    return { value, metadata, version: readUint64(this.#view, keyEnd), expiresAtMs };
  }

  /** Checks a row, as decode does, and returns its digest: good until the next call. */
  digest(keyRow: Uint8Array, valueRow: Uint8Array): Digest {
    const rowEnd = this.#load(keyRow, valueRow);
    const keyEnd = keyRow.length;
    // What lies between version and value is expiry and metadata; of those only the metadata counts as content.
    const flags = this.#scratch[keyEnd + 8] ?? 0;
    const overhead = 9 + ((flags & expiryFlag) === 0 ? 0 : 8) + ((flags & metadataFlag) === 0 ? 0 : 4);
    const checksum = this.#view.getUint32(rowEnd, true);
    this.derives = flags !== 0;
    this.#setDigest(rowEnd - keyHeadBytes - overhead, checksum, keyEnd, rowEnd);
    return this;
  }

  /** Brings a row into the scratch, checks it, and returns where its checksum begins. */
  #load(keyRow: Uint8Array, valueRow: Uint8Array): number {
    if (valueRow.length < minRowBytes) throw this.#damaged(keyRow);
    const keyEnd = keyRow.length;
    this.#makeRoom(keyEnd + valueRow.length);
    const scratch = this.#scratch;
    if (keyRow.buffer !== scratch.buffer) scratch.set(keyRow, 0);
    scratch.set(valueRow, keyEnd);
    const rowEnd = keyEnd + valueRow.length - checksumBytes;
    if (crc32(scratch.subarray(0, rowEnd)) !== this.#view.getUint32(rowEnd, true)) throw this.#damaged(keyRow);
    return rowEnd;
  }

  #setDigest(size: number, checksum: number, keyEnd: number, rowEnd: number): void {
    this.size = size;
    this.highLane = laneOfChecksum(checksum);
    this.lowLane = laneOfBytes(this.#scratch, 0, rowEnd, keyEnd);
  }

  #writeKey(keyspace: number, key: ByteString): number {
    this.#scratch[0] = recordPrefix;
    this.#view.setUint32(1, keyspace);
    return writeBytes(this.#scratch, keyHeadBytes, key);
  }

  #makeRoom(bytes: number): void {
    const kept = this.#scratch.length;
    if (bytes <= kept && (kept <= maxKeptScratchBytes || bytes > maxKeptScratchBytes)) return;
    const before = this.#scratch;
    this.#scratch = Buffer.allocUnsafeSlow(Math.max(bytes, initialScratchBytes));
    // A key may lie in the scratch already.
    before.copy(this.#scratch, 0, 0, maxKeyRowBytes);
    this.#view = new DataView(this.#scratch.buffer);
  }

  #damaged(keyRow: Uint8Array): EdisError {
    const key = JSON.stringify(asBuffer(keyRow).toString('latin1', keyHeadBytes));
    return damaged(`the record of key ${key.slice(0, 80)} in ${this.#path} fails its check`);
  }
}

/** Where the record's key lies in its key row. */
export function keyPlaceOfRow(keyRow: Uint8Array): KeyPlace {
  const bytes = asBuffer(keyRow);
  return { keyspace: bytes.readUInt32BE(1), bytes, start: keyHeadBytes, end: bytes.length };
}

/** Metadata and deadline of a row whose check has been made. */
export function derivationOfRow(valueRow: Uint8Array): Derivation {
  const bytes = asBuffer(valueRow);
  const flags = bytes[8] ?? 0;
  let start = 9;
  let expiresAtMs = 0;
  if ((flags & expiryFlag) !== 0) {
    expiresAtMs = readUint64(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), start);
    start += 8;
  }
  if ((flags & metadataFlag) === 0) return { bytes, start, end: start, expiresAtMs };
  return { bytes, start: start + 4, end: start + 4 + bytes.readUInt32LE(start), expiresAtMs };
}

/** Whether a row of the view is a record. */
export function isRecordRow(key: Uint8Array): boolean {
  return key[0] === recordPrefix && key.length > keyHeadBytes;
}
