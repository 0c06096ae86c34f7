import type { Topology, TopologyUpdate } from '@edis/core';
import { deltaBetween } from '@edis/core';
import { expect, test } from 'vitest';
import { TopologyFeed } from './topology-feed.ts';

function topology(revision: number): Topology {
  return { cluster: 'c', revision, formed: false, initialShards: 1, infos: [], keyspaces: [], shards: [] };
}

function revisionOf(update: TopologyUpdate): string {
  return update.kind === 'whole' ? `whole ${update.topology.revision}` : `delta ${update.delta.revision}`;
}

test('a receiver that lags misses steps and gets one whole map when it is free again', () => {
  const sent: string[] = [];
  let newest = topology(1);
  let room = 2;
  const feed = new TopologyFeed(
    (update) => {
      sent.push(revisionOf(update));
      return --room > 0;
    },
    () => newest,
  );
  feed.sendWhole(newest);
  for (let revision = 2; revision <= 5; revision++) {
    feed.push(deltaBetween(newest, topology(revision)));
    newest = topology(revision);
  }
  expect(sent).toEqual(['whole 1', 'delta 2']);
  room = 10;
  feed.drained();
  feed.push(deltaBetween(newest, topology(6)));
  expect(sent).toEqual(['whole 1', 'delta 2', 'whole 5', 'delta 6']);
});

test('a receiver that was only slow and missed nothing gets no second map', () => {
  const sent: string[] = [];
  const feed = new TopologyFeed(
    (update) => {
      sent.push(revisionOf(update));
      return false;
    },
    () => topology(1),
  );
  feed.sendWhole(topology(1));
  feed.drained();
  expect(sent).toEqual(['whole 1']);
});
