import { EdisError, type Member, type PromoteReply, type Shard, type Topology, unreachable } from '@edis/core';
import type { CallContext } from './call-context.ts';
import { afterChange, askForChange } from './cluster-queries.ts';
import type { PromoteOptions } from './options.ts';
import type { PromoteResult } from './results.ts';

/** Gives a shard another primary and waits until the client's own map has it. */
export async function promoteShard(
  context: CallContext,
  shardName: string,
  options: PromoteOptions | undefined,
): Promise<PromoteResult> {
  const { node = '', unsafe: isUnsafe = false, signal } = options ?? {};
  const { environment, waits, runner } = context.parts;
  const countdown = context.countdown('promote', options);
  const beganMs = environment.nowMs();
  const before = shardOf(runner.routes.topology, shardName);
  const wish = { shard: shardName, node, isUnsafe };
  const { reply, isRepeated } = await askForChange(context, 'promote', options, (channel, limits) =>
    channel.promote(wish, limits),
  );
  const isLeading = reply.kind === 'refused' && reply.cause === 'is-primary';
  if (reply.kind === 'refused' && !isLeading) throw refusal(reply, isRepeated);
  if (isLeading && leaderOf(before)?.alive === false) {
    throw new EdisError('unreachable', `${node} leads ${shardName} already, but is down`);
  }
  const holds = (topology: Topology): boolean => {
    const shard = shardOf(topology, shardName);
    if (shard === undefined) return false;
    if (node !== '' && (isLeading || !isUnsafe)) return nodeOf(shard) === node;
    return shard.epoch > (before?.epoch ?? 0) && (isUnsafe || shard.primary !== before?.primary);
  };
  const what = `map with ${node === '' ? 'another primary' : node} at the head of ${shardName}`;
  const wait = async (): Promise<Topology> => waits.until(what, holds, countdown.leftMs(), signal);
  // Who leads already has been given nothing, unless a request without an answer did it.
  const topology = await (isLeading && !isRepeated ? wait() : afterChange(wait));
  const shard = shardOf(topology, shardName);
  return {
    shard: shardName,
    primary: nodeOf(shard),
    formerPrimary: nodeOf(before),
    epoch: shard?.epoch ?? 0,
    tookMs: environment.nowMs() - beganMs,
  };
}

function shardOf({ shards }: Topology, name: string): Shard | undefined {
  return shards.find(({ shard }) => shard === name);
}

function leaderOf(shard: Shard | undefined): Member | undefined {
  return shard?.members.find(({ store }) => store === shard.primary);
}

/** Name of the primary. */
function nodeOf(shard: Shard | undefined): string {
  return leaderOf(shard)?.node ?? '';
}

/** @param isRepeated an earlier request may have been granted, and be why this one is refused */
function refusal({ cause, message }: Extract<PromoteReply, { kind: 'refused' }>, isRepeated: boolean): EdisError {
  switch (cause) {
    case 'no-such-shard':
    case 'no-such-node':
      return new EdisError('invalid-argument', message);
    case 'not-alive':
      return new EdisError('unreachable', message, { outcomeUnknown: isRepeated });
    case 'not-a-member':
    case 'is-primary':
    case 'primary-well':
      return new EdisError('refused', message, { outcomeUnknown: isRepeated });
    default:
      return unreachable(cause);
  }
}
