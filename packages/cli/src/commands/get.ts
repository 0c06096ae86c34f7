import type { CommandDefinition } from '../command.ts';
import { readOptionsOf, withClient } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { readOptions } from '../option.ts';
import { printRecord } from '../record-print.ts';
import { printNotFound } from '../result-print.ts';

export const get: CommandDefinition = {
  name: 'get',
  arguments: [{ name: 'KEY', completes: 'key' }],
  options: readOptions,
  examples: [
    ['get greeting', 'the value, from a replica'],
    ['get greeting --json', 'with metadata, version, and who served it'],
    ['get greeting --consistency strong', 'from the primary'],
    ['get greeting --max-staleness 500ms', 'from a replica at most that far behind'],
  ],
  async run({ positionals: [key = ''], options }, context) {
    const readOptions = await readOptionsOf(options);
    return withClient(context, async (client) => {
      const record = await client.get(key, readOptions);
      if (record === undefined) return printNotFound(key, { value: null }, context);
      await printRecord(record, context);
      return exitCodes.done;
    });
  },
};
