/**
 * `mput --atomic`: one batch, which each shard carries out whole or not at all, and a report of each shard's part.
 *
 * Nothing is sent unless all of the input was understood. There is no transaction across shards, so the command ends
 * with exit code 3 when a part failed or its outcome is unknown, and says which part that is.
 */
import type { BatchPart, BatchResult, Client, PutEntry } from '@edis/client';
import type { Ack } from '@edis/core';
import { EdisError, limits, sortByShard } from '@edis/core';
import type { CommandContext } from './command.ts';
import { exitCodes } from './exit-code.ts';
import { toJsonBytes } from './json-bytes.ts';
import type { InputRecord } from './record-input.ts';

/** More than all shards of a cluster take together is a mistake, and need not be held in memory to be one. */
const maxRecords = 128 * limits.maxAtomicOperations;

/** Returns the exit code. */
export async function writeBatch(
  client: Client,
  chunks: AsyncIterable<readonly InputRecord[]>,
  ack: Ack | undefined,
  { output, settings }: CommandContext,
): Promise<number> {
  const entries: PutEntry[] = [];
  for await (const chunk of chunks) {
    for (const { entry } of chunk) entries.push(entry);
    if (entries.length > maxRecords) {
      const most = limits.maxAtomicOperations;
      throw new EdisError(
        'invalid-argument',
        `mput --atomic takes at most ${most} records a shard; nothing was written`,
      );
    }
  }
  const result = await client.batch(
    entries.map((entry) => ({ kind: 'put', ...entry })),
    { ack },
  );
  if (settings.json) await output.json(batchJson(result, entries, client.token));
  else await output.line(showBatch(result));
  return exitCodeOf(result);
}

function exitCodeOf({ parts }: BatchResult): number {
  if (parts.some(({ status }) => status === 'failed' || status === 'unknown')) return exitCodes.unreachable;
  return parts.some(({ status }) => status === 'condition-failed') ? exitCodes.negative : exitCodes.done;
}

function batchJson({ applied, parts }: BatchResult, entries: readonly PutEntry[], token: string) {
  return {
    applied,
    written: writtenBy(parts),
    parts: sortByShard(parts).map((part) => ({
      shard: part.shard,
      status: part.status,
      keys: part.indexes.map((index) => toJsonBytes(entries[index]?.key ?? '')),
      ...(part.status === 'done'
        ? { versions: part.results.map((result) => (result.applied ? result.version : null)) }
        : {}),
      ...(part.error === undefined ? {} : { error: { code: part.error.code, message: part.error.message } }),
    })),
    token,
  };
}

function writtenBy(parts: readonly BatchPart[]): number {
  return parts.filter(({ status }) => status === 'done').reduce((sum, { indexes }) => sum + indexes.length, 0);
}

const statusWords: Readonly<Record<BatchPart['status'], string>> = {
  done: 'written',
  'condition-failed': 'not written, a condition does not hold',
  failed: 'not written',
  unknown: 'perhaps written, all or none',
};

function showBatch({ parts }: BatchResult): string {
  return sortByShard(parts)
    .map(({ shard, status, indexes, error }) => {
      const count = `${indexes.length} ${indexes.length === 1 ? 'record' : 'records'}`;
      return `${shard}: ${count} ${statusWords[status]}${error === undefined ? '' : `: ${error.message}`}`;
    })
    .join('\n');
}
