import type { Topology } from '@edis/core';

/**
 * A map that was read anew, with those parts that have not changed taken from the map before it: a step between the two
 * then carries only what has.
 */
export function withSharedParts(previous: Topology, next: Topology): Topology {
  const shards = new Map(previous.shards.map((shard) => [shard.shard, shard]));
  const keyspaces = new Map(previous.keyspaces.map((keyspace) => [keyspace.id, keyspace]));
  return {
    ...next,
    infos: sharedOf(previous.infos, next.infos),
    shards: next.shards.map((shard) => sharedOf(shards.get(shard.shard), shard)),
    keyspaces: next.keyspaces.map((keyspace) => sharedOf(keyspaces.get(keyspace.id), keyspace)),
  };
}

function sharedOf<T>(previous: T | undefined, next: T): T {
  return previous !== undefined && JSON.stringify(previous) === JSON.stringify(next) ? previous : next;
}
