import type { Metadata } from '@edis/core';
import { EdisError } from '@edis/core';
import { ttlMs } from '../amount.ts';
import type { CommandContext, CommandDefinition, Invocation } from '../command.ts';
import { withClient } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { ackOption, ttlOption } from '../option.ts';
import { printableLine } from '../printable.ts';
import { putJson } from '../record-view.ts';
import { printNotApplied } from '../result-print.ts';
import { readValue } from '../value-input.ts';

export const put: CommandDefinition = {
  name: 'put',
  arguments: [{ name: 'KEY', completes: 'key', makesRecord: true }, { name: 'VALUE' }],
  // `--meta a=1 b=2` leaves its second pair among the arguments; metadataOf takes it from there.
  takesSurplus: true,
  options: {
    meta: { kind: 'list', placeholder: 'NAME=VALUE', description: 'metadata; repeatable' },
    ttl: ttlOption,
    ack: ackOption,
    'if-absent': { kind: 'flag', description: 'only if there is no record' },
    'if-version': { kind: 'text', placeholder: 'V', description: 'only over the record with this version' },
  },
  examples: [
    ['put greeting hello', 'write a record'],
    ['put user:1 ada --meta team=core --meta site=ams', 'with metadata'],
    ['put login:ada yes --ttl 30s', 'gone after 30 seconds'],
    ['put lock me --if-absent', 'exit code 1 when there is one already'],
    ['put photo - < photo.jpg', 'the value from stdin'],
    ['put -- -key value', 'a key that begins with -'],
  ],
  run: runPut,
};

async function runPut({ positionals, options }: Invocation, context: CommandContext): Promise<number> {
  const [key = '', text = '', ...rest] = positionals;
  const { output, settings, stdin } = context;
  const ifAbsent = options.flag('if-absent');
  const ifVersion = options.integer('if-version', 1, Number.MAX_SAFE_INTEGER);
  if (ifAbsent && ifVersion !== undefined) {
    throw new EdisError('usage', '--if-absent and --if-version exclude each other; choose one');
  }
  const metadata = metadataOf(options.list('meta'), rest);
  const ack = options.choice('ack', ['memory', 'disk', 'quorum']);
  const ttl = await ttlMs('--ttl', options.text('ttl'));
  const value = await readValue(text, stdin);
  return withClient(context, async (client) => {
    const condition = ifAbsent ? { ifAbsent } : { ifVersion };
    const result = await client.put(key, value, { ack, metadata, ttlMs: ttl, ...condition });
    if (!result.applied) return printNotApplied(result, context);
    if (settings.json) await output.json(putJson(result));
    else await output.line(`${printableLine(key)} → ${result.shard}, version ${result.version}`);
    return exitCodes.done;
  });
}

function metadataOf(pairs: readonly string[], rest: readonly string[]): Metadata | undefined {
  const surplus = rest.find((text) => pairs.length === 0 || !text.includes('='));
  if (surplus !== undefined) {
    throw new EdisError('usage', `put: '${surplus}' is one argument too many; usage: edis put KEY VALUE`);
  }
  const fields = new Map<string, string>();
  for (const pair of [...pairs, ...rest]) {
    const separator = pair.indexOf('=');
    const name = pair.slice(0, Math.max(0, separator));
    if (name === '') throw new EdisError('usage', `--meta is '${pair}'; write NAME=VALUE`);
    if (fields.has(name)) throw new EdisError('usage', `--meta gives ${name} twice`);
    fields.set(name, pair.slice(separator + 1));
  }
  return fields.size === 0 ? undefined : Object.fromEntries(fields);
}
