import type { Bound, ByteString, Bytes, Metadata, Position } from '@edis/core';

/** A record as scans see it. */
export interface ViewRecord {
  readonly key: ByteString;
  /** '' when only keys were asked for. */
  readonly value: Bytes;
  /** Undefined also when only keys were asked for. */
  readonly metadata: Metadata | undefined;
  readonly version: number;
  /** Milliseconds since the Unix epoch; 0: never. */
  readonly expiresAtMs: number;
}

/** A record that has a value for a field. */
export interface IndexEntry {
  /** As written in the metadata. */
  readonly value: string;
  readonly key: ByteString;
}

/** Which entries of a field's index; all that is set must hold. For a field of numbers, values are compared as such. */
export interface IndexRange {
  readonly equals?: string | undefined;
  /** Not for fields of numbers. */
  readonly prefix?: string | undefined;
  readonly from?: Bound | undefined;
  readonly to?: Bound | undefined;
  /** Only what comes behind this entry, which need not be there. */
  readonly after?: IndexEntry | undefined;
}

/** A record whose deadline is known. */
export interface ExpiringRecord {
  readonly keyspace: number;
  readonly key: ByteString;
  readonly expiresAtMs: number;
}

/** The view as it was at one moment. To be closed. */
export interface ViewReader {
  readonly position: Position;
  readonly timestamp: number;
  /**
   * Records in the order of their keys, from `from` (inclusive) to `to` (exclusive; '': the end).
   * @param wanted how many the reader will likely take; undefined: few, or all
   */
  records(
    keyspace: number,
    from: ByteString,
    to: ByteString,
    keysOnly?: boolean,
    wanted?: number,
  ): AsyncIterable<readonly ViewRecord[]>;
  /** In the order of the field's values, then of keys. EdisError 'invalid-argument': the field has no such index. */
  index(keyspace: number, field: string, range: IndexRange): AsyncIterable<readonly IndexEntry[]>;
  /** Of each key: whether its record has this value for the field. */
  hasIndexEntry(
    keyspace: number,
    field: string,
    value: string,
    keys: readonly ByteString[],
  ): Promise<readonly boolean[]>;
  /** All at once in memory: as many as the caller can hold. */
  getRecords(keyspace: number, keys: readonly ByteString[]): Promise<readonly (ViewRecord | undefined)[]>;
  /** Records whose deadline is not after `untilMs`, the earliest first. */
  expiring(untilMs: number, limit: number): Promise<readonly ExpiringRecord[]>;
  close(): Promise<void>;
}
