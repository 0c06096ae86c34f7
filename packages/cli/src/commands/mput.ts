import type { Client, PutEntry } from '@edis/client';
import type { Ack } from '@edis/core';
import { EdisError } from '@edis/core';
import { ttlMs } from '../amount.ts';
import { writeBatch } from '../batch-write.ts';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { withClient } from '../connection.ts';
import { withAdvice } from '../error-advice.ts';
import { exitCodes } from '../exit-code.ts';
import { ackOption, ttlOption } from '../option.ts';
import { parsePair, readRecords } from '../record-input.ts';
import { countByShard, showSpread } from '../shard-count.ts';

export const mput: CommandDefinition = {
  name: 'mput',
  arguments: [{ name: 'KEY=VALUE', optional: true, repeated: true }],
  options: {
    atomic: { kind: 'flag', description: 'the records of one shard together, or none of them' },
    ttl: ttlOption,
    ack: ackOption,
  },
  examples: [
    ['mput user:1=ada user:2=grace', 'two records'],
    ['mput < records.ndjson', 'a line for each: {"key":…,"value":…,"metadata":{…},"ttlMs":…}'],
    ['mput --atomic "a:{7}=1" "b:{7}=2"', 'both or none: the same braces, so the same shard'],
  ],
  async run({ positionals, options }, context) {
    const ack = options.choice('ack', ['memory', 'disk', 'quorum']);
    const ttl = await ttlMs('--ttl', options.text('ttl'));
    if (positionals.length === 0 && 'isTTY' in context.stdin && context.stdin.isTTY === true) {
      throw new EdisError('usage', 'mput: give KEY=VALUE …, or records as NDJSON on stdin');
    }
    const chunks = withTtl(positionals.length > 0 ? [positionals.map(parsePair)] : readRecords(context.stdin), ttl);
    return withClient(context, (client) =>
      options.flag('atomic') ? writeBatch(client, chunks, ack, context) : writeAll(client, chunks, ack, context),
    );
  },
};

/** `--ttl` is for records that name none. */
async function* withTtl(
  chunks: Iterable<PutEntry[]> | AsyncIterable<PutEntry[]>,
  ttl: number | 'never' | undefined,
): AsyncGenerator<PutEntry[]> {
  for await (const chunk of chunks) {
    yield ttl === undefined ? chunk : chunk.map((entry) => (namesNoEnd(entry) ? { ...entry, ttlMs: ttl } : entry));
  }
}

function namesNoEnd({ ttlMs, expiresAtMs }: PutEntry): boolean {
  return ttlMs === undefined && expiresAtMs === undefined;
}

async function writeAll(
  client: Client,
  chunks: AsyncIterable<PutEntry[]>,
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
    throw withAdvice(caught, soFar(written));
  }
  const shards = countByShard(writtenByShard);
  if (settings.json) await output.json({ written, shards, token: client.token });
  else await output.line(`${written} ${written === 1 ? 'record' : 'records'} written (${showSpread(shards)})`);
  return exitCodes.done;
}

function soFar(written: number): string {
  if (written === 0) return 'no earlier record was written';
  return `${written} earlier ${written === 1 ? 'record was' : 'records were'} written`;
}
