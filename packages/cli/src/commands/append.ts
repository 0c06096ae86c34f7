import type { CommandDefinition } from '../command.ts';
import { withClient } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { toJsonBytes } from '../json-bytes.ts';
import { ackOption } from '../option.ts';
import { printableLine } from '../printable.ts';
import { readValue } from '../value-input.ts';

export const append: CommandDefinition = {
  name: 'append',
  arguments: [{ name: 'KEY', completes: 'key', makesRecord: true }, { name: 'VALUE' }],
  options: { ack: ackOption },
  examples: [
    ['append log " and more"', 'to the end of the value; makes the record if there is none'],
    ['append log - < line.txt', 'the same from stdin'],
  ],
  async run({ positionals: [key = '', text = ''], options }, context) {
    const { output, settings, stdin } = context;
    const ack = options.choice('ack', ['memory', 'disk', 'quorum']);
    const value = await readValue(text, stdin);
    return withClient(context, async (client) => {
      const { length, version, shard, token } = await client.append(key, value, { ack });
      if (settings.json) await output.json({ key: toJsonBytes(key), length, version, shard, token });
      else
        await output.line(
          `${printableLine(key)} → ${shard}, ${length} ${length === 1 ? 'byte' : 'bytes'}, version ${version}`,
        );
      return exitCodes.done;
    });
  },
};
