/** Prints the records of a keyspace as NDJSON, or writes them to a file. */
import { existsSync } from 'node:fs';
import type { Client } from '@edis/client';
import { EdisError } from '@edis/core';
import type { CommandDefinition } from '../command.ts';
import { withClient } from '../connection.ts';
import { rangeOptions, readOptions } from '../option.ts';
import { pageOptionsOf, rangeOf } from '../query-input.ts';
import { exportRecords } from '../transfer/export-run.ts';

export const exportCommand: CommandDefinition = {
  name: 'export',
  arguments: [{ name: 'FILE', optional: true, completes: 'file' }],
  options: {
    ...rangeOptions,
    cursor: {
      kind: 'text',
      placeholder: 'C',
      description: 'go on where an earlier call with the same arguments ended',
    },
    overwrite: { kind: 'flag', description: 'replace FILE if there is one, once all is written' },
    ...readOptions,
  },
  examples: [
    ['export records.ndjson', 'every record, in the order of its key; the file is there when it is whole'],
    ['export --prefix user: | gzip > users.gz', 'to stdout, which is also FILE -'],
    ['export records.ndjson --cursor C', 'goes on where an interrupted call ended'],
  ],
  async run({ positionals, options }, context) {
    const [path = '-'] = positionals;
    const range = rangeOf(options);
    const page = await pageOptionsOf(options);
    const overwrite = options.flag('overwrite');
    if (path === '-' && overwrite) throw new EdisError('usage', '--overwrite needs a FILE');
    if (path !== '-' && !overwrite && existsSync(path)) {
      throw new EdisError('usage', `there is a file ${path} already; --overwrite replaces it once all is written`);
    }
    const flags = Object.entries(range).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const resume = overwrite ? [path, ...flags, '--overwrite'] : [path, ...flags];
    const ending = new AbortController();
    const stopListening = context.onSignal(() => ending.abort());
    let hasBegun = false;
    const run = async (client: Client) => {
      hasBegun = true;
      const query = { ...range, ...page, signal: ending.signal };
      return exportRecords(client, { path, query, resume, whole: flags.length === 0 }, context);
    };
    try {
      return await withClient(context, run, ending.signal);
    } catch (caught) {
      // What `exportRecords` has begun, it speaks of itself.
      if (hasBegun || !ending.signal.aborted) throw caught;
      throw new EdisError('aborted', 'interrupted; nothing was written', { cause: caught });
    } finally {
      stopListening();
    }
  },
};
