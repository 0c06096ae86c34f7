import type { InfoMessage, NodeMessage, Registration, Topology } from '@edis/core';
import { EdisError } from '@edis/core';
import type { MessageStream } from '@edis/rpc';
import { RpcServer } from '@edis/rpc';
import { vi } from 'vitest';

const patience = { timeout: 20_000, interval: 10 };

/** A map with nothing in it. */
export function topologyAt(revision: number): Topology {
  return { cluster: 'cluster-1', revision, formed: false, initialShards: 1, infos: [], keyspaces: [], shards: [] };
}

export interface Call {
  readonly stream: MessageStream<InfoMessage, NodeMessage>;
  readonly heard: NodeMessage['kind'][];
  readonly said: NodeMessage[];
  registration: Registration | undefined;
  closed: boolean;
}

/** An info that says what the test wants, over a real connection. */
export class ScriptedInfo {
  readonly calls: Call[] = [];
  readonly address: string;
  readonly server: RpcServer;

  static async start(listen = '127.0.0.1:0', onRegister?: (call: Call) => void): Promise<ScriptedInfo> {
    const calls: Call[] = [];
    const server = new RpcServer({
      listen,
      info: {
        session: (stream) => {
          const call: Call = { stream, heard: [], said: [], registration: undefined, closed: false };
          calls.push(call);
          stream.listen({
            onMessage: (message) => {
              call.heard.push(message.kind);
              call.said.push(message);
              if (message.kind !== 'register') return;
              call.registration = message.registration;
              onRegister?.(call);
            },
            onClose: () => {
              call.closed = true;
            },
          });
        },
        watchTopology: (stream) => stream.end(),
        describeCluster: () => ({ topology: topologyAt(1), reports: new Map(), waitsFor: [] }),
        createKeyspace: () => Promise.reject(new EdisError('internal', 'a node creates no keyspaces')),
        dropKeyspace: () => Promise.reject(new EdisError('internal', 'a node drops no keyspaces')),
        promote: () => Promise.reject(new EdisError('internal', 'a node promotes nobody')),
      },
    });
    const { address } = await server.start();
    return new ScriptedInfo(server, address, calls);
  }

  private constructor(server: RpcServer, address: string, calls: Call[]) {
    this.server = server;
    this.address = address;
    this.calls = calls;
  }

  async heard(kind: NodeMessage['kind'], count = 1): Promise<Call> {
    return vi.waitFor(() => {
      const last = this.calls.filter((call) => call.heard.includes(kind))[count - 1];
      if (last === undefined) throw new Error(`fewer than ${count} sessions sent '${kind}'`);
      return last;
    }, patience);
  }
}
