import type { CommandDefinition } from '../command.ts';
import { readOptionsOf, withClient } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { decodeText } from '../json-bytes.ts';
import { readOptions } from '../option.ts';
import type { Output } from '../output.ts';
import { recordJson } from '../record-view.ts';

export const get: CommandDefinition = {
  name: 'get',
  positionals: 'KEY',
  minPositionals: 1,
  maxPositionals: 1,
  options: readOptions,
  examples: [
    ['get greeting', 'the value, from a replica'],
    ['get greeting --json', 'with metadata, version, and who served it'],
    ['get greeting --consistency strong', 'from the primary'],
    ['get greeting --max-staleness 500ms', 'from a replica at most that far behind'],
  ],
  async run({ positionals: [key = ''], options }, context) {
    const { output, settings } = context;
    const readOptions = await readOptionsOf(options);
    return withClient(context, async (client) => {
      const record = await client.get(key, readOptions);
      if (record === undefined) {
        if (settings.json) await output.json({ key, value: null });
        else output.note(`edis: not found: ${key}`);
        return exitCodes.negative;
      }
      if (settings.json) await output.json(recordJson(record));
      else await writeValue(record.value, output);
      return exitCodes.done;
    });
  },
};

/** Text ends in a newline, as people and shells expect; other bytes come out exactly as they are. */
async function writeValue(value: Uint8Array, output: Output): Promise<void> {
  await output.write(value);
  const text = decodeText(value);
  const needsNewline = output.isTerminal || (text !== undefined && !text.endsWith('\n'));
  if (needsNewline) await output.write('\n');
}
