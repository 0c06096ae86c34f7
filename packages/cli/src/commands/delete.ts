import type { CommandDefinition } from '../command.ts';
import { withClient } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { ackOption } from '../option.ts';
import { deleteJson, notAppliedJson, showNotApplied } from '../record-view.ts';

export const deleteCommand: CommandDefinition = {
  name: 'delete',
  positionals: 'KEY',
  minPositionals: 1,
  maxPositionals: 1,
  options: {
    ack: ackOption,
    'if-version': { kind: 'text', placeholder: 'V', description: 'only the record with this version' },
  },
  examples: [['delete greeting', 'exit code 1 when there was no record']],
  async run({ positionals: [key = ''], options }, context) {
    const { output, settings } = context;
    const ack = options.choice('ack', ['memory', 'disk', 'quorum']);
    const ifVersion = options.integer('if-version', 1, Number.MAX_SAFE_INTEGER);
    return withClient(context, async (client) => {
      const result = await client.delete(key, { ack, ifVersion });
      if (!result.applied) {
        if (settings.json) await output.json(notAppliedJson(result));
        else output.note(`edis: ${showNotApplied(result)}`);
        return exitCodes.negative;
      }
      if (settings.json) await output.json(deleteJson(result));
      else if (result.existed) await output.line(`${key} deleted from ${result.shard}`);
      else output.note(`edis: not found: ${key}`);
      return result.existed ? exitCodes.done : exitCodes.negative;
    });
  },
};
