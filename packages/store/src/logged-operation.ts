import type { ByteString, Bytes, Metadata, RememberedKind } from '@edis/core';

/**
 * `open`: a primary opens its epoch. `expire`: the record's deadline has passed; like a `delete`. `keyspace`: one that
 * the shard learns of. `drop`: one that is no more; its records go by deletes that follow.
 */
export type LoggedKind = 'put' | 'delete' | 'open' | 'expire' | 'keyspace' | 'drop';

/** One operation of a log entry. Made with all fields, in this order: one hidden class keeps the hot paths fast. */
export interface LoggedOperation {
  /** A `delete` or `expire` is logged only when there was a record. `open`, `keyspace` and `drop` have no key. */
  readonly kind: LoggedKind;
  readonly keyspace: number;
  readonly slot: number;
  readonly key: ByteString;
  /** Of a `keyspace`: see encodeKeyspaceValue. '' for all others but puts. */
  readonly value: Bytes;
  readonly metadata: Metadata | undefined;
  /** Milliseconds since the Unix epoch; 0: never. */
  readonly expiresAtMs: number;
  /** 16 bytes, or '': no operation id. */
  readonly client: ByteString;
  readonly sequence: number;
  /** What the client asked for, by which a repeated write is answered; of no meaning without an operation id. */
  readonly origin: RememberedKind;
  /** What the answer said besides (see RememberedOperation); 0n: nothing. 64 bits, signed. */
  readonly answer: bigint;
}

/** One commit group. Operation i has the version `timestamp + i`. */
export interface Entry {
  readonly position: number;
  readonly epoch: number;
  readonly timestamp: number;
  readonly operations: readonly LoggedOperation[];
  /** By client: sequences below are finished. */
  readonly completed: ReadonlyMap<ByteString, number>;
}

/** An entry as the log and the followers have it. */
export interface EncodedEntry {
  readonly body: Uint8Array;
  /** CRC-32 of the body. */
  readonly checksum: number;
}

/** Consecutive entries as the log and the followers have them. */
export interface EncodedEntries {
  readonly firstPosition: number;
  readonly bodies: readonly Uint8Array[];
  readonly checksums: readonly number[];
}

/** The highest timestamp that an entry uses. */
export function lastTimestampOf(entry: Entry): number {
  return entry.timestamp + Math.max(0, entry.operations.length - 1);
}
