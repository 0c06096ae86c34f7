import { crc32 } from 'node:zlib';
import type { IndexKind, KeyspaceSettings } from '@edis/core';
import './buffer-methods.ts';
import type { DeadlineSign } from './deadline-sign.ts';
import { expiryHeadBytes, expiryPrefix, writeExpiryHead } from './expiry-row.ts';
import {
  escapedBytesMax,
  indexedNumberOf,
  indexHeadBytes,
  indexPrefix,
  numberBytes,
  writeEscaped,
  writeOrderedNumber,
  writeTerminator,
} from './index-row.ts';
import type { StoredKeyspace } from './stored-keyspace.ts';
import { asBuffer, copyBytes } from './wire.ts';

/**
 * The rows that follow from a record: those of the metadata index, and the one of its deadline.
 *
 * Guarantees: after `replace` the view has exactly the rows of the new record, when it had exactly those of the old
 * one; what is the same in both is not touched. Works on encoded metadata, because most records come from the log and
 * nobody reads them here; in memory that it uses again for each row.
 */

/** What rows follow from: a record's metadata as the codec encodes it (none: empty), and its deadline. */
export interface Derivation {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly expiresAtMs: number;
}

/** Where a record's key lies. */
export interface KeyPlace {
  readonly keyspace: number;
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

export interface RowChanges {
  /** Must copy both before it returns. */
  put(key: Uint8Array, value: Uint8Array): void;
  delete(key: Uint8Array): void;
}

const checksumBytes = 4;
const initialScratchBytes = 4096;
/** Per field: where its name begins, where the value does, and where it ends. */
const placesPerField = 3;

/** How the fields of a keyspace are indexed, by the bytes of their names. */
interface FieldKinds {
  readonly settings: KeyspaceSettings;
  /** Undefined: every field, as text. */
  readonly kinds: ReadonlyMap<string, IndexKind> | undefined;
}

export class DerivedRows {
  readonly #keyspaces: () => ReadonlyMap<number, StoredKeyspace>;
  readonly #deadlines: DeadlineSign | undefined;
  readonly #fieldKinds = new Map<number, FieldKinds>();
  #scratch = Buffer.allocUnsafeSlow(initialScratchBytes);
  /** The value of most rows. */
  readonly #checksum = Buffer.allocUnsafeSlow(checksumBytes);
  readonly #before: number[] = [];
  readonly #after: number[] = [];

  /**
   * @param keyspaces records of others are not indexed
   * @param deadlines learns of the deadlines that get rows; undefined: nobody asks
   */
  constructor(keyspaces: () => ReadonlyMap<number, StoredKeyspace>, deadlines?: DeadlineSign) {
    this.#keyspaces = keyspaces;
    this.#deadlines = deadlines;
  }

