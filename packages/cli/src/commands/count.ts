import type { CommandDefinition } from '../command.ts';
import { readOptionsOf, withClient } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { rangeOptions, readOptions } from '../option.ts';
import { rangeOf } from '../query-input.ts';
import { ReadReplies } from '../read-replies.ts';

export const count: CommandDefinition = {
  name: 'count',
  arguments: [],
  options: { ...rangeOptions, ...readOptions },
  examples: [
    ['count', 'records of the keyspace, from counters'],
    ['count --prefix user:', 'goes through the keys that begin so'],
  ],
  async run({ options }, context) {
    const { output, settings } = context;
    const range = rangeOf(options);
    const readOptions = await readOptionsOf(options);
    return withClient(context, async (client) => {
      const replies = new ReadReplies(settings.json);
      const found = await client.count({ ...range, ...readOptions, ...replies.option });
      if (settings.json) await output.json({ keyspace: client.name, count: found, ...replies.allJson() });
      else await output.line(String(found));
      return exitCodes.done;
    });
  },
};
