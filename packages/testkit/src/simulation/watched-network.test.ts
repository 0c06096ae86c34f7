import type { BatchResponse, NodeMessage, Operation, Outcome } from '@edis/core';
import { describe, expect, it } from 'vitest';
import type { SimulatedNetwork } from './simulated-network.ts';
import { SimulatedWorld } from './simulated-world.ts';
import { watchedNetwork } from './watched-network.ts';

/** The network as a process of that name sees it that does nothing else. */
function networkOf(world: SimulatedWorld, name: string): SimulatedNetwork {
  const process = world.add(name, () => Promise.resolve({}));
  process.start();
  if (process.incarnation === undefined) throw new Error(`${name} does not run`);
  return world.networkOf(process.incarnation);
}

function removalOf(request: number, ack: 'disk' | 'quorum'): Operation {
  const content = { keyspace: 1, key: 'k', sequence: 0, firstSentTimestamp: 0, condition: undefined };
  return { kind: 'delete', request, ack, ...content };
}

function responseOf(outcomes: readonly Outcome[]): BatchResponse {
  const results = outcomes.map((outcome, index) => ({ request: index + 1, outcome }));
  return { node: 'm1', role: 'primary', shard: 's1', epoch: 1, timestamp: 1, stalenessMs: 0, results };
}

describe('what a member says', () => {
  it('is known when it acknowledges a quorum write, as far as that has an entry', async () => {
    const world = new SimulatedWorld({ seed: 1 });
    const positions: number[] = [];
    const watcher = { onSaid: () => {}, onAcknowledged: (position: number) => positions.push(position) };
    const outcomes: Outcome[] = [
      { kind: 'deleted', existed: true, version: 7, position: 11 },
      { kind: 'deleted', existed: true, version: 8, position: 12 },
      { kind: 'deleted', existed: false, version: 0, position: 13 },
      { kind: 'condition-failed', version: 8, position: 14 },
      { kind: 'unavailable', message: 'no' },
      { kind: 'deleted', existed: true, version: 9, position: 15 },
    ];
    const server = watchedNetwork(networkOf(world, 'm1'), watcher).serve({
      listen: 'm1:7410',
      shard: {
        batch: (stream) => stream.listen({ onMessage: () => stream.send(responseOf(outcomes)), onClose: () => {} }),
        execute: () => Promise.resolve(responseOf([])),
        stats: () => {
          throw new Error('nobody asks');
        },
      },
    });
    await server.start();
    const batch = networkOf(world, 'c1').dial('m1:7410').batch();
    const answered = new Promise<void>((resolve) => {
      batch.listen({ onMessage: () => resolve(), onClose: () => resolve() });
    });
    const operations = outcomes.map((_, index) => removalOf(index + 1, index === 1 ? 'disk' : 'quorum'));
    batch.send({ revision: 0, epoch: 0, client: '', completedBelow: 0, shard: '', operations });
    await world.time.runFor(answered, 1000, 'the answer');
    expect(positions).toEqual([11, 15]);
  });

  it('is known when it tells info something', () => {
    const said: NodeMessage[] = [];
    const watcher = { onSaid: (message: NodeMessage) => said.push(message), onAcknowledged: () => {} };
    const network = networkOf(new SimulatedWorld({ seed: 1 }), 'm1');
    const session = watchedNetwork(network, watcher).dial('info:7400').session();
    session.listen({ onMessage: () => {}, onClose: () => {} });
    session.send({ kind: 'retire' });
    session.send({ kind: 'leave' });
    expect(said).toEqual([{ kind: 'retire' }, { kind: 'leave' }]);
  });
});
