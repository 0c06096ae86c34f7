import type { ByteString, Bytes, Metadata } from '@edis/core';
import { defaultKeyspaceId } from '@edis/core';
import './buffer-methods.ts';
import { damaged } from './damage.ts';
import type { Derivation, KeyPlace } from './derived-rows.ts';
import { answerFlag, bodyHeadBytes, clientBytes, expiryFlag, metadataFlag, operationHeadBytes } from './entry-codec.ts';
import { decodeMetadata } from './metadata-codec.ts';
import type { RecordKey, StoredRecord } from './stored-record.ts';
import { maxStringValueBytes, recordKeyOf } from './stored-record.ts';
import { readUint64 } from './wire.ts';

/**
 * One write of an entry, read where it lies in the entry's body.
 *
 * Assumes a body that was encoded or decoded before: nothing is checked again. Used again for one write after the
 * other, because an object for each write would outlive it by a fold, which is what the garbage collector is worst at.
 */
export class LoggedRecord {
  body: Buffer = Buffer.alloc(0);
  version = 0;
  keyspace = defaultKeyspaceId;
  keyStart = 0;
  /** The value begins where the key ends, and the metadata where the value ends. */
  valueStart = 0;
  valueEnd = 0;
  metadataEnd = 0;
  expiresAtMs = 0;
  hasMetadata = false;

  /** @param start of the operation in the body */
  load(body: Buffer, start: number, version: number): void {
    const flags = body[start + 1] ?? 0;
    let at = start + operationHeadBytes;
    if (uint16At(body, start + 10) !== 0) at += 8;
    this.expiresAtMs = 0;
    if ((flags & expiryFlag) !== 0) {
      this.expiresAtMs = readUint64(new DataView(body.buffer, body.byteOffset, body.byteLength), at);
      at += 8;
    }
    if ((flags & answerFlag) !== 0) at += 8;
    const valueLength = uint32At(body, at);
    at += 4;
    let metadataLength = 0;
    this.hasMetadata = (flags & metadataFlag) !== 0;
    if (this.hasMetadata) {
      metadataLength = uint32At(body, at);
      at += 4;
    }
    this.body = body;
    this.version = version;
    this.keyspace = uint32At(body, start + 4);
    this.keyStart = at;
    this.valueStart = at + uint16At(body, start + 8);
    this.valueEnd = this.valueStart + valueLength;
    this.metadataEnd = this.valueEnd + metadataLength;
  }

  recordKey(): RecordKey {
    return recordKeyOf(this.keyspace, this.body.latin1Slice(this.keyStart, this.valueStart));
  }

  /** Short values in memory of their own, others as a part of the body. */
  value(): Bytes {
    const { body, valueStart, valueEnd } = this;
    const length = valueEnd - valueStart;
    if (length <= maxStringValueBytes) return body.latin1Slice(valueStart, valueEnd);
    return new Uint8Array(body.buffer, body.byteOffset + valueStart, length);
  }

  get valueLength(): number {
    return this.valueEnd - this.valueStart;
  }

  get metadataLength(): number {
    return this.metadataEnd - this.valueEnd;
  }

  metadata(): Metadata | undefined {
    if (!this.hasMetadata) return undefined;
    return decodeMetadata(this.body.subarray(this.valueEnd, this.metadataEnd), (what) =>
      damaged(`the metadata of a logged write cannot be read: ${what}`),
    );
  }

  /** Value and metadata as the entry has them, one behind the other. */
  content(): ByteString {
    return this.body.latin1Slice(this.valueStart, this.metadataEnd);
  }

  /** Whether other rows of the view follow from it. */
  get derives(): boolean {
    return this.hasMetadata || this.expiresAtMs !== 0;
  }

  derivation(): Derivation {
    const { body, valueEnd, metadataEnd, expiresAtMs } = this;
    return { bytes: body, start: valueEnd, end: metadataEnd, expiresAtMs };
  }

  keyPlace(): KeyPlace {
    return { keyspace: this.keyspace, bytes: this.body, start: this.keyStart, end: this.valueStart };
  }

  record(): StoredRecord {
    return {
      value: this.value(),
      metadata: this.metadata(),
      version: this.version,
      expiresAtMs: this.expiresAtMs,
    };
  }
}

/** Where an entry's first operation begins in its body. */
export function firstOperation(body: Buffer): number {
  return bodyHeadBytes + uint16At(body, 2) * clientBytes;
}

function uint16At(bytes: Buffer, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

function uint32At(bytes: Buffer, at: number): number {
  return (uint16At(bytes, at) | (uint16At(bytes, at + 2) << 16)) >>> 0;
}
