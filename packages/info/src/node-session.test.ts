import type { Configuration, InfoMessage, NodeMessage, Topology } from '@edis/core';
import { deltaBetween } from '@edis/core';
import type { MessageStream } from '@edis/rpc';
import { expect, test } from 'vitest';
import { NodeSession } from './node-session.ts';

class FakeStream implements MessageStream<InfoMessage, NodeMessage> {
  readonly sent: InfoMessage[] = [];
  readonly peer = 'peer';
  closed = false;
  room = true;
  listen(): void {}
  send(message: InfoMessage): boolean {
    this.sent.push(message);
    return this.room;
  }
  end(): void {
    this.closed = true;
  }
  cancel(): void {
    this.closed = true;
  }
  pause(): void {}
  resume(): void {}
}

function topology(revision: number): Topology {
  return { cluster: 'c', revision, formed: false, initialShards: 1, infos: [], keyspaces: [], shards: [] };
}

function configuration(epoch: number): Configuration {
  const size = { quorum: 1, configuredSize: 1, leaseMs: 2000 };
  return { shard: 's1', epoch, primarySince: epoch, primary: 'p', members: ['p'], primaryEndpoints: [], ...size };
}

test('a session gets steps of the map only after a whole one', () => {
  const stream = new FakeStream();
  const session = new NodeSession(stream, () => topology(1));
  session.push(deltaBetween(topology(1), topology(2)));
  session.send({ kind: 'topology', update: { kind: 'whole', topology: topology(2) } });
  session.push(deltaBetween(topology(2), topology(3)));
  expect(stream.sent).toMatchObject([{ update: { kind: 'whole' } }, { update: { kind: 'delta' } }]);
});

test('a node that does not read is owed one map and one configuration, however many there were', () => {
  const stream = new FakeStream();
  let newest = topology(1);
  const session = new NodeSession(stream, () => newest);
  stream.room = false;
  session.send({ kind: 'topology', update: { kind: 'whole', topology: newest } });
  for (let revision = 2; revision <= 100; revision++) {
    session.push(deltaBetween(newest, topology(revision)));
    newest = topology(revision);
    session.send({ kind: 'configuration', configuration: configuration(revision) });
  }
  expect(stream.sent).toHaveLength(1);
  stream.room = true;
  session.drained();
  expect(stream.sent.slice(1)).toEqual([
    { kind: 'topology', update: { kind: 'whole', topology: topology(100) } },
    { kind: 'configuration', configuration: configuration(100) },
  ]);
});
