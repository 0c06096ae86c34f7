import { type ByteString, EdisError, type Member, slotOf } from '@edis/core';
import { keyBytes } from './call-input.ts';
import type { KeyspaceScope } from './keyspace-scope.ts';
import type { NodeConnection } from './node-connection.ts';
import type { Key } from './options.ts';
import type { Location, ReadCause } from './results.ts';
import type { RouteTable } from './route-table.ts';
import type { ShardRoute } from './shard-route.ts';

export function locateKey(routes: RouteTable, scope: KeyspaceScope, key: Key): Location {
  const bytes = keyBytes(key);
  const slot = slotOf(bytes);
  const keyspace = routes.keyspaceOf(scope);
  if (keyspace === undefined) throw routes.noSuchKeyspace(scope);
  const route = routes.routeOf(keyspace.id, slot);
  const shard = routes.topology.shards.find((candidate) => candidate.shard === route?.shard);
  if (route === undefined || shard === undefined) {
    throw new EdisError('not-formed', 'nobody owns the key yet; start the write shards that the cluster waits for');
  }
  const members = shard.members.map((member) => {
    const { node, role, alive } = member;
    const voting = shard.voters.includes(member.store);
    const readCause = readCauseOf(member, route);
    return { node, role, alive, voting, address: routes.addressOf(member), reads: reading.has(readCause), readCause };
  });
  const leads = ({ store }: Member) => store === shard.primary;
  return {
    key,
    keyspace: keyspace.name,
    strategy: keyspace.strategy,
    hashTag: hashTagOf(bytes),
    slot,
    shard: shard.shard,
    epoch: shard.epoch,
    members,
    readers: members.filter(({ reads }) => reads).map(({ node }) => node),
    writer: shard.members.find(leads)?.node,
    successors: shard.members
      .filter((member) => !leads(member) && member.alive && shard.voters.includes(member.store))
      .map(({ node }) => node),
  };
}

const reading: ReadonlySet<ReadCause> = new Set(['replica', 'only-primary', 'still-answers']);

/** As the route picks its reader, but without taking a turn. */
function readCauseOf({ node, alive }: Member, route: ShardRoute): ReadCause {
  const { primary, replicas } = route;
  const hasUsable = replicas.some(({ usable }) => usable);
  if (primary?.node === node) {
    if (!primary.reachable) return alive ? 'unreachable' : 'down';
    if (hasUsable) return alive ? 'replicas-first' : 'down';
    if (alive) return 'only-primary';
    return primary.state === 'ready' ? 'still-answers' : 'down';
  }
  const replica = replicas.find((candidate) => candidate.node === node);
  if (replica?.usable === true) return 'replica';
  if (replica === undefined) return alive ? 'learner' : 'down';
  if (!hasUsable && primary?.reachable !== true && replica === answering(replicas)) return 'still-answers';
  if (!alive) return 'down';
  // A node that answers and yet is not usable has said that it is a learner, which info has yet to say.
  return replica.reachable ? 'learner' : 'unreachable';
}

function answering(replicas: readonly NodeConnection[]): NodeConnection | undefined {
  return replicas.find(({ state }) => state === 'ready');
}

/** By Redis Cluster's rule; the slot is that of this part alone. */
function hashTagOf(key: ByteString): string | undefined {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open + 1);
  return close > open + 1 ? Buffer.from(key.slice(open + 1, close), 'latin1').toString() : undefined;
}
