import type { BatchRequest, BatchResponse, NodeMessage, Outcome } from '@edis/core';
import type { MessageStream, Network, RpcServerOptions } from '@edis/rpc';

export interface NetworkWatcher {
  /** The member says it to info. */
  onSaid(message: NodeMessage): void;
  /** The member acknowledges a `quorum` write whose entry is at that position. */
  onAcknowledged(position: number): void;
}

/** The network as a member sees it, with somebody who reads along what it says. */
export function watchedNetwork(network: Network, watcher: NetworkWatcher): Network {
  return {
    dial: (address, options) => {
      const channel = network.dial(address, options);
      const session = channel.session.bind(channel);
      channel.session = () => {
        const stream = session();
        const send = stream.send.bind(stream);
        stream.send = (message) => {
          watcher.onSaid(message);
          return send(message);
        };
        return stream;
      };
      return channel;
    },
    serve: (options) => network.serve(watchedServer(options, watcher)),
  };
}

function watchedServer(options: RpcServerOptions, watcher: NetworkWatcher): RpcServerOptions {
  const { shard } = options;
  if (shard === undefined) return options;
  const batch = (stream: MessageStream<BatchResponse, BatchRequest>): void => {
    watchBatches(stream, watcher);
    shard.batch(stream);
  };
  return { ...options, shard: { ...shard, batch } };
}

function watchBatches(stream: MessageStream<BatchResponse, BatchRequest>, watcher: NetworkWatcher): void {
  const quorumWrites = new Set<number>();
  const listen = stream.listen.bind(stream);
  const send = stream.send.bind(stream);
  stream.listen = (listener) => {
    const onMessage = (request: BatchRequest): void => {
      for (const operation of request.operations) {
        if ('ack' in operation && operation.ack === 'quorum') quorumWrites.add(operation.request);
      }
      listener.onMessage(request);
    };
    listen({ onMessage, onClose: (error) => listener.onClose(error), onDrain: () => listener.onDrain?.() });
  };
  stream.send = (response) => {
    for (const { request, outcome } of response.results) {
      if (!quorumWrites.delete(request)) continue;
      const position = appliedAt(outcome);
      if (position !== undefined) watcher.onAcknowledged(position);
    }
    return send(response);
  };
}

/** Where a write's entry is; undefined: it has none. A removal that found nothing names what it has looked at. */
function appliedAt(outcome: Outcome): number | undefined {
  if (!('version' in outcome) || outcome.version === 0) return undefined;
  return outcome.kind === 'found' || outcome.kind === 'condition-failed' ? undefined : outcome.position;
}
