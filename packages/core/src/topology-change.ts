/**
 * Steps from one topology to the next.
 *
 * Guarantees: applying `deltaBetween(a, b)` to a gives b, and to anything else than exactly a's revision gives nothing,
 * so that a receiver that lost a step cannot go on with a map that never existed. Assumes what info keeps to: shards
 * and keyspaces are added at the end, and unchanged ones are the same objects in both maps.
 */
import { invariant } from './error.ts';
import { defaultKeyspaceId, defaultKeyspaceName, slotCount } from './limits.ts';
import type { Keyspace, Shard, Topology, TopologyDelta, TopologyUpdate } from './topology.ts';

/** Items of `current` with those of `changes` put in the place of their namesakes, and new ones at the end. */
function merged<T, K>(current: readonly T[], changes: readonly T[], nameOf: (item: T) => K): readonly T[] {
  if (changes.length === 0) return current;
  const byName = new Map(changes.map((item) => [nameOf(item), item]));
  const kept = current.map((item) => {
    const name = nameOf(item);
    const change = byName.get(name);
    if (change === undefined) return item;
    byName.delete(name);
    return change;
  });
  return [...kept, ...byName.values()];
}

function without<T, K>(current: readonly T[], removed: readonly K[], nameOf: (item: T) => K): readonly T[] {
  if (removed.length === 0) return current;
  const names = new Set(removed);
  return current.filter((item) => !names.has(nameOf(item)));
}

const keyspaceId = (keyspace: Keyspace): number => keyspace.id;
const shardName = (shard: Shard): string => shard.shard;

/** The next map; undefined when the delta belongs to another cluster or does not begin at this map's revision. */
export function applyDelta(topology: Topology, delta: TopologyDelta): Topology | undefined {
  if (delta.cluster !== topology.cluster || delta.fromRevision !== topology.revision) return undefined;
  return {
    cluster: topology.cluster,
    revision: delta.revision,
    formed: delta.formed,
    initialShards: topology.initialShards,
    infos: delta.infos.length > 0 ? delta.infos : topology.infos,
    keyspaces: merged(without(topology.keyspaces, delta.removedKeyspaces, keyspaceId), delta.keyspaces, keyspaceId),
    shards: merged(without(topology.shards, delta.removedShards, shardName), delta.shards, shardName),
  };
}

/** What an update makes of the map that a receiver has; undefined when it needs a whole map. */
export function applyUpdate(topology: Topology | undefined, update: TopologyUpdate): Topology | undefined {
  if (update.kind === 'whole') return update.topology;
  return topology === undefined ? undefined : applyDelta(topology, update.delta);
}

/** The step between two maps of one cluster; carries only what differs. */
export function deltaBetween(previous: Topology, next: Topology): TopologyDelta {
  invariant(previous.cluster === next.cluster, 'a delta stays within one cluster');
  invariant(previous.revision < next.revision, 'a delta leads to a higher revision');
  const before = new Set<Shard | Keyspace>([...previous.shards, ...previous.keyspaces]);
  const names = new Set(next.shards.map(shardName));
  const ids = new Set(next.keyspaces.map(keyspaceId));
  return {
    cluster: next.cluster,
    fromRevision: previous.revision,
    revision: next.revision,
    formed: next.formed,
    infos: previous.infos === next.infos ? [] : next.infos,
    keyspaces: next.keyspaces.filter((keyspace) => !before.has(keyspace)),
    shards: next.shards.filter((shard) => !before.has(shard)),
    removedKeyspaces: previous.keyspaces.map(keyspaceId).filter((id) => !ids.has(id)),
    removedShards: previous.shards.map(shardName).filter((shard) => !names.has(shard)),
  };
}

/** Throws when a map breaks a rule that holds for every map of every cluster. */
export function checkTopology(topology: Topology): void {
  invariant(topology.cluster !== '', 'a topology belongs to a cluster');
  invariant(Number.isSafeInteger(topology.revision) && topology.revision >= 1, 'revisions begin at 1');
  const shards = new Set<string>();
  const stores = new Set<string>();
  for (const shard of topology.shards) {
    invariant(!shards.has(shard.shard), `shard ${shard.shard} appears once`);
    shards.add(shard.shard);
    checkShard(shard, stores);
  }
  const names = new Map<number, string>();
  for (const keyspace of topology.keyspaces) {
    invariant(keyspace.id >= 1 && !names.has(keyspace.id), `keyspace id ${keyspace.id} appears once`);
    names.set(keyspace.id, keyspace.name);
    checkSlots(keyspace, topology.formed, shards);
  }
  invariant(new Set(names.values()).size === names.size, 'each keyspace has a name of its own');
  invariant(names.get(defaultKeyspaceId) === defaultKeyspaceName, 'the default keyspace always exists');
}

function checkShard(shard: Shard, stores: Set<string>): void {
  invariant(Number.isSafeInteger(shard.epoch) && shard.epoch >= 1, `the epoch of ${shard.shard} is at least 1`);
  const primaries = shard.members.filter((member) => member.role === 'primary');
  invariant(
    primaries.length === 1 && primaries[0]?.store === shard.primary,
    `${shard.shard} has its primary, and no other, among its members`,
  );
  invariant(shard.configuredSize >= 1, `the configured size of ${shard.shard} is at least 1`);
  for (const member of shard.members) {
    invariant(!stores.has(member.store), `store ${member.store} has one place`);
    stores.add(member.store);
    invariant(member.endpoints.length > 0, `member ${member.node} can be reached`);
  }
}

function checkSlots(keyspace: Keyspace, formed: boolean, shards: ReadonlySet<string>): void {
  let next = 0;
  for (const range of keyspace.slots) {
    invariant(range.from === next && range.to >= range.from, `slots of ${keyspace.name} are contiguous at ${next}`);
    invariant(shards.has(range.shard), `the owner of slot ${range.from} of ${keyspace.name} exists`);
    next = range.to + 1;
  }
  invariant(next === (formed ? slotCount : 0), `slots of ${keyspace.name} cover all or, before forming, nothing`);
}
