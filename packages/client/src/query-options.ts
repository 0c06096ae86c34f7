import type { MeasureKind, MemberRole, Metadata, ShardId } from '@edis/core';
import type { GetOptions, Key } from './options.ts';
import type { GetResult } from './results.ts';

/** Which keys; `prefix` excludes `from` and `to`. Order is that of the keys' bytes. */
export interface KeyRange {
  readonly prefix?: Key | undefined;
  /** Inclusive. */
  readonly from?: Key | undefined;
  /** Exclusive. */
  readonly to?: Key | undefined;
}

/** How a query reads, and where it goes on. */
export interface PageOptions extends GetOptions {
  /** Ends after that many records. */
  readonly limit?: number | undefined;
  /** Goes on where a query of the same kind and conditions stopped, in this process or in another. */
  readonly cursor?: string | undefined;
  /**
   * Records that each shard is asked for at once: the bound of what is held in memory.
   * @default 2000
   */
  readonly pageSize?: number | undefined;
}

export interface ScanOptions extends KeyRange, PageOptions {}

/**
 * Records in order, fetched as they are taken. `cursor` is where the query stands behind the record that was taken
 * last; undefined once there are no more.
 */
export interface RecordStream<Found> extends AsyncIterable<Found> {
  readonly cursor: string | undefined;
  /** Takes all that is left, within `limit`. */
  toArray(): Promise<Found[]>;
}

/** A bound, a prefix or a value of one metadata field. A plain string is `{equals: …}`. */
export type FieldCondition =
  | string
  | { readonly equals: string }
  | { readonly prefix: string }
  | {
      readonly gt?: string | number;
      readonly gte?: string | number;
      readonly lt?: string | number;
      readonly lte?: string | number;
    };

/** By field; all must hold. */
export type SearchQuery = Readonly<Record<string, FieldCondition>>;

export type SearchOptions = PageOptions;

/** What is computed, by the name that it has in the result: `{people: 'count', oldest: {max: 'age'}}`. */
export type MeasureQuery =
  | 'count'
  | { readonly sum: string }
  | { readonly min: string }
  | { readonly max: string }
  | { readonly average: string };

export interface AggregateQuery<Names extends string = string> {
  readonly where?: SearchQuery | undefined;
  readonly groupBy?: string | undefined;
  readonly measures: Readonly<Record<Names, MeasureQuery>>;
  /** Only the groups with the greatest values of a measure. */
  readonly top?: { readonly by: Names; readonly count: number } | undefined;
}

/** A number; `exact` has all its digits. Undefined: no record had the field. */
export interface MeasureValue {
  readonly kind: MeasureKind;
  readonly value: number | undefined;
  /** Decimal digits; of an average, a fraction `sum/count` is rounded to a double. */
  readonly exact: string | undefined;
}

export interface AggregateGroupResult<Names extends string = string> {
  /** Value of the grouping field; undefined without one. */
  readonly group: string | undefined;
  readonly count: number;
  readonly measures: Readonly<Record<Names, MeasureValue>>;
}

export interface AggregateResult<Names extends string = string> {
  /** Ordered by the `top` measure, greatest first, else by group. */
  readonly groups: readonly AggregateGroupResult<Names>[];
  readonly servedBy: readonly { readonly node: string; readonly shard: ShardId }[];
  /** Of the answer that may be furthest behind. */
  readonly stalenessMs: number;
}

export interface WatchOptions {
  readonly prefix?: Key | undefined;
  /**
   * `start`: the records that there are, then their changes. `now`: what comes. A token: what came after it.
   * @default 'now'
   */
  readonly from?: 'start' | 'now' | (string & {}) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A record that was written, or that a snapshot holds. */
export interface RecordEvent<Content> {
  readonly kind: 'put' | 'snapshot';
  readonly key: Key;
  readonly value: Content;
  readonly metadata: Metadata;
  readonly version: number;
  readonly expiresAtMs: number | undefined;
  readonly shard: ShardId;
  readonly token: string;
}

/**
 * One change. `token` is where the feed stands behind it: give it as `from` to go on, in this process or in another.
 *
 * `snapshot-begin` (of one shard): its records follow as `snapshot`, because it was asked for or because the log no
 * longer reaches back; at `snapshot-end`, a record of that shard that was not among them is gone. A second
 * `snapshot-begin` before the end begins the same snapshot anew.
 *
 * Promised: a feed from the token of any event has every change behind it, of each key in order, and none of those
 * before it, also when it stopped in the middle of an atomic batch. Within a snapshot, the token begins that shard's
 * snapshot anew. Between shards there is no order.
 */
export type WatchEvent =
  | RecordEvent<Uint8Array>
  | {
      readonly kind: 'delete' | 'expire';
      readonly key: Key;
      readonly version: number;
      readonly shard: ShardId;
      readonly token: string;
    }
  | {
      readonly kind: 'snapshot-begin';
      readonly cause: 'start' | 'log-too-short' | 'diverged';
      readonly shard: ShardId;
      readonly token: string;
    }
  | { readonly kind: 'snapshot-end'; readonly shard: ShardId; readonly token: string };

/** How the records of a keyspace are spread; records, bytes and hot keys are those of that keyspace. */
export interface Distribution {
  readonly keyspace: string;
  readonly shards: readonly ShardShare[];
  readonly records: Balance;
  readonly bytes: Balance;
  /** Of all keyspaces. */
  readonly operations: Balance;
  /** Most first; estimates. */
  readonly hotKeys: readonly {
    readonly key: Key;
    readonly shard: ShardId;
    readonly operationsPerSecond: number;
  }[];
}

export interface ShardShare {
  readonly shard: ShardId;
  readonly node: string;
  readonly role: MemberRole;
  readonly slots: number;
  readonly records: number;
  readonly bytes: number;
  /** Of all keyspaces: nodes do not count them apart. */
  readonly operationsPerSecond: number;
  /** Part of all records, 0 – 1. */
  readonly share: number;
  /** Records less those that its slots would make it expect. */
  readonly deviation: number;
}

export interface Balance {
  readonly total: number;
  readonly expected: number;
  /** Standard deviation over the shards; 0 is perfect. */
  readonly standardDeviation: number;
  /** Standard deviation over the mean; 0 when there is nothing. */
  readonly coefficientOfVariation: number;
}

/** A record of a scan or a search. */
export type ScannedRecord = GetResult;
