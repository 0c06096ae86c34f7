import type { IndexedField, KeyspaceSettings } from '@edis/core';
import { EdisError, keyspaceNameFault, limits } from '@edis/core';
import { durationMs, sizeBytes } from '../amount.ts';
import type { CommandDefinition } from '../command.ts';
import { withCluster } from '../connection.ts';
import { exitCodes } from '../exit-code.ts';
import { keyspaceJson } from '../keyspace-view.ts';
import type { OptionValues } from '../option.ts';

export const keyspaceCreate: CommandDefinition = {
  name: 'keyspace create',
  arguments: [{ name: 'NAME' }],
  options: {
    index: {
      kind: 'list',
      placeholder: 'FIELD[:number]',
      description: 'index that metadata field, as text or as numbers; repeatable (default: every field, as text)',
    },
    'index-none': { kind: 'flag', description: 'index nothing' },
    'default-ttl': { kind: 'text', placeholder: '7d', description: 'records are gone after that long (default never)' },
    'max-value': { kind: 'text', placeholder: '1MiB', description: 'largest value (default 8MiB)' },
    'max-key': { kind: 'text', placeholder: '256B', description: 'largest key (default 4KiB)' },
    schema: {
      kind: 'text',
      placeholder: 'NAME',
      description: 'name of the schema of the values, for people and tools',
    },
  },
  examples: [
    ['keyspace create users --index email --index age:number', 'two fields to search by'],
    ['keyspace create logins --default-ttl 7d --index-none', 'records of a week'],
  ],
  async run({ positionals: [name = ''], options }, context) {
    const { output, settings } = context;
    const fault = keyspaceNameFault(name);
    if (fault !== undefined) throw new EdisError('invalid-argument', `${fault}, for example users`);
    const wanted = await settingsOf(options);
    return withCluster(context, async (client) => {
      const keyspace = await client.createKeyspace(name, wanted);
      if (settings.json) await output.json(keyspaceJson(keyspace));
      else await output.line(`keyspace ${keyspace.name} is there, number ${keyspace.id}`);
      return exitCodes.done;
    });
  },
};

async function settingsOf(options: OptionValues): Promise<Partial<KeyspaceSettings>> {
  const fields = options.list('index');
  const indexNone = options.flag('index-none');
  if (indexNone && fields.length > 0) {
    throw new EdisError('usage', '--index and --index-none exclude each other; choose one');
  }
  const indexedFields = indexNone ? [] : fields.length === 0 ? undefined : fields.map(parseIndex);
  const ttl = options.text('default-ttl');
  const maxValue = options.text('max-value');
  const maxKey = options.text('max-key');
  const valueSchema = options.text('schema');
  return {
    ...(indexedFields === undefined ? {} : { indexedFields }),
    ...(ttl === undefined ? {} : { defaultTtlMs: await durationMs('--default-ttl', ttl, limits.maxTtlMs) }),
    ...(maxValue === undefined
      ? {}
      : { maxValueBytes: await sizeBytes('--max-value', maxValue, limits.maxValueBytes) }),
    ...(maxKey === undefined ? {} : { maxKeyBytes: await sizeBytes('--max-key', maxKey, limits.maxKeyBytes) }),
    ...(valueSchema === undefined ? {} : { valueSchema }),
  };
}

function parseIndex(text: string): IndexedField {
  const [, field, kind = 'text'] = /^(.+?)(?::([^:]*))?$/s.exec(text) ?? [];
  if (field !== undefined && (kind === 'text' || kind === 'number')) return { field, kind };
  throw new EdisError('usage', `--index is '${text}'; write FIELD or FIELD:number, for example email or age:number`);
}
