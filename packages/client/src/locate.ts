import { type ByteString, EdisError, hashTagOf, type Member, slotOf } from '@edis/core';
import { keyBytes } from './call-input.ts';
import type { KeyspaceScope } from './keyspace-scope.ts';
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
    hashTag: textOf(hashTagOf(bytes)),
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

/** The route's word, unless info holds the member for dead and nothing shows that it answers all the same. */
function readCauseOf({ node, alive }: Member, route: ShardRoute): ReadCause {
  const cause = route.readCauseOf(node);
  if (alive || cause === 'replica' || cause === 'still-answers') return cause;
  return cause === 'only-primary' && route.primary?.state === 'ready' ? 'still-answers' : 'down';
}

function textOf(bytes: ByteString | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes, 'latin1').toString();
}
