/**
 * A batch of writes over all shards: checked as a whole, then one atomic operation for each shard. The parts are
 * independent of each other, so the result says of each how it ended.
 */
import { type ByteString, EdisError, limits, type ShardId, slotOf } from '@edis/core';
import type { CallContext, Countdown } from './call-context.ts';
import { conditionOf, incrementOf, keyBytes, listOf, putContent, valueBytes } from './call-input.ts';
import type { BatchWrite, WriteOptions } from './options.ts';
import { atomicBytes, PendingAtomic, type PreparedWrite } from './pending-atomic.ts';
import { putBytes } from './pending-operation.ts';
import type { BatchPart, BatchResult } from './results.ts';

/** The writes of one shard, and their places in the batch. */
interface ShardWrites {
  readonly shard: ShardId;
  readonly indexes: number[];
  readonly writes: PreparedWrite[];
}

export async function runBatch(
  context: CallContext,
  writes: Iterable<BatchWrite>,
  options: WriteOptions | undefined,
): Promise<BatchResult> {
  const countdown = context.countdown('batch', options);
  const prepared = listOf(writes, 'writes').map(prepare);
  refuseRepeatedKeys(prepared);
  const groups = await groupByShard(context, prepared, countdown, options);
  for (const group of groups) refuseTooLarge(group);
  // Once: from here on parts are under way, and a call that fails as a whole would not say what became of them.
  const timeoutMs = countdown.leftMs();
  const parts = await Promise.all(groups.map((group) => runPart(context, group, timeoutMs, options)));
  return { applied: parts.every((part) => part.status === 'done'), parts };
}

function prepare(write: BatchWrite, index: number): PreparedWrite {
  try {
    if (typeof write !== 'object' || write === null) throw invalid('it is no object with kind and key');
    const callerKey = write.key;
    const key = keyBytes(callerKey);
    switch (write.kind) {
      case 'put': {
        const content = putContent(write.value, write);
        const bytes = key.length + putBytes(content);
        return { kind: 'put', key, callerKey, ...content, condition: conditionOf(write), bytes };
      }
      case 'delete':
        return { kind: 'delete', key, callerKey, condition: conditionOf(write), bytes: key.length };
      case 'increment':
        return {
          kind: 'increment',
          key,
          callerKey,
          by: incrementOf(write.by),
          condition: undefined,
          bytes: key.length,
        };
      case 'append': {
        const value = valueBytes(write.value);
        return { kind: 'append', key, callerKey, value, condition: undefined, bytes: key.length + value.length };
      }
      default:
        throw invalid(`its kind is ${kindOf(write)}; give put, delete, increment or append`);
    }
  } catch (error) {
    const cause = EdisError.from(error);
    throw new EdisError('invalid-argument', `write ${index} of the batch: ${cause.message}`, { cause });
  }
}

function refuseRepeatedKeys(writes: readonly PreparedWrite[]): void {
  const places = new Map<ByteString, number>();
  for (const [index, { key, callerKey }] of writes.entries()) {
    const earlier = places.get(key);
    if (earlier !== undefined) {
      const which = typeof callerKey === 'string' ? JSON.stringify(callerKey) : 'the same key';
      throw invalid(`writes ${earlier} and ${index} of the batch are both of ${which}; a batch has no key twice`);
    }
    places.set(key, index);
  }
}

/** Waits until somebody owns the keys: before that nobody can say which belong together. */
async function groupByShard(
  context: CallContext,
  writes: readonly PreparedWrite[],
  countdown: Countdown,
  options: WriteOptions | undefined,
): Promise<ShardWrites[]> {
  const { runner, waits } = context.parts;
  const { routes } = runner;
  if (!routes.topology.formed && !runner.closed) {
    const signal = options?.signal;
    await waits.until('formed cluster', (topology) => topology.formed, countdown.leftMs(), signal, 'not-formed');
  }
  const keyspace = routes.keyspaceOf(context.scope);
  if (keyspace === undefined) throw routes.noSuchKeyspace(context.scope);
  const groups = new Map<ShardId, ShardWrites>();
  for (const [index, write] of writes.entries()) {
    const shard = routes.routeOf(keyspace.id, slotOf(write.key))?.shard;
    if (shard === undefined) throw new EdisError('not-formed', 'nobody owns a key of the batch yet; try again');
    const group = groups.get(shard) ?? { shard, indexes: [], writes: [] };
    groups.set(shard, group);
    group.indexes.push(index);
    group.writes.push(write);
  }
  return [...groups.values()];
}

function refuseTooLarge({ shard, writes }: ShardWrites): void {
  if (writes.length > limits.maxAtomicOperations) {
    throw invalid(`the batch has ${writes.length} writes of shard ${shard}, at most ${limits.maxAtomicOperations}`);
  }
  const bytes = atomicBytes(writes);
  if (bytes > limits.maxBatchBytes) {
    throw invalid(`the batch has ${bytes} bytes for shard ${shard}, at most ${limits.maxBatchBytes}`);
  }
}

async function runPart(
  context: CallContext,
  group: ShardWrites,
  timeoutMs: number,
  options: WriteOptions | undefined,
): Promise<BatchPart> {
  const { shard, indexes, writes } = group;
  const first = writes[0];
  if (first === undefined) throw new EdisError('internal', 'a part of a batch has no writes');
  try {
    const { applied, results } = await new Promise<{ applied: boolean; results: BatchPart['results'] & object }>(
      (resolve, reject) => {
        const call = context.callParts(first.callerKey, { timeoutMs });
        const operation = new PendingAtomic(call, writes, context.writeParts(options), resolve, reject);
        context.parts.runner.start(operation, options?.signal);
      },
    );
    return { shard, status: applied ? 'done' : 'condition-failed', indexes, results };
  } catch (caught) {
    const error = EdisError.from(caught);
    return { shard, status: error.outcomeUnknown ? 'unknown' : 'failed', indexes, error };
  }
}

/** Of a write that no type allows. */
function kindOf(write: never): string {
  return JSON.stringify(Reflect.get(Object(write), 'kind')) ?? 'missing';
}

function invalid(message: string): EdisError {
  return new EdisError('invalid-argument', message);
}
