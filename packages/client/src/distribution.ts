import { balanceOf, EdisError, type Member, type NodeStats, type ShardId, slotDeviations } from '@edis/core';
import { callerKey } from './query-key.ts';
import type { Distribution, ShardShare } from './query-options.ts';
import { type QueryCall, type QueryContext, shardsOf } from './query-runner.ts';

/** As many hot keys are told of. */
const maxHotKeys = 20;
/** Info may be wrong about a node that it believes dead, but nobody should wait long to learn that it is not. */
const deadMemberMs = 500;

interface MemberFigures {
  readonly member: Member;
  readonly stats: NodeStats;
}

interface ShardFigures {
  readonly shard: ShardId;
  readonly members: readonly MemberFigures[];
  /** Whose records are counted: the primary, or the member that is least behind. */
  readonly counted: MemberFigures;
}

type HotKey = Distribution['hotKeys'][number];

/**
 * How the records of a keyspace are spread over all shards of the cluster. Records and bytes are those of the primary's
 * view, or of the freshest replica while the primary does not answer. Operations are those of all members of a shard,
 * of all keyspaces.
 */
export async function distributionOf(context: QueryContext, call: QueryCall): Promise<Distribution> {
  const { keyspace } = await shardsOf(context, call);
  const { topology } = context.routes;
  const figures = await Promise.all(
    topology.shards.map((shard) => figuresOf(context, call, shard.shard, shard.primary, shard.members)),
  );
  const slots = figures.map(({ shard }) => {
    const own = keyspace.slots.filter((range) => range.shard === shard);
    return own.reduce((sum, { from, to }) => sum + to - from + 1, 0);
  });
  const held = figures.map(({ counted }) => counted.stats.keyspaces.find((each) => each.keyspace === keyspace.id));
  const records = held.map((each) => each?.recordCount ?? 0);
  const bytes = held.map((each) => each?.recordBytes ?? 0);
  const operations = figures.map(({ members }) =>
    members.reduce((sum, { stats }) => sum + stats.operationsPerSecond, 0),
  );
  const balance = balanceOf(records);
  const deviations = slotDeviations(records, slots);
  return {
    keyspace: keyspace.name,
    shards: figures.map(({ shard, counted }, index): ShardShare => {
      const count = records[index] ?? 0;
      return {
        shard,
        node: counted.member.node,
        role: counted.stats.role,
        slots: slots[index] ?? 0,
        records: count,
        bytes: bytes[index] ?? 0,
        operationsPerSecond: operations[index] ?? 0,
        share: balance.total === 0 ? 0 : count / balance.total,
        deviation: deviations[index] ?? 0,
      };
    }),
    records: balance,
    bytes: balanceOf(bytes),
    operations: balanceOf(operations),
    hotKeys: hottest(figures, keyspace.id),
  };
}

async function figuresOf(
  context: QueryContext,
  call: QueryCall,
  shard: ShardId,
  primary: string,
  members: readonly Member[],
): Promise<ShardFigures> {
  const replies = await Promise.all(members.map((member) => askMember(context, call, member)));
  const answered = replies.filter((reply): reply is MemberFigures => !(reply instanceof EdisError));
  const freshest = answered.toSorted((left, right) => left.stats.stalenessMs - right.stats.stalenessMs)[0];
  const counted = answered.find(({ member }) => member.store === primary) ?? freshest;
  if (counted !== undefined) return { shard, members: answered, counted };
  const cause = replies.find((reply) => reply instanceof EdisError);
  if (call.signal?.aborted === true)
    throw new EdisError('aborted', `${call.what} was aborted by its caller`, { cause });
  const why = cause?.message ?? 'it has no members';
  throw new EdisError(cause?.code ?? 'unreachable', `no member of ${shard} answered: ${why}`, { cause });
}

async function askMember(context: QueryContext, call: QueryCall, member: Member): Promise<MemberFigures | EdisError> {
  const { signal } = call;
  const timeoutMs = member.alive ? call.timeoutMs : Math.min(call.timeoutMs, deadMemberMs);
  const limits = signal === undefined ? { timeoutMs } : { timeoutMs, signal };
  try {
    const address = context.routes.addressOf(member);
    return { member, stats: await context.channels.use(address, (channel) => channel.stats(limits)) };
  } catch (error) {
    return EdisError.from(error);
  }
}

/** Members of a shard count each for themselves. */
function hottest(figures: readonly ShardFigures[], keyspaceId: number): HotKey[] {
  const rates = new Map<string, HotKey>();
  for (const { shard, members } of figures) {
    for (const { stats } of members) {
      for (const { keyspace, key, operationsPerSecond } of stats.hotKeys) {
        if (keyspace !== keyspaceId) continue;
        const name = `${shard} ${key}`;
        const known = rates.get(name)?.operationsPerSecond ?? 0;
        rates.set(name, { key: callerKey(key), shard, operationsPerSecond: known + operationsPerSecond });
      }
    }
  }
  return [...rates.values()]
    .sort((left, right) => right.operationsPerSecond - left.operationsPerSecond)
    .slice(0, maxHotKeys);
}
