import type { Shard, Topology } from '@edis/core';
import { deltaBetween } from '@edis/core';
import { expect, test } from 'vitest';
import { withSharedParts } from './shared-parts.ts';

const first = map(1, 1);

function map(revision: number, epoch: number): Topology {
  const shards = [shardOf('s1', 1), shardOf('s2', epoch)];
  const infos = [{ node: 'i', endpoints: [], host: '', pid: 1 }];
  return { cluster: 'c', revision, formed: false, initialShards: 1, infos, keyspaces: [], shards };
}

function shardOf(shard: string, epoch: number): Shard {
  return { shard, epoch, primary: `${shard}-store`, configuredSize: 1, voters: [], members: [] };
}

test('a step to a map that was read anew carries only what differs', () => {
  const next = withSharedParts(first, map(2, 5));
  expect(next).toEqual(map(2, 5));
  const { shards, infos } = deltaBetween(first, next);
  expect(shards.map(({ shard }) => shard)).toEqual(['s2']);
  expect(infos).toEqual([]);
});
