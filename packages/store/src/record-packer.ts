import type { StoredRecord } from './stored-record.ts';
import { maxStringValueBytes } from './stored-record.ts';

/** A record as one byte string: eight bytes of version, then the value. */
export type PackedRecord = string;

const versionBytes = 8;

/**
 * Turns plain records (a short value, no metadata, no expiry), which nearly all are, into one string each and back.
 *
 * An object with a value string and a boxed version costs some 60 bytes more: a fifth of what a record of 100 bytes
 * takes in the cache.
 */
export class RecordPacker {
  readonly #scratch = Buffer.allocUnsafe(versionBytes + maxStringValueBytes);
  readonly #versionBytes = new Uint8Array(versionBytes);
  readonly #version = new Float64Array(this.#versionBytes.buffer);

  /** Undefined: not a plain record. */
  pack(record: StoredRecord): PackedRecord | undefined {
    const { value, version } = record;
    if (typeof value !== 'string' || value.length > maxStringValueBytes) return undefined;
    if (record.metadata !== undefined || record.expiresAtMs !== 0) return undefined;
    const scratch = this.#scratch;
    this.#version[0] = version;
    scratch.set(this.#versionBytes, 0);
    scratch.write(value, versionBytes, 'latin1');
    return scratch.toString('latin1', 0, versionBytes + value.length);
  }

  unpack(packed: PackedRecord): StoredRecord {
    const bytes = this.#versionBytes;
    for (let index = 0; index < versionBytes; index++) bytes[index] = packed.charCodeAt(index);
    return { value: packed.slice(versionBytes), metadata: undefined, version: this.#version[0] ?? 0, expiresAtMs: 0 };
  }
}
