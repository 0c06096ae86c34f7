import type { RpcChannelOptions } from './rpc-channel.ts';
import { RpcChannel } from './rpc-channel.ts';
import type { RpcServerOptions } from './rpc-server.ts';
import { RpcServer } from './rpc-server.ts';

/** What a node asks of another one. */
export type NodeChannel = Pick<RpcChannel, 'session' | 'follow' | 'snapshot' | 'beacon' | 'close'>;

/** What a node answers with. */
export type NodeServer = Pick<RpcServer, 'start' | 'setServing' | 'drain' | 'close'>;

/**
 * How a node reaches others and is reached: gRPC in a process, memory in the simulator, where messages are delayed,
 * lost and reordered at will.
 */
export interface Network {
  dial(address: string, options?: RpcChannelOptions): NodeChannel;
  serve(options: RpcServerOptions): NodeServer;
}

export const grpcNetwork: Network = Object.freeze({
  dial: (address: string, options?: RpcChannelOptions) => new RpcChannel(address, options),
  serve: (options: RpcServerOptions) => new RpcServer(options),
});
