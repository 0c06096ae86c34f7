import type { Client } from '@edis/client';
import type { Ack } from '@edis/core';
import { EdisError } from '@edis/core';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { withClient } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { ackOption } from '../option.ts';
import { printableLine } from '../printable.ts';
import { printRecord } from '../record-print.ts';
import { deleteJson } from '../record-view.ts';
import { printNotApplied, printNotFound } from '../result-print.ts';

export const deleteCommand: CommandDefinition = {
  name: 'delete',
  arguments: [{ name: 'KEY', completes: 'key' }],
  options: {
    get: { kind: 'flag', description: 'print the record that was removed; nobody else gets it' },
    ack: ackOption,
    'if-version': { kind: 'text', placeholder: 'V', description: 'only the record with this version' },
  },
  examples: [
    ['delete greeting', 'exit code 1 when there was no record'],
    ['delete job:7 --get', 'take a record: its value, once'],
  ],
  async run({ positionals: [key = ''], options }, context) {
    const ack = options.choice('ack', ['memory', 'disk', 'quorum']);
    const ifVersion = options.integer('if-version', 1, Number.MAX_SAFE_INTEGER);
    const get = options.flag('get');
    if (get && ifVersion !== undefined) {
      throw new EdisError('usage', '--get and --if-version exclude each other; choose one');
    }
    return withClient(context, (client) =>
      get ? take(client, key, ack, context) : remove(client, key, { ack, ifVersion }, context),
    );
  },
};

async function take(client: Client, key: string, ack: Ack | undefined, context: CommandContext): Promise<number> {
  const record = await client.getAndDelete(key, { ack });
  if (record === undefined) return printNotFound(key, { value: null }, context);
  await printRecord(record, context);
  return exitCodes.done;
}

async function remove(
  client: Client,
  key: string,
  options: { readonly ack: Ack | undefined; readonly ifVersion: number | undefined },
  context: CommandContext,
): Promise<number> {
  const { output, settings } = context;
  const result = await client.delete(key, options);
  if (!result.applied) return printNotApplied(result, context);
  if (settings.json) await output.json(deleteJson(result));
  else if (result.existed) await output.line(`${printableLine(key)} deleted from ${result.shard}`);
  else output.note(`edis: not found: ${printableLine(key)}`);
  return result.existed ? exitCodes.done : exitCodes.negative;
}
