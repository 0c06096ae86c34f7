import type { CommandDefinition } from '../command.ts';
import { readOptionsOf, withClient } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { readOptions } from '../option.ts';
import { printableLine } from '../printable.ts';
import { RepliesByKey, replyJson } from '../read-replies.ts';
import { recordJson, showBytesLine } from '../record-view.ts';

export const mget: CommandDefinition = {
  name: 'mget',
  arguments: [{ name: 'KEY', repeated: true, completes: 'key' }],
  options: readOptions,
  examples: [
    ['mget user:1 user:2', 'a line for each: key, tab, value'],
    ['mget user:1 user:2 --json', 'a JSON document for each'],
  ],
  async run({ positionals: keys, options }, context) {
    const { output, settings } = context;
    const readOptions = await readOptionsOf(options);
    return withClient(context, async (client) => {
      const replies = new RepliesByKey(settings.json);
      const records = await client.mget(keys, { ...readOptions, ...replies.option });
      for (const [index, record] of records.entries()) {
        const key = keys[index] ?? '';
        if (settings.json) {
          if (record === undefined) await output.json({ key, value: null, ...replyJson(replies.of(key)) });
          else await output.json(recordJson(record));
        } else if (record === undefined) output.note(`edis: not found: ${printableLine(key)}`);
        else await output.line(`${printableLine(key)}\t${showBytesLine(record.value)}`);
      }
      return records.includes(undefined) ? exitCodes.negative : exitCodes.done;
    });
  },
};
