import type { Shard, Topology } from '@edis/core';
import { expect, test } from 'vitest';
import { describeChange } from './topology-log.ts';

const stores = ['w1', 'r1'];

/** One shard of two; the store of a node is called as it is. */
function topology(revision: number, change: Partial<Shard>): Topology {
  const members = stores.map((node) => ({
    node,
    store: node,
    role: 'replica' as const,
    alive: true,
    endpoints: [],
    host: '',
    pid: 0,
  }));
  const shard = { shard: 's1', epoch: 2, primary: 'w1', configuredSize: 2, members, voters: stores, ...change };
  return { cluster: 'c', revision, formed: true, initialShards: 1, infos: [], keyspaces: [], shards: [shard] };
}

test.each([
  ['another primary was promoted: r1', { epoch: 3, primary: 'r1' }],
  ['the primary was promoted into a new epoch', { epoch: 3 }],
  ['the members of the shard that count changed', { epoch: 3, voters: ['w1'] }],
])('a new epoch is told by what it is for: %s', (text, change) => {
  const lines = describeChange(topology(1, {}), topology(2, change));
  expect(lines.map((line) => [line.facts['event'], line.text])).toEqual([['epoch', text]]);
});
