import type { ByteString, Bytes, Metadata } from './bytes.ts';
import type { Position } from './operation.ts';
import type { ClusterId, ShardId } from './topology.ts';

/** Where a change feed begins: with the records that there are, with what comes, or behind a position. */
export type WatchFrom =
  | { readonly kind: 'start' }
  | { readonly kind: 'now' }
  | { readonly kind: 'after'; readonly position: Position };

export interface WatchOpen {
  readonly kind: 'open';
  readonly shard: ShardId;
  readonly cluster: ClusterId;
  /** Keyspace id; 0: default. */
  readonly keyspace: number;
  /** Only keys that begin so; empty: all. */
  readonly prefix: ByteString;
  readonly from: WatchFrom;
  /** Bytes of events that may be under way ungranted. */
  readonly creditBytes: number;
}

export type WatchRequest = WatchOpen | { readonly kind: 'grant'; readonly bytes: number };

/** `snapshot`: the record as it was when the feed began; it was not written just now. */
export type ChangeKind = 'snapshot' | 'put' | 'delete' | 'expire';

export interface Change {
  readonly kind: ChangeKind;
  readonly key: ByteString;
  /** Empty for deletes and expiries. */
  readonly value: Bytes;
  readonly metadata: Metadata | undefined;
  /** Of the change. */
  readonly version: number;
  /** 0: never. */
  readonly expiresAtMs: number;
}

/** `start`: asked for. `log-too-short`: the log no longer reaches back. `diverged`: the shard lost what was seen. */
export type WatchSnapshotCause = 'start' | 'log-too-short' | 'diverged';

export type WatchRefusalCause = 'other-shard' | 'other-cluster' | 'no-such-keyspace' | 'not-serving' | 'busy';

export type WatchResponse =
  /** Changes behind this position follow. */
  | { readonly kind: 'started'; readonly position: Position; readonly node: string }
  /** All records follow as `snapshot` changes; a record of this shard that is not among them is gone. */
  | { readonly kind: 'snapshot-begin'; readonly cause: WatchSnapshotCause; readonly node: string }
  /** The snapshot is complete; it shows this position, and changes behind it follow. */
  | { readonly kind: 'snapshot-end'; readonly position: Position }
  /** Changes in order; a reader that has them stands at this position (unset within a snapshot or an entry). */
  | {
      readonly kind: 'changes';
      readonly changes: readonly Change[];
      readonly position: Position | undefined;
      readonly bytes: number;
    }
  | { readonly kind: 'refused'; readonly cause: WatchRefusalCause };
