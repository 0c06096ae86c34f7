import { EdisError } from '@edis/core';
import type { CommandDefinition } from '../command.ts';
import { readOptionsOf, withClient } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { readOptions } from '../option.ts';
import { ReadReplies } from '../read-replies.ts';
import { printRecord } from '../record-print.ts';
import { printNotFound } from '../result-print.ts';

export const get: CommandDefinition = {
  name: 'get',
  arguments: [{ name: 'KEY', completes: 'key' }],
  options: {
    raw: { kind: 'flag', description: 'the bytes of the value alone, on a terminal too' },
    ...readOptions,
  },
  examples: [
    ['get greeting', 'the value, from a replica'],
    ['get photo --raw > photo.jpg', 'exactly what was put'],
    ['get greeting --json', 'with metadata, version, and who served it'],
    ['get greeting --consistency strong', 'from the primary'],
    ['get greeting --max-staleness 500ms', 'from a replica at most that far behind'],
  ],
  async run({ positionals: [key = ''], options }, context) {
    const raw = options.flag('raw');
    if (raw && context.settings.json) throw new EdisError('usage', '--raw and --json exclude each other; choose one');
    const readOptions = await readOptionsOf(options);
    return withClient(context, async (client) => {
      const replies = new ReadReplies(context.settings.json);
      const record = await client.get(key, { ...readOptions, ...replies.option });
      if (record === undefined) return printNotFound(key, { value: null, ...replies.oneJson() }, context);
      if (raw) await context.output.write(record.value);
      else await printRecord(record, context);
      return exitCodes.done;
    });
  },
};
