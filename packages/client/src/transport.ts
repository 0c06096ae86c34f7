import type {
  AggregateRequest,
  AggregateResponse,
  BatchRequest,
  BatchResponse,
  ClusterDescription,
  KeyspaceReply,
  KeyspaceSettings,
  NodeStats,
  PromoteReply,
  PromoteWish,
  ScanRequest,
  ScanResponse,
  SearchRequest,
  SearchResponse,
  TopologyUpdate,
  WatchRequest,
  WatchResponse,
} from '@edis/core';
import { type MessageStream, RpcChannel } from '@edis/rpc';

export interface CallLimits {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export type BatchStream = MessageStream<BatchRequest, BatchResponse>;
export type WatchStream = MessageStream<WatchRequest, WatchResponse>;
export type TopologyStream = MessageStream<never, TopologyUpdate>;

/** What queries use of a channel. */
export interface QueryChannel {
  scan(request: ScanRequest, limits: CallLimits): Promise<ScanResponse>;
  search(request: SearchRequest, limits: CallLimits): Promise<SearchResponse>;
  aggregate(request: AggregateRequest, limits: CallLimits): Promise<AggregateResponse>;
  stats(limits: CallLimits): Promise<NodeStats>;
  close(): void;
}

/** What change feeds use of a channel. */
export interface FeedChannel {
  watch(): WatchStream;
  close(): void;
}

/** A lazy connection to one address: what the client uses of an RpcChannel. */
export interface Channel extends QueryChannel, FeedChannel {
  batch(): BatchStream;
  watchTopology(): TopologyStream;
  describeCluster(limits: CallLimits): Promise<ClusterDescription>;
  createKeyspace(name: string, settings: KeyspaceSettings, limits: CallLimits): Promise<KeyspaceReply>;
  dropKeyspace(name: string, limits: CallLimits): Promise<KeyspaceReply>;
  promote(wish: PromoteWish, limits: CallLimits): Promise<PromoteReply>;
}

/** How the client reaches others; the tests bring a cluster in memory. */
export interface Transport {
  channel(address: string): Channel;
}

export const rpcTransport: Transport = Object.freeze({
  channel: (address: string) => new RpcChannel(address),
});
