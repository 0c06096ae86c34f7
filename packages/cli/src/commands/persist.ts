import type { CommandDefinition } from '../command.ts';
import { withClient } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { ackOption } from '../option.ts';
import { printableLine } from '../printable.ts';
import { expireJson } from '../record-view.ts';
import { printNotFound } from '../result-print.ts';

export const persist: CommandDefinition = {
  name: 'persist',
  arguments: [{ name: 'KEY', completes: 'key' }],
  options: { ack: ackOption },
  examples: [['persist session:9', 'it stays; exit code 1 when there is no record']],
  async run({ positionals: [key = ''], options }, context) {
    const { output, settings } = context;
    const ack = options.choice('ack', ['memory', 'disk', 'quorum']);
    return withClient(context, async (client) => {
      const result = await client.persist(key, { ack });
      if (result === undefined) return printNotFound(key, { existed: false }, context);
      if (settings.json) await output.json(expireJson(result));
      else await output.line(`${printableLine(key)} never expires`);
      return exitCodes.done;
    });
  },
};
