import { parseInt64 } from '../amount.ts';
import type { CommandDefinition } from '../command.ts';
import { withClient } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { toJsonBytes } from '../json-bytes.ts';
import { ackOption } from '../option.ts';

export const incr: CommandDefinition = {
  name: 'incr',
  arguments: [
    { name: 'KEY', completes: 'key', makesRecord: true },
    { name: 'BY', optional: true },
  ],
  options: { ack: ackOption },
  examples: [
    ['incr visits', 'adds 1, and prints the sum'],
    ['incr stock:7 -3', 'takes 3 away'],
  ],
  async run({ positionals: [key = '', text], options }, context) {
    const { output, settings } = context;
    const ack = options.choice('ack', ['memory', 'disk', 'quorum']);
    const by = text === undefined ? undefined : parseInt64('BY', text);
    return withClient(context, async (client) => {
      const { value, version, shard, token } = await client.increment(key, by, { ack });
      // In digits, because a program's numbers may not hold 64 bits; it is also what the record's value now is.
      const sum = value.toString();
      if (settings.json) await output.json({ key: toJsonBytes(key), value: sum, version, shard, token });
      else await output.line(sum);
      return exitCodes.done;
    });
  },
};
