import type { Bytes, IndexedField, KeyspaceSettings } from '@edis/core';
import { keyspaceNameFault, keyspaceSettingsFault } from '@edis/core';

/** What the log and the view say of a keyspace: its name and its settings, as JSON in UTF-8. */
export interface NamedSettings {
  readonly name: string;
  readonly settings: KeyspaceSettings;
}

/** The value of a logged `keyspace` operation. */
export function encodeKeyspaceValue(name: string, settings: KeyspaceSettings): Bytes {
  return Buffer.from(JSON.stringify({ name, settings: settingsFields(settings) })).toString('latin1');
}

/** In this order, so that members that are told the same write the same. */
export function settingsFields(settings: KeyspaceSettings): KeyspaceSettings {
  const { indexedFields, defaultTtlMs, maxKeyBytes, maxValueBytes, valueSchema } = settings;
  return {
    indexedFields: indexedFields?.map(({ field, kind }) => ({ field, kind })),
    defaultTtlMs,
    maxKeyBytes,
    maxValueBytes,
    valueSchema,
  };
}

/** Undefined when it is none. */
export function decodeKeyspaceValue(value: Bytes): NamedSettings | undefined {
  const text = typeof value === 'string' ? Buffer.from(value, 'latin1') : Buffer.from(value);
  try {
    return namedSettingsOf(JSON.parse(text.toString('utf8')));
  } catch {
    return undefined;
  }
}

/** Undefined when the parsed JSON is not a name with settings that may be. */
export function namedSettingsOf(parsed: unknown): NamedSettings | undefined {
  if (!isRecord(parsed) || typeof parsed['name'] !== 'string') return undefined;
  const settings = settingsOf(parsed['settings']);
  if (settings === undefined || keyspaceSettingsFault(settings) !== undefined) return undefined;
  if (keyspaceNameFault(parsed['name']) !== undefined) return undefined;
  return { name: parsed['name'], settings };
}

function settingsOf(parsed: unknown): KeyspaceSettings | undefined {
  if (!isRecord(parsed)) return undefined;
  const { indexedFields, defaultTtlMs, maxKeyBytes, maxValueBytes, valueSchema } = parsed;
  const fields = indexedFields === undefined ? undefined : fieldsOf(indexedFields);
  if (indexedFields !== undefined && fields === undefined) return undefined;
  if (typeof defaultTtlMs !== 'number' || typeof maxKeyBytes !== 'number') return undefined;
  if (typeof maxValueBytes !== 'number' || typeof valueSchema !== 'string') return undefined;
  return Object.freeze({ indexedFields: fields, defaultTtlMs, maxKeyBytes, maxValueBytes, valueSchema });
}

function fieldsOf(parsed: unknown): IndexedField[] | undefined {
  if (!Array.isArray(parsed)) return undefined;
  const fields: IndexedField[] = [];
  const items: unknown[] = parsed;
  for (const item of items) {
    if (!isRecord(item)) return undefined;
    const { field, kind } = item;
    if (typeof field !== 'string' || (kind !== 'text' && kind !== 'number')) return undefined;
    fields.push({ field, kind });
  }
  return fields;
}

export function isRecord(parsed: unknown): parsed is Record<string, unknown> {
  return typeof parsed === 'object' && parsed !== null;
}
