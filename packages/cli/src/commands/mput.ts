import type { Client, PutEntry } from '@edis/client';
import type { Ack } from '@edis/core';
import { EdisError } from '@edis/core';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { withClient } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { ackOption } from '../option.ts';
import { parsePair, readRecords } from '../record-input.ts';

export const mput: CommandDefinition = {
  name: 'mput',
  positionals: '[KEY=VALUE …]',
  minPositionals: 0,
  maxPositionals: Number.POSITIVE_INFINITY,
  options: { ack: ackOption },
  examples: [
    ['mput user:1=ada user:2=grace', 'two records'],
    ['mput < records.ndjson', 'a line for each: {"key":…,"value":…,"metadata":{…}}'],
  ],
  async run({ positionals, options }, context) {
    const ack = options.choice('ack', ['memory', 'disk', 'quorum']);
    if (positionals.length === 0 && 'isTTY' in context.stdin && context.stdin.isTTY === true) {
      throw new EdisError('usage', 'mput: give KEY=VALUE …, or records as NDJSON on stdin');
    }
    const chunks = positionals.length > 0 ? [positionals.map(parsePair)] : readRecords(context.stdin);
    return withClient(context, (client) => writeAll(client, chunks, ack, context));
  },
};

async function writeAll(
  client: Client,
  chunks: Iterable<PutEntry[]> | AsyncIterable<PutEntry[]>,
  ack: Ack | undefined,
  { output, settings }: CommandContext,
): Promise<number> {
  let written = 0;
  const writtenByShard = new Map<string, number>();
  try {
    for await (const chunk of chunks) {
      for (const { shard } of await client.mput(chunk, { ack })) {
        written += 1;
        writtenByShard.set(shard, (writtenByShard.get(shard) ?? 0) + 1);
      }
    }
  } catch (caught) {
    const error = EdisError.from(caught);
    const { code, outcomeUnknown, retryAfterMs } = error;
    throw new EdisError(code, `${error.message}; ${soFar(written)}`, {
      cause: error,
      outcomeUnknown,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }
  const shards = Object.fromEntries(
    [...writtenByShard].toSorted(([left], [right]) => left.localeCompare(right, 'en', { numeric: true })),
  );
  const spread = Object.entries(shards).map(([shard, count]) => `${shard}: ${count}`);
  if (settings.json) await output.json({ written, shards, token: client.token });
  else await output.line(`${written} ${written === 1 ? 'record' : 'records'} written (${spread.join(', ')})`);
  return exitCodes.done;
}

function soFar(written: number): string {
  if (written === 0) return 'no earlier record was written';
  return `${written} earlier ${written === 1 ? 'record was' : 'records were'} written`;
}
