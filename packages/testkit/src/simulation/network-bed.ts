import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { EdisError } from '@edis/core';
import type { Network, NodeServer, RpcServerOptions } from '@edis/rpc';
import { grpcNetwork } from '@edis/rpc';
import { FaultProxy } from '../fault-proxy.ts';
import type { Incarnation } from './incarnation.ts';
import { SimulatedWorld } from './simulated-world.ts';

/** What a test of a network needs around it, on real sockets and in the simulation alike. */
export interface NetworkBed {
  /** Where servers run. */
  readonly serving: Network;
  /** From where they are dialled. */
  readonly dialling: Network;
  /** For servers that may have any port. */
  readonly listen: string;
  /** Waits for something, and lets time pass meanwhile. */
  wait<T>(promise: Promise<T>): Promise<T>;
  /** An address under which a server is reached over a link that can be cut. */
  through(address: string): Promise<string>;
  /** Breaks the connections of that link. */
  cut(): void;
  /** An address from which nothing ever comes back. */
  silentAddress(): Promise<string>;
  close(): Promise<void>;
}

/** gRPC on loopback. */
export class LoopbackBed implements NetworkBed {
  readonly #sockets = new Set<Socket>();
  readonly #servers = new Set<NodeServer>();
  #proxy: FaultProxy | undefined;
  #silent: Server | undefined;
  readonly dialling = grpcNetwork;
  readonly listen = '127.0.0.1:0';
  readonly serving: Network = {
    dial: (address, options) => grpcNetwork.dial(address, options),
    serve: (options: RpcServerOptions) => {
      const server = grpcNetwork.serve(options);
      this.#servers.add(server);
      return server;
    },
  };

  wait<T>(promise: Promise<T>): Promise<T> {
    return promise;
  }

  async through(address: string): Promise<string> {
    this.#proxy = await FaultProxy.start();
    this.#proxy.setTarget(address);
    return this.#proxy.address;
  }

  cut(): void {
    this.#proxy?.cut();
  }

  async silentAddress(): Promise<string> {
    const silent = createServer((socket) => {
      socket.on('error', () => undefined);
      this.#sockets.add(socket);
    });
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    this.#silent = silent;
    const address = silent.address();
    if (!isBound(address)) throw new Error('the silent listener has no port');
    return `127.0.0.1:${address.port}`;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#servers].map((server) => server.close()));
    await this.#proxy?.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#silent?.close();
  }
}

function isBound(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}

/** More simulated time than any rule of the network takes. */
const patienceMs = 120_000;

/** Two processes of a simulated world, and a third one that is cut off. */
export class SimulatedBed implements NetworkBed {
  readonly listen = 'server:0';
  readonly serving: Network;
  readonly dialling: Network;
  readonly #world: SimulatedWorld;

  constructor(seed: number) {
    const world = new SimulatedWorld({ seed });
    this.#world = world;
    const idle = (): Promise<object> => Promise.resolve({});
    const incarnationOf = (name: string): Incarnation => {
      const process = world.add(name, idle);
      process.start();
      if (process.incarnation === undefined) throw new EdisError('internal', `${name} does not run`);
      return process.incarnation;
    };
    this.serving = world.networkOf(incarnationOf('server'));
    this.dialling = world.networkOf(incarnationOf('client'));
    incarnationOf('silent');
    world.fabric.block('client', 'silent');
  }

  wait<T>(promise: Promise<T>): Promise<T> {
    return this.#world.time.runFor(promise, patienceMs, 'what a test of the network expects');
  }

  through(address: string): Promise<string> {
    return Promise.resolve(address);
  }

  cut(): void {
    this.#world.fabric.reset('client', 'server');
  }

  silentAddress(): Promise<string> {
    return Promise.resolve('silent:7400');
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
