import { EdisError } from '@edis/core';
import type { NodeServer, RpcServerOptions } from '@edis/rpc';
import type { Incarnation } from './incarnation.ts';
import type { NetworkFabric } from './network-fabric.ts';
import type { SimulatedConnection } from './simulated-connection.ts';

const addressPattern = /^(\[[0-9A-Fa-f:.]+\]|[^\s:[\]]+):(\d{1,5})$/;

export interface SplitAddress {
  readonly host: string;
  readonly port: number;
}

export function splitAddress(address: string): SplitAddress {
  const match = addressPattern.exec(address);
  const host = match?.[1];
  if (host === undefined) throw new EdisError('usage', `'${address}' is no address`);
  return { host, port: Number(match?.[2]) };
}

/** A call or stream that is open at a server. */
export type OpenCall = object;

/** The server of one process. */
export class SimulatedServer implements NodeServer {
  readonly incarnation: Incarnation;
  readonly options: RpcServerOptions;
  readonly #fabric: NetworkFabric;
  readonly #connections = new Set<SimulatedConnection>();
  readonly #calls = new Set<OpenCall>();
  #listening = false;
  #serving = false;
  #key = '';
  #whenIdle: (() => void) | undefined;

  constructor(fabric: NetworkFabric, incarnation: Incarnation, options: RpcServerOptions) {
    this.#fabric = fabric;
    this.incarnation = incarnation;
    this.options = options;
  }

  /** Takes connections, and calls on those that it has. */
  get listening(): boolean {
    return this.#listening;
  }

  get serving(): boolean {
    return this.#serving;
  }

  async start(): Promise<{ port: number; address: string }> {
    const { host, port } = splitAddress(this.options.listen);
    const bound = this.#fabric.bind(this, port);
    this.#key = bound.key;
    this.#listening = true;
    return { port: bound.port, address: `${host}:${bound.port}` };
  }

  setServing(serving: boolean): void {
    this.#serving = serving;
  }

  async drain(deadlineMs: number): Promise<void> {
    this.setServing(false);
    this.#stopListening();
    if (this.#calls.size === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = this.incarnation.timers.after(deadlineMs, resolve);
      this.#whenIdle = () => {
        cancel();
        resolve();
      };
    });
    this.#whenIdle = undefined;
  }

  async close(): Promise<void> {
    this.#stopListening();
    for (const connection of [...this.#connections]) {
      connection.cut();
      connection.tell('client');
      connection.lose('server', 'closed');
    }
    this.#connections.clear();
  }

  onConnected(connection: SimulatedConnection): void {
    this.#connections.add(connection);
  }

  onOpened(call: OpenCall): void {
    this.#calls.add(call);
  }

  onFinished(call: OpenCall): void {
    this.#calls.delete(call);
    if (this.#calls.size === 0) this.#whenIdle?.();
  }

  report(error: EdisError): void {
    this.options.onError?.(error);
  }

  #stopListening(): void {
    if (this.#listening) this.#fabric.unbind(this.#key);
    this.#listening = false;
  }
}
