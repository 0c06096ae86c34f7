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
import type { CallOptions, GrpcConnectionOptions } from './grpc-connection.ts';
import { GrpcConnection } from './grpc-connection.ts';
import type { MessageStream } from './message-stream.ts';
import { createMethods } from './methods.ts';

export type RpcChannelOptions = GrpcConnectionOptions;

/** The methods of our contract on a lazy connection to one node. */
export class RpcChannel {
  readonly #connection: GrpcConnection;
  readonly #methods = createMethods();

  constructor(address: string, options: RpcChannelOptions = {}) {
    this.#connection = new GrpcConnection(address, options);
  }

  get address(): string {
    return this.#connection.address;
  }

  session(): MessageStream<NodeMessage, InfoMessage> {
    return this.#connection.duplex(this.#methods.session);
  }

  watchTopology(): MessageStream<never, TopologyUpdate> {
    return this.#connection.readable(this.#methods.watchTopology, undefined);
  }

  describeCluster(options: CallOptions): Promise<ClusterDescription> {
    return this.#connection.call(this.#methods.describeCluster, undefined, options);
  }

  createKeyspace(name: string, settings: KeyspaceSettings, options: CallOptions): Promise<KeyspaceReply> {
    return this.#connection.call(this.#methods.createKeyspace, { name, settings }, options);
  }

  dropKeyspace(name: string, options: CallOptions): Promise<KeyspaceReply> {
    return this.#connection.call(this.#methods.dropKeyspace, name, options);
  }

  promote(wish: PromoteWish, options: CallOptions): Promise<PromoteReply> {
    return this.#connection.call(this.#methods.promote, wish, options);
  }

  batch(): MessageStream<BatchRequest, BatchResponse> {
    return this.#connection.duplex(this.#methods.batch);
  }

  execute(request: BatchRequest, options: CallOptions): Promise<BatchResponse> {
    return this.#connection.call(this.#methods.execute, request, options);
  }

  stats(options: CallOptions): Promise<NodeStats> {
    return this.#connection.call(this.#methods.getStats, undefined, options);
  }

  scan(request: ScanRequest, options: CallOptions): Promise<ScanResponse> {
    return this.#connection.call(this.#methods.scan, request, options);
  }

  search(request: SearchRequest, options: CallOptions): Promise<SearchResponse> {
    return this.#connection.call(this.#methods.search, request, options);
  }

  aggregate(request: AggregateRequest, options: CallOptions): Promise<AggregateResponse> {
    return this.#connection.call(this.#methods.aggregate, request, options);
  }

  watch(): MessageStream<WatchRequest, WatchResponse> {
    return this.#connection.duplex(this.#methods.watch);
  }

  follow(): MessageStream<FollowRequest, FollowResponse> {
    return this.#connection.duplex(this.#methods.follow);
  }

  snapshot(): MessageStream<SnapshotRequest, SnapshotResponse> {
    return this.#connection.duplex(this.#methods.snapshot);
  }

  beacon(): MessageStream<BeaconRequest, BeaconResponse> {
    return this.#connection.duplex(this.#methods.beacon);
  }

  /** Whether the node says of itself that it serves. */
  health(options: CallOptions): Promise<boolean> {
    return this.#connection.call(this.#methods.health, undefined, options);
  }

  /** Connects if that has not happened, and goes on trying until the time is over. */
  waitReady(timeoutMs: number): Promise<void> {
    return this.#connection.waitReady(timeoutMs);
  }

  /** Ends the connection; open streams and calls end with 'closed'. */
  close(): void {
    this.#connection.close();
  }
}
