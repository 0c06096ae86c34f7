import type { Network, NodeServer, RpcChannelOptions, RpcServerOptions } from '@edis/rpc';
import type { Incarnation } from './incarnation.ts';
import type { NetworkFabric } from './network-fabric.ts';
import { SimulatedChannel } from './simulated-channel.ts';
import { SimulatedServer } from './simulated-server.ts';

/** The network as one process sees it. */
export class SimulatedNetwork implements Network {
  readonly #fabric: NetworkFabric;
  readonly #incarnation: Incarnation;

  constructor(fabric: NetworkFabric, incarnation: Incarnation) {
    this.#fabric = fabric;
    this.#incarnation = incarnation;
  }

  dial(address: string, options?: RpcChannelOptions): SimulatedChannel {
    return new SimulatedChannel(this.#fabric, this.#incarnation, address, options);
  }

  serve(options: RpcServerOptions): NodeServer {
    return new SimulatedServer(this.#fabric, this.#incarnation, options);
  }
}
