import type { CommandDefinition } from '../command.ts';
import { readOptionsOf, withClient } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { readOptions } from '../option.ts';
import { ReadReplies } from '../read-replies.ts';

export const exists: CommandDefinition = {
  name: 'exists',
  arguments: [{ name: 'KEY', completes: 'key' }],
  options: readOptions,
  examples: [['exists greeting && echo yes', 'exit code 0: there is a record, 1: there is none']],
  async run({ positionals: [key = ''], options }, context) {
    const { output, settings } = context;
    const readOptions = await readOptionsOf(options);
    return withClient(context, async (client) => {
      const replies = new ReadReplies(settings.json);
      const found = await client.exists(key, { ...readOptions, ...replies.option });
      if (settings.json) await output.json({ key, exists: found, ...replies.oneJson() });
      else await output.line(String(found));
      return found ? exitCodes.done : exitCodes.negative;
    });
  },
};
