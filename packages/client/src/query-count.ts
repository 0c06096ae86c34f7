import {
  comparePositions,
  EdisError,
  limits,
  type NodeStats,
  type Position,
  type RecordPage,
  type SearchPlace,
  type ShardId,
} from '@edis/core';
import type { KeyRange } from './query-options.ts';
import { pause } from './query-pause.ts';
import { type Answered, askShard, type QueryCall, type QueryContext, type Question, shardsOf } from './query-runner.ts';
import { type PagedQuestion, rangeQuestion } from './query-scan.ts';
import { tell } from './read-reply.ts';

/** Keys of one page when they are only counted. */
const countPageRecords = limits.maxPageRecords;
/** A node whose figures cannot be had is left alone for that long. */
const repeatMs = 20;

/**
 * How many records there are.
 *
 * Of a whole keyspace: the sum of the counters of one member of each shard, as of a time at which that member was as
 * fresh as the consistency asks for. Counters include records that are hidden because their deadline has passed, until
 * the primary has removed them, which takes it a moment, or a while when very many expire at once. Of a range: by going
 * through its keys, without those.
 */
export async function countRecords(context: QueryContext, call: QueryCall, range: KeyRange = {}): Promise<number> {
  const endMs = context.environment.nowMs() + call.timeoutMs;
  const question = rangeQuestion(range, true);
  const isWhole = range.prefix === undefined && range.from === undefined && range.to === undefined;
  const { keyspace, shards } = await shardsOf(context, call);
  const counts = shards.map((shard) =>
    isWhole ? countShard(context, call, shard, keyspace.id, endMs) : countRange(context, call, shard, question, endMs),
  );
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

/** A look at one key makes sure that the member's counters are fresh enough; then they are read. */
async function countShard(
  context: QueryContext,
  call: QueryCall,
  shard: ShardId,
  keyspaceId: number,
  endMs: number,
): Promise<number> {
  for (;;) {
    if (context.environment.nowMs() >= endMs) throw lateError(call, shard);
    const { page, answer, address } = await askShard(context, call, shard, firstKey, endMs);
    const stats = await statsOf(context, call, address, endMs);
    if (stats !== undefined && isUpTo(stats, page.footer.position)) {
      if (call.onReply !== undefined) tell(call.onReply, answer, undefined);
      return stats.keyspaces.find((each) => each.keyspace === keyspaceId)?.recordCount ?? 0;
    }
    await pause(context.environment, repeatMs, call.signal);
  }
}

const firstKey: Question<RecordPage> = (channel, head, callLimits) =>
  channel.scan({ head, from: '', to: '', maxRecords: 1, keysOnly: true }, callLimits);

/** Undefined: the node went away meanwhile. */
async function statsOf(
  context: QueryContext,
  call: QueryCall,
  address: string,
  endMs: number,
): Promise<NodeStats | undefined> {
  const timeoutMs = endMs - context.environment.nowMs();
  if (timeoutMs <= 0) return undefined;
  const callLimits = call.signal === undefined ? { timeoutMs } : { timeoutMs, signal: call.signal };
  try {
    return await context.channels.use(address, (channel) => channel.stats(callLimits));
  } catch (error) {
    if (context.channels.closed || call.signal?.aborted === true) throw EdisError.from(error);
    context.channels.setUnwell(address);
    return undefined;
  }
}

/** A member that took a new copy meanwhile may have gone back. */
function isUpTo(stats: NodeStats, position: Position): boolean {
  return comparePositions({ epoch: stats.lastEntry.epoch, position: stats.viewPosition }, position) >= 0;
}

async function countRange(
  context: QueryContext,
  call: QueryCall,
  shard: ShardId,
  question: PagedQuestion,
  endMs: number,
): Promise<number> {
  let count = 0;
  let after: SearchPlace | undefined;
  while (question.mayHaveMore(after)) {
    if (context.environment.nowMs() >= endMs) throw lateError(call, shard);
    const page = question.page(after, countPageRecords);
    const answered: Answered<RecordPage> = await askShard(context, call, shard, page, endMs);
    if (call.onReply !== undefined) tell(call.onReply, answered.answer, undefined);
    const { records, more } = answered.page;
    count += records.length;
    const last = records[records.length - 1];
    if (!more || last === undefined) break;
    after = { value: '', key: last.key };
  }
  return count;
}

function lateError(call: QueryCall, shard: ShardId): EdisError {
  return new EdisError('deadline', `${call.what} failed after ${call.timeoutMs} ms: ${shard} is not counted`);
}
