import type { Position } from './operation.ts';
import type { ClusterId, ShardId, StoreId } from './topology.ts';

/** What followers and primaries say to each other: proto/edis/v1/replication.proto has the contract of each. */

export interface EpochStart {
  readonly epoch: number;
  readonly firstPosition: number;
}

export interface FollowOpen {
  readonly shard: ShardId;
  readonly cluster: ClusterId;
  readonly store: StoreId;
  readonly node: string;
  readonly epoch: number;
  readonly lastEntry: Position;
  readonly creditBytes: number;
}

export interface FollowAcknowledge {
  readonly durablePosition: number;
  readonly appliedPosition: number;
  readonly receivedPosition: number;
}

export type FollowRequest =
  | ({ readonly kind: 'open' } & FollowOpen)
  | ({ readonly kind: 'acknowledge' } & FollowAcknowledge);

export type SnapshotCause = 'log-too-short' | 'diverged' | 'log-too-long';
export type FollowRefusalCause = 'not-primary' | 'other-shard' | 'other-cluster' | 'old-epoch';

export type FollowMessage =
  | { readonly kind: 'start'; readonly fromPosition: number; readonly epochs: readonly EpochStart[] }
  /** With the primary's log: where it ends, and its epochs. */
  | {
      readonly kind: 'snapshot-needed';
      readonly cause: SnapshotCause;
      readonly lastPosition: number;
      readonly epochs: readonly EpochStart[];
    }
  | { readonly kind: 'refused'; readonly cause: FollowRefusalCause }
  | {
      readonly kind: 'entries';
      readonly firstPosition: number;
      readonly bodies: readonly Uint8Array[];
      readonly checksums: readonly number[];
    }
  | { readonly kind: 'watermark' };

export interface FollowResponse {
  readonly message: FollowMessage;
  /** Epoch of the sender. */
  readonly epoch: number;
  readonly visiblePosition: number;
  /** The follower is asked to make everything up to here durable without delay: a quorum is waited for. */
  readonly syncPosition: number;
}

export interface SnapshotOpen {
  readonly shard: ShardId;
  readonly cluster: ClusterId;
  readonly store: StoreId;
}

export type SnapshotRequest =
  | ({ readonly kind: 'open' } & SnapshotOpen)
  | { readonly kind: 'grant'; readonly pages: number };

export type SnapshotResponse =
  | {
      readonly kind: 'start';
      readonly position: Position;
      readonly timestamp: number;
      readonly epochs: readonly EpochStart[];
      readonly recordCount: number;
      readonly contentHash: string;
    }
  | { readonly kind: 'page'; readonly keys: readonly Uint8Array[]; readonly values: readonly Uint8Array[] }
  | { readonly kind: 'end'; readonly rowCount: number };

export interface BeaconRequest {
  readonly shard: ShardId;
  readonly store: StoreId;
  /** The follower's monotonic clock, milliseconds. */
  readonly stampMs: number;
  /** Number of the beacon whose lease the follower grants. 0: it grants none. */
  readonly granted: number;
}

export interface BeaconResponse {
  readonly epoch: number;
  /** Epoch of the primary's own entries. */
  readonly since: number;
  /** Last entry of the log when this was sent. */
  readonly lastPosition: number;
  /** The newest stamp of the follower. */
  readonly stampMs: number;
  /** How long the lease lasts that an answer grants, counted from when this was sent. 0: none is asked for. */
  readonly leaseMs: number;
  /** Names this beacon in the answer. 0: no lease is asked for. */
  readonly number: number;
}
