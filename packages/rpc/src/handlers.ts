import type {
  AggregateRequest,
  AggregateResponse,
  BatchRequest,
  BatchResponse,
  BeaconRequest,
  BeaconResponse,
  ClusterDescription,
  FollowRequest,
  FollowResponse,
  InfoMessage,
  KeyspaceReply,
  KeyspaceSettings,
  NodeMessage,
  NodeStats,
  PromoteReply,
  PromoteWish,
  ScanRequest,
  ScanResponse,
  SearchRequest,
  SearchResponse,
  SnapshotRequest,
  SnapshotResponse,
  TopologyUpdate,
  WatchRequest,
  WatchResponse,
} from '@edis/core';
import type { MessageStream } from './message-stream.ts';

/** What a server does for edis.v1.InfoService; proto/edis/v1/info.proto is the contract. */
export interface InfoHandlers {
  session(stream: MessageStream<InfoMessage, NodeMessage>): void;
  watchTopology(stream: MessageStream<TopologyUpdate, never>): void;
  describeCluster(): ClusterDescription;
  createKeyspace(name: string, settings: KeyspaceSettings): Promise<KeyspaceReply>;
  dropKeyspace(name: string): Promise<KeyspaceReply>;
  promote(wish: PromoteWish): Promise<PromoteReply>;
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

/**
 * What a server does for edis.v1.QueryService; proto/edis/v1/query.proto is the contract. `signal` fires when nobody
 * waits for the answer any more: the caller is gone, or its deadline or the server's own has passed.
 */
export interface QueryHandlers {
  scan(request: ScanRequest, signal: AbortSignal): Promise<ScanResponse>;
  search(request: SearchRequest, signal: AbortSignal): Promise<SearchResponse>;
  aggregate(request: AggregateRequest, signal: AbortSignal): Promise<AggregateResponse>;
}

/** What a server does for edis.v1.FeedService; proto/edis/v1/feed.proto is the contract. */
export interface FeedHandlers {
  watch(stream: MessageStream<WatchResponse, WatchRequest>): void;
}
