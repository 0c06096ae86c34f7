import type { BatchRequest, BatchResponse, ClusterDescription, NodeStats, TopologyUpdate } from '@edis/core';
import { type MessageStream, RpcChannel } from '@edis/rpc';

export interface CallLimits {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export type BatchStream = MessageStream<BatchRequest, BatchResponse>;
export type TopologyStream = MessageStream<never, TopologyUpdate>;

/** A lazy connection to one address: what the client uses of an RpcChannel. */
export interface Channel {
  batch(): BatchStream;
  watchTopology(): TopologyStream;
  describeCluster(limits: CallLimits): Promise<ClusterDescription>;
  stats(limits: CallLimits): Promise<NodeStats>;
  close(): void;
}

/** How the client reaches others; the tests bring a cluster in memory. */
export interface Transport {
  channel(address: string): Channel;
}

export const rpcTransport: Transport = Object.freeze({
  channel: (address: string) => new RpcChannel(address),
});