  /** One of the two may be undefined: there was, or is, no record. */
  replace(key: KeyPlace, before: Derivation | undefined, after: Derivation | undefined, changes: RowChanges): void {
    const expiredBefore = before?.expiresAtMs ?? 0;
    const expiresAfter = after?.expiresAtMs ?? 0;
    if (expiredBefore !== expiresAfter) {
      if (expiredBefore !== 0) changes.delete(this.#scratch.subarray(0, this.#writeExpiryKey(key, expiredBefore)));
      if (expiresAfter !== 0) {
        this.#finish(this.#writeExpiryKey(key, expiresAfter), undefined, 0, 0, changes);
        this.#deadlines?.note(expiresAfter);
      }
    }
    const settings = this.#keyspaces().get(key.keyspace)?.settings;
    if (settings === undefined) return;
    const kinds = this.#kindsOf(key.keyspace, settings);
    const beforeCount = findFields(before, this.#before);
    const afterCount = findFields(after, this.#after);
    for (let field = 0; field < beforeCount; field++) {
      if (before === undefined || hasField(after, this.#after, afterCount, before, this.#before, field)) continue;
      const kind = kindOf(kinds, before.bytes, this.#before, field);
      const end = kind === undefined ? 0 : this.#writeIndexKey(key, before.bytes, this.#before, field, kind);
      if (end > 0) changes.delete(this.#scratch.subarray(0, end));
    }
    for (let field = 0; field < afterCount; field++) {
      if (after === undefined || hasField(before, this.#before, beforeCount, after, this.#after, field)) continue;
      const kind = kindOf(kinds, after.bytes, this.#after, field);
      const end = kind === undefined ? 0 : this.#writeIndexKey(key, after.bytes, this.#after, field, kind);
      if (end === 0) continue;
      const text = kind === 'number' ? after.bytes : undefined;
      const place = field * placesPerField;
      this.#finish(end, text, this.#after[place + 1] ?? 0, this.#after[place + 2] ?? 0, changes);
    }
  }

  #kindsOf(keyspace: number, settings: KeyspaceSettings): FieldKinds {
    const known = this.#fieldKinds.get(keyspace);
    if (known?.settings === settings) return known;
    const kinds =
      settings.indexedFields === undefined
        ? undefined
        : new Map(settings.indexedFields.map(({ field, kind }) => [Buffer.from(field).toString('latin1'), kind]));
    const made: FieldKinds = { settings, kinds };
    this.#fieldKinds.set(keyspace, made);
    return made;
  }

  /** Adds checksum, and text before it, to the key in the scratch, and hands both over. */
  #finish(keyEnd: number, text: Buffer | undefined, start: number, end: number, changes: RowChanges): void {
    const scratch = this.#scratch;
    const key = scratch.subarray(0, keyEnd);
    if (text === undefined) {
      this.#checksum.writeUInt32LE(crc32(key));
      changes.put(key, this.#checksum);
      return;
    }
    const rowEnd = copyBytes(scratch, keyEnd, text, start, end);
    scratch.writeUInt32LE(crc32(scratch.subarray(0, rowEnd)), rowEnd);
    changes.put(key, scratch.subarray(keyEnd, rowEnd + checksumBytes));
  }

  #writeExpiryKey(key: KeyPlace, expiresAtMs: number): number {
    this.#makeRoom(expiryHeadBytes + key.end - key.start + checksumBytes);
    const at = writeExpiryHead(this.#scratch, expiresAtMs, key.keyspace);
    return copyBytes(this.#scratch, at, key.bytes, key.start, key.end);
  }

  /** Returns where the key ends; 0: there is none, because the value is no number. */
  #writeIndexKey(key: KeyPlace, bytes: Buffer, places: readonly number[], field: number, kind: IndexKind): number {
    const nameStart = places[field * placesPerField] ?? 0;
    const valueStart = places[field * placesPerField + 1] ?? 0;
    const valueEnd = places[field * placesPerField + 2] ?? 0;
    const number = kind === 'number' ? indexedNumberOf(bytes.latin1Slice(valueStart, valueEnd)) : 0;
    if (number === undefined) return 0;
    const textBytes = escapedBytesMax(valueEnd - nameStart) + 2;
    this.#makeRoom(indexHeadBytes + textBytes * 2 + numberBytes + key.end - key.start + checksumBytes);
    const scratch = this.#scratch;
    scratch[0] = indexPrefix;
    scratch.writeUInt32BE(key.keyspace, 1);
    let at = writeTerminator(scratch, writeEscaped(scratch, indexHeadBytes, bytes, nameStart, valueStart));
    if (kind === 'number') at = writeOrderedNumber(scratch, at, number);
    else at = writeTerminator(scratch, writeEscaped(scratch, at, bytes, valueStart, valueEnd));
    return copyBytes(scratch, at, key.bytes, key.start, key.end);
  }

  #makeRoom(bytes: number): void {
    if (bytes > this.#scratch.length) this.#scratch = Buffer.allocUnsafeSlow(bytes * 2);
  }
}

/** Whether a row of the view is one of these, and passes its check. */
export function checkDerivedRow(key: Uint8Array, value: Uint8Array): boolean {
  if ((key[0] !== indexPrefix && key[0] !== expiryPrefix) || value.length < checksumBytes) return false;
  const row = asBuffer(value);
  const textEnd = value.length - checksumBytes;
  const ofKey = crc32(key);
  return row.readUInt32LE(textEnd) === (textEnd === 0 ? ofKey : crc32(row.subarray(0, textEnd), ofKey));
}

/** Finds the fields of encoded metadata, which has been checked before, and returns how many there are. */
function findFields(source: Derivation | undefined, places: number[]): number {
  if (source === undefined || source.end === source.start) return 0;
  const { bytes, start } = source;
  const count = bytes.readUInt16LE(start);
  let at = start + 2;
  for (let index = 0; index < count * placesPerField; index += placesPerField) {
    const nameStart = at + 6;
    const valueStart = nameStart + bytes.readUInt16LE(at);
    at = valueStart + bytes.readUInt32LE(at + 2);
    places[index] = nameStart;
    places[index + 1] = valueStart;
    places[index + 2] = at;
  }
  return count;
}

/** Whether a record has a field with the same value as the other's. */
function hasField(
  source: Derivation | undefined,
  places: readonly number[],
  count: number,
  other: Derivation,
  otherPlaces: readonly number[],
  otherField: number,
): boolean {
  if (source === undefined) return false;
  const otherPlace = otherField * placesPerField;
  const nameStart = otherPlaces[otherPlace] ?? 0;
  const nameLength = (otherPlaces[otherPlace + 1] ?? 0) - nameStart;
  const length = (otherPlaces[otherPlace + 2] ?? 0) - nameStart;
  for (let index = 0; index < count; index++) {
    // Fields are mostly in the same places.
    const place = ((otherField + index) % count) * placesPerField;
    const start = places[place] ?? 0;
    const end = places[place + 2] ?? 0;
    if (end - start !== length || (places[place + 1] ?? 0) - start !== nameLength) continue;
    if (sameBytes(source.bytes, start, other.bytes, nameStart, length)) return true;
  }
  return false;
}

function sameBytes(a: Buffer, aStart: number, b: Buffer, bStart: number, length: number): boolean {
  for (let index = 0; index < length; index++) if (a[aStart + index] !== b[bStart + index]) return false;
  return true;
}

function kindOf({ kinds }: FieldKinds, bytes: Buffer, places: readonly number[], field: number): IndexKind | undefined {
  if (kinds === undefined) return 'text';
  const place = field * placesPerField;
  return kinds.get(bytes.latin1Slice(places[place] ?? 0, places[place + 1] ?? 0));
}
