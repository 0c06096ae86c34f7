import type { CommandDefinition } from '../command.ts';
import { withClient } from '../connection.ts';
import { pageOptions, rangeOptions, readOptions } from '../option.ts';
import { pageOptionsOf, rangeOf } from '../query-input.ts';
import { keyJson, showBytesLine } from '../record-view.ts';
import { printStream } from '../stream-print.ts';

export const keys: CommandDefinition = {
  name: 'keys',
  arguments: [],
  options: { ...rangeOptions, ...pageOptions, ...readOptions },
  examples: [
    ['keys', 'every key, in order'],
    ['keys --prefix user: --limit 10', 'the first ten that begin so'],
  ],
  async run({ options }, context) {
    const { json } = context.settings;
    const range = { ...rangeOf(options), ...(await pageOptionsOf(options)) };
    const show = (key: string | Uint8Array) => (json ? JSON.stringify(keyJson(key)) : showBytesLine(key));
    return withClient(context, (client) => printStream(client.keys(range), show, context));
  },
};
