import { EdisError, type Member, type ShardId } from '@edis/core';
import type { CallContext } from './call-context.ts';
import type { CallOptions } from './options.ts';
import type { NodeStatsReply } from './results.ts';
import { closedError, type SingleCalls } from './single-calls.ts';
import type { CallLimits, Channel } from './transport.ts';

/** Sends a question over a channel. */
export type Ask<Answered> = (channel: Channel, limits: CallLimits) => Promise<Answered>;

/** What the info that decides has answered. */
export interface InfoReply<Answered> {
  readonly reply: Answered;
  /** Another info was asked before and gave no answer: it may have done what it was asked for. */
  readonly isRepeated: boolean;
}

/** Asks the info addresses one after the other; the deadline is for all of them together. */
export async function askInfo<Answered>(
  context: CallContext,
  what: string,
  options: CallOptions | undefined,
  ask: Ask<Answered>,
): Promise<Answered> {
  return (await askEach(context, what, options, ask, false)).reply;
}

/** Asks for a change: when no answer comes, whether it is made is unknown, and the error says so. */
export async function askForChange<Answered>(
  context: CallContext,
  what: string,
  options: CallOptions | undefined,
  ask: Ask<Answered>,
): Promise<InfoReply<Answered>> {
  return askEach(context, what, options, ask, true);
}

/** What follows upon a change that info has taken on: however the wait for it ends, the change is not undone. */
export async function afterChange<Result>(follow: () => Promise<Result>): Promise<Result> {
  try {
    return await follow();
  } catch (caught) {
    const error = EdisError.from(caught);
    const message = `${error.message}; info has taken the change on`;
    throw new EdisError(error.code, message, { outcomeUnknown: true, cause: error });
  }
}

async function askEach<Answered>(
  context: CallContext,
  what: string,
  options: CallOptions | undefined,
  ask: Ask<Answered>,
  isChange: boolean,
): Promise<InfoReply<Answered>> {
  const { calls } = context.parts;
  const addresses = context.infoAddresses();
  const limits = context.callLimits(options);
  const { signal } = limits;
  const errors: EdisError[] = [];
  const timeoutMs = limits.timeoutMs / addresses.length;
  for (const address of addresses) {
    if (signal?.aborted === true || calls.closed) break;
    try {
      const reply = await calls.ask(address, (channel) => ask(channel, { ...limits, timeoutMs }));
      return { reply, isRepeated: errors.length > 0 };
    } catch (error) {
      errors.push(EdisError.from(error));
    }
  }
  const cause = errors[errors.length - 1];
  // Nothing tells a request that never left from one whose answer was lost.
  const outcomeUnknown = isChange && cause !== undefined;
  const after = outcomeUnknown ? '; whether the change was made is unknown' : '';
  const details = { cause, outcomeUnknown };
  if (calls.closed) throw new EdisError('closed', `${closedError().message}${after}`, details);
  if (signal?.aborted === true) throw new EdisError('aborted', `${what} was aborted by its caller${after}`, details);
  const why = cause?.message ?? 'no address';
  const message = `info at ${addresses.join(', ')} did not answer: ${why}${after}`;
  throw new EdisError(cause?.code ?? 'unreachable', message, details);
}

/** Asks all members, or one primary a shard, at once. */
export async function collectStats(
  context: CallContext,
  options: CallOptions | undefined,
  whom: 'members' | 'primaries',
): Promise<NodeStatsReply[]> {
  const { routes } = context.parts.runner;
  const { calls } = context.parts;
  const limits = context.callLimits(options);
  const replies = routes.topology.shards.flatMap(({ shard, primary, members }) =>
    members
      .filter((member) => whom === 'members' || member.store === primary)
      .map((member) => statsOf(member, shard, routes.addressOf(member), calls, limits)),
  );
  const collected = await Promise.all(replies);
  if (calls.closed) throw closedError();
  return collected;
}

async function statsOf(
  member: Member,
  shard: ShardId,
  address: string,
  calls: SingleCalls,
  limits: CallLimits,
): Promise<NodeStatsReply> {
  try {
    return { node: member.node, shard, stats: await calls.ask(address, (channel) => channel.stats(limits)) };
  } catch (error) {
    return { node: member.node, shard, error: EdisError.from(error) };
  }
}
