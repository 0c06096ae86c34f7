import type { PutEntry } from '@edis/client';
import { EdisError } from '@edis/core';
import { ttlMs } from '../amount.ts';
import { writeBatch } from '../batch-write.ts';
import type { CommandDefinition } from '../command.ts';
import { withClient } from '../connection.ts';
import { ackOption, ttlOption } from '../option.ts';
import { type InputRecord, parsePair, readRecords } from '../record-input.ts';
import { writeRecords } from '../record-write.ts';

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
      options.flag('atomic') ? writeBatch(client, chunks, ack, context) : writeRecords(client, chunks, ack, context),
    );
  },
};

/** `--ttl` is for records that name none. */
async function* withTtl(
  chunks: Iterable<InputRecord[]> | AsyncIterable<InputRecord[]>,
  ttl: number | 'never' | undefined,
): AsyncGenerator<InputRecord[]> {
  for await (const chunk of chunks) {
    yield ttl === undefined
      ? chunk
      : chunk.map(({ line, entry }) => ({ line, entry: namesNoEnd(entry) ? { ...entry, ttlMs: ttl } : entry }));
  }
}

function namesNoEnd({ ttlMs, expiresAtMs }: PutEntry): boolean {
  return ttlMs === undefined && expiresAtMs === undefined;
}
