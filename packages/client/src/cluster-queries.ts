import { EdisError, type Member, type ShardId } from '@edis/core';
import type { NodeStatsReply } from './results.ts';
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
