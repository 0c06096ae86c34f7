import type { ByteString, Bytes, Metadata } from './bytes.ts';
import type { BusyCause, Consistency, InvalidCause, Position } from './operation.ts';
import type { ShardId, Topology } from './topology.ts';

/** What every query of one shard begins with. */
export interface QueryHead {
  /** Shard that the client means; empty: any. */
  readonly shard: ShardId;
  /** Epoch that the client knows; 0: any. */
  readonly epoch: number;
  /** Topology revision that the client routed by; 0: none. */
  readonly revision: number;
  /** Keyspace id; 0: default. */
  readonly keyspace: number;
  readonly consistency: Consistency;
  /** For `session`; undefined: nothing. */
  readonly after: Position | undefined;
  /** For `bounded`. */
  readonly maxStalenessMs: number;
}

export interface ScanRequest {
  readonly head: QueryHead;
  /** First key, inclusive; empty: from the beginning. */
  readonly from: ByteString;
  /** Last key, exclusive; empty: to the end. */
  readonly to: ByteString;
  readonly maxRecords: number;
  /** Without values and metadata. */
  readonly keysOnly: boolean;
}

/** A condition on a metadata field. Ranges are ordered as the field is indexed. */
export type Predicate =
  | { readonly kind: 'equals'; readonly field: string; readonly value: string }
  | { readonly kind: 'prefix'; readonly field: string; readonly prefix: string }
  | {
      readonly kind: 'range';
      readonly field: string;
      /** Undefined: no bound. */
      readonly from: Bound | undefined;
      readonly to: Bound | undefined;
    };

export interface Bound {
  readonly value: string;
  readonly inclusive: boolean;
}

/** Where a search stands: after the record with this key, whose ordering field has this value. */
export interface SearchPlace {
  /** Empty when the order is by key alone. */
  readonly value: string;
  readonly key: ByteString;
}

export interface SearchRequest {
  readonly head: QueryHead;
  /** At least one. All must hold. */
  readonly where: readonly Predicate[];
  /**
   * The order is by the first `prefix` or `range` predicate's field and then by key; by key alone when all are
   * `equals`. Undefined: from the beginning.
   */
  readonly after: SearchPlace | undefined;
  readonly maxRecords: number;
  readonly keysOnly: boolean;
}

export type MeasureKind = 'count' | 'sum' | 'min' | 'max' | 'average';

export interface Measure {
  readonly kind: MeasureKind;
  /** Empty for `count`. */
  readonly field: string;
}

export interface AggregateRequest {
  readonly head: QueryHead;
  /** Empty: all records of the keyspace. */
  readonly where: readonly Predicate[];
  /** Empty: one group of all. Records without the field are in no group. */
  readonly groupBy: string;
  readonly measures: readonly Measure[];
}

/** What one shard knows about one group; exact, so that groups of several shards can be added up. */
export interface AggregateGroup {
  /** Value of the grouping field; empty without one. */
  readonly group: string;
  readonly count: number;
  /** One per measure, in their order. */
  readonly parts: readonly MeasurePart[];
}

/** Numbers are exact decimals in digits; empty when no record had the field. */
export interface MeasurePart {
  /** Records that have the field. */
  readonly count: number;
  readonly sum: string;
  readonly min: string;
  readonly max: string;
}

export interface QueryRecord {
  readonly key: ByteString;
  readonly value: Bytes;
  readonly metadata: Metadata | undefined;
  readonly version: number;
  /** 0: never. */
  readonly expiresAtMs: number;
}

/** Why a shard does not answer a query. The same words as of single operations. */
export type QueryRefusal =
  | { readonly kind: 'wrong-shard'; readonly topology: Topology | undefined }
  | { readonly kind: 'not-primary'; readonly epoch: number }
  | { readonly kind: 'busy'; readonly cause: BusyCause; readonly retryAfterMs: number }
  | { readonly kind: 'too-stale'; readonly applied: Position; readonly stalenessMs: number }
  | { readonly kind: 'invalid'; readonly cause: InvalidCause; readonly message: string }
  | { readonly kind: 'unavailable'; readonly message: string };

/** Who answered, and as of when. */
export interface QueryFooter {
  readonly node: string;
  /** The view's position that the answer shows. */
  readonly position: Position;
  /** 0 at a primary. */
  readonly stalenessMs: number;
}

export interface RecordPage {
  readonly kind: 'records';
  readonly records: readonly QueryRecord[];
  /** There may be more records behind the last one; a search that met none for long ends its page early. */
  readonly more: boolean;
  /**
   * For a search: place of each record in its order, `value` alone, as many as records; empty when the order is by key.
   */
  readonly places: readonly string[];
  readonly footer: QueryFooter;
}

export interface GroupPage {
  readonly kind: 'groups';
  readonly groups: readonly AggregateGroup[];
  readonly footer: QueryFooter;
}

export type ScanResponse = RecordPage | QueryRefusal;
export type SearchResponse = RecordPage | QueryRefusal;
export type AggregateResponse = GroupPage | QueryRefusal;
