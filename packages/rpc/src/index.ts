export type { FeedHandlers, InfoHandlers, QueryHandlers, ReplicationHandlers, ShardHandlers } from './handlers.ts';
export type { MessageStream, StreamListener } from './message-stream.ts';
export type { CallOptions, RpcChannelOptions } from './rpc-channel.ts';
export { RpcChannel } from './rpc-channel.ts';
export type { RpcServerOptions } from './rpc-server.ts';
export { RpcServer } from './rpc-server.ts';
