import { EdisError, type Member, type ShardId, slotOf } from '@edis/core';
import { keyBytes } from './call-input.ts';
import type { KeyspaceScope } from './keyspace-scope.ts';
import type { Key } from './options.ts';
import type { Location, NodeStatsReply } from './results.ts';
import type { RouteTable } from './route-table.ts';
import type { CallLimits, Channel, Transport } from './transport.ts';

/** Asks the info addresses one after the other; the deadline is for all of them together. */
export async function askInfo<Answered>(
  what: string,
  addresses: readonly string[],
  transport: Transport,
  limits: CallLimits,
  ask: (channel: Channel, limits: CallLimits) => Promise<Answered>,
): Promise<Answered> {
  const errors: EdisError[] = [];
  const timeoutMs = limits.timeoutMs / addresses.length;
  for (const address of addresses) {
    const channel = transport.channel(address);
    try {
      return await ask(channel, { ...limits, timeoutMs });
    } catch (error) {
      errors.push(EdisError.from(error));
      if (limits.signal?.aborted === true) break;
    } finally {
      channel.close();
    }
  }
  const cause = errors[errors.length - 1];
  if (limits.signal?.aborted === true) throw new EdisError('aborted', `${what} was aborted by its caller`, { cause });
  const where = addresses.join(', ');
  const why = cause?.message ?? 'no address';
  throw new EdisError(cause?.code ?? 'unreachable', `info at ${where} did not answer: ${why}`, { cause });
}

/** Asks all members, or one primary a shard, at once. */
export function collectStats(
  routes: RouteTable,
  transport: Transport,
  limits: CallLimits,
  whom: 'members' | 'primaries',
): Promise<NodeStatsReply[]> {
  const replies = routes.topology.shards.flatMap(({ shard, primary, members }) =>
    members
      .filter((member) => whom === 'members' || member.store === primary)
      .map((member) => statsOf(member, shard, routes.addressOf(member), transport, limits)),
  );
  return Promise.all(replies);
}

async function statsOf(
  member: Member,
  shard: ShardId,
  address: string,
  transport: Transport,
  limits: CallLimits,
): Promise<NodeStatsReply> {
  const channel = transport.channel(address);
  try {
    return { node: member.node, shard, stats: await channel.stats(limits) };
  } catch (error) {
    return { node: member.node, shard, error: EdisError.from(error) };
  } finally {
    channel.close();
  }
}

export function locateKey(routes: RouteTable, scope: KeyspaceScope, key: Key): Location {
  const slot = slotOf(keyBytes(key));
  const { topology } = routes;
  const keyspace = routes.keyspaceOf(scope);
  if (keyspace === undefined) throw routes.noSuchKeyspace(scope);
  const route = routes.routeOf(keyspace.id, slot);
  const shard = topology.shards.find((candidate) => candidate.shard === route?.shard);
  if (route === undefined || shard === undefined) {
    throw new EdisError('not-formed', 'nobody owns the key yet; start the write shards that the cluster waits for');
  }
  const members = shard.members.map((member) => {
    const { node, role, alive } = member;
    const voting = shard.voters.includes(member.store);
    return { node, role, alive, voting, address: routes.addressOf(member) };
  });
  const usable = route.replicas.filter((replica) => replica.usable).map((replica) => replica.node);
  const primary = route.primary === undefined ? [] : [route.primary.node];
  return {
    key,
    keyspace: keyspace.name,
    strategy: keyspace.strategy,
    slot,
    shard: shard.shard,
    epoch: shard.epoch,
    members,
    readers: usable.length > 0 ? usable : primary,
  };
}
