import type { CommandDefinition } from '../command.ts';
import { withClient } from '../connection.ts';
import { printKeys } from '../key-print.ts';
import { pageOptions, rangeOptions, readOptions } from '../option.ts';
import { pageOptionsOf, rangeOf } from '../query-input.ts';
import { recordJson, showBytesLine } from '../record-view.ts';
import { printStream } from '../stream-print.ts';

export const scan: CommandDefinition = {
  name: 'scan',
  arguments: [],
  options: {
    ...rangeOptions,
    ...pageOptions,
    'keys-only': { kind: 'flag', description: 'without values and metadata' },
    ...readOptions,
  },
  examples: [
    ['scan', 'every record, in the order of its key: key, tab, value'],
    ['scan --prefix user: --limit 10 --json', 'the first ten, with metadata'],
    ['scan --from a --to b --keys-only', 'keys from a up to b, without b'],
  ],
  async run({ options }, context) {
    const { json } = context.settings;
    const range = { ...rangeOf(options), ...(await pageOptionsOf(options)) };
    return withClient(context, (client) => {
      if (options.flag('keys-only')) return printKeys(client, range, context);
      return printStream(
        client.scan(range),
        (record) =>
          json ? JSON.stringify(recordJson(record)) : `${showBytesLine(record.key)}\t${showBytesLine(record.value)}`,
        context,
      );
    });
  },
};
