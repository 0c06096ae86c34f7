import type {
  BatchRequest,
  BatchResponse,
  BeaconRequest,
  BeaconResponse,
  ClusterDescription,
  FollowRequest,
  FollowResponse,
  InfoMessage,
  NodeMessage,
  NodeStats,
  SnapshotRequest,
  SnapshotResponse,
  TopologyUpdate,
} from '@edis/core';
import type { MessageStream } from './message-stream.ts';

/** What a server does for edis.v1.InfoService; proto/edis/v1/info.proto is the contract. */
export interface InfoHandlers {
  session(stream: MessageStream<InfoMessage, NodeMessage>): void;
  watchTopology(stream: MessageStream<TopologyUpdate, never>): void;
  describeCluster(): ClusterDescription;
}

/** What a server does for edis.v1.ShardService; proto/edis/v1/shard.proto is the contract. */
export interface ShardHandlers {
  batch(stream: MessageStream<BatchResponse, BatchRequest>): void;
  execute(request: BatchRequest): Promise<BatchResponse>;
  stats(): NodeStats;
}

/** What a server does for edis.v1.ReplicationService; proto/edis/v1/replication.proto is the contract. */
export interface ReplicationHandlers {
  follow(stream: MessageStream<FollowResponse, FollowRequest>): void;
  snapshot(stream: MessageStream<SnapshotResponse, SnapshotRequest>): void;
  beacon(stream: MessageStream<BeaconResponse, BeaconRequest>): void;
}
