import type { CommandDefinition } from '../command.ts';
import { withClient } from '../connection.ts';
import { printKeys } from '../key-print.ts';
import { pageOptions, rangeOptions, readOptions } from '../option.ts';
import { pageOptionsOf, rangeOf } from '../query-input.ts';

export const keys: CommandDefinition = {
  name: 'keys',
  arguments: [],
  options: { ...rangeOptions, ...pageOptions, ...readOptions },
  examples: [
    ['keys', 'every key, in order'],
    ['keys --prefix user: --limit 10', 'the first ten that begin so'],
  ],
  async run({ options }, context) {
    const range = { ...rangeOf(options), ...(await pageOptionsOf(options)) };
    return withClient(context, (client) => printKeys(client, range, context));
  },
};
