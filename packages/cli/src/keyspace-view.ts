import type { KeyspaceDescription } from '@edis/client';
import { EdisError } from '@edis/core';
import { showBytes, showCount } from './figure.ts';
import { printableLine } from './printable.ts';
import type { Column } from './table.ts';
import { formatTable } from './table.ts';

/** `edis keyspace …` as JSON; null: none, or not known now. */
export function keyspaceJson({ name, id, strategy, settings, records, bytes }: KeyspaceDescription) {
  const { indexedFields, defaultTtlMs, maxKeyBytes, maxValueBytes, valueSchema } = settings;
  return {
    name,
    id,
    strategy,
    settings: {
      indexedFields: indexedFields?.map(({ field, kind }) => ({ field, kind })) ?? null,
      defaultTtlMs: defaultTtlMs === 0 ? null : defaultTtlMs,
      maxKeyBytes,
      maxValueBytes,
      valueSchema: valueSchema === '' ? null : valueSchema,
    },
    records: records ?? null,
    bytes: bytes ?? null,
  };
}

/** How durations read back; of @edis/process, which is loaded only when it is needed. */
type ShowDuration = (milliseconds: number) => string;

export function showKeyspaces(keyspaces: readonly KeyspaceDescription[], showDuration: ShowDuration): string {
  const columns: readonly Column<KeyspaceDescription>[] = [
    { title: 'KEYSPACE', cell: ({ name }) => name },
    { title: 'ID', align: 'right', cell: ({ id }) => String(id) },
    { title: 'KEYS', align: 'right', cell: ({ records }) => (records === undefined ? '?' : showCount(records)) },
    { title: 'BYTES', align: 'right', cell: ({ bytes }) => (bytes === undefined ? '?' : showBytes(bytes)) },
    { title: 'DEFAULT TTL', cell: (keyspace) => showTtl(keyspace, showDuration) },
    { title: 'INDEXES', cell: showIndexes },
  ];
  return formatTable(columns, keyspaces);
}

export function showKeyspace(keyspace: KeyspaceDescription, showDuration: ShowDuration): string {
  const { name, id, strategy, settings, records, bytes } = keyspace;
  return [
    `keyspace     ${name}, number ${id} (${strategy})`,
    `keys         ${records === undefined ? '?' : showCount(records)}`,
    `bytes        ${bytes === undefined ? '?' : showBytes(bytes)}`,
    `indexes      ${showIndexes(keyspace)}`,
    `default TTL  ${showTtl(keyspace, showDuration)}`,
    `largest key  ${showBytes(settings.maxKeyBytes)}, largest value ${showBytes(settings.maxValueBytes)}`,
    `schema       ${settings.valueSchema === '' ? 'none' : printableLine(settings.valueSchema)}`,
  ].join('\n');
}

function showIndexes({ settings: { indexedFields } }: KeyspaceDescription): string {
  if (indexedFields === undefined) return 'every field, as text';
  if (indexedFields.length === 0) return 'none';
  return printableLine(
    indexedFields.map(({ field, kind }) => (kind === 'text' ? field : `${field}:${kind}`)).join(', '),
  );
}

function showTtl({ settings: { defaultTtlMs } }: KeyspaceDescription, showDuration: ShowDuration): string {
  return defaultTtlMs === 0 ? 'never' : showDuration(defaultTtlMs);
}

/** The one of that name; the error says which there are. */
export async function findKeyspace<Named extends Pick<KeyspaceDescription, 'name'>>(
  keyspaces: readonly Named[],
  name: string,
): Promise<Named> {
  const found = keyspaces.find((keyspace) => keyspace.name === name);
  if (found !== undefined) return found;
  const { nearest } = await import('@edis/process');
  const names = keyspaces.map((keyspace) => keyspace.name);
  const near = nearest(name, names);
  const hint = near === undefined ? `the cluster has ${names.join(', ')}` : `did you mean ${near}?`;
  throw new EdisError('no-such-keyspace', `there is no keyspace ${name}; ${hint}`);
}
