import { limits } from './limits.ts';

/** How the values of a field are ordered by the index: as UTF-8 text, or as numbers. */
export type IndexKind = 'text' | 'number';

export interface IndexedField {
  readonly field: string;
  readonly kind: IndexKind;
}

/** What is particular to a keyspace. Fixed when it is created. */
export interface KeyspaceSettings {
  /** Undefined: every metadata field is indexed as text. */
  readonly indexedFields: readonly IndexedField[] | undefined;
  /** For puts that name none; 0: records do not expire by themselves. */
  readonly defaultTtlMs: number;
  /** At most the cluster's own limit. */
  readonly maxKeyBytes: number;
  readonly maxValueBytes: number;
  /** A name for people and tools; the cluster does not look at it. Empty: none. */
  readonly valueSchema: string;
}

export const defaultKeyspaceSettings: KeyspaceSettings = Object.freeze({
  indexedFields: undefined,
  defaultTtlMs: 0,
  maxKeyBytes: limits.maxKeyBytes,
  maxValueBytes: limits.maxValueBytes,
  valueSchema: '',
});

/** How the index of a keyspace orders a field; undefined: the field is not indexed. */
export function indexKindOf(settings: KeyspaceSettings, field: string): IndexKind | undefined {
  if (settings.indexedFields === undefined) return 'text';
  return settings.indexedFields.find((indexed) => indexed.field === field)?.kind;
}

/** What is wrong with a keyspace's name, for people; undefined: nothing. */
export function keyspaceNameFault(name: string): string | undefined {
  if (/^[a-z0-9][a-z0-9._-]*$/.test(name) && name.length <= limits.maxKeyspaceNameLength) return undefined;
  return (
    `${JSON.stringify(name)} cannot be the name of a keyspace; give 1 to ${limits.maxKeyspaceNameLength} characters ` +
    'of a-z, 0-9, dot, dash and underscore, the first of them a letter or digit'
  );
}

/** What is wrong with settings, for people; undefined: nothing. */
export function keyspaceSettingsFault(settings: KeyspaceSettings): string | undefined {
  const { indexedFields = [], defaultTtlMs, maxKeyBytes, maxValueBytes, valueSchema } = settings;
  if (indexedFields.length > limits.maxIndexedFields) {
    return `${indexedFields.length} fields are indexed; at most ${limits.maxIndexedFields} are allowed`;
  }
  const names = new Set(indexedFields.map((indexed) => indexed.field));
  if (names.size < indexedFields.length) return 'a field is indexed twice; name each once';
  if (names.has('')) return 'the name of an indexed field is empty';
  const longest = Math.max(0, ...[...names].map((name) => name.length));
  if (longest > limits.maxFieldNameLength) {
    return `the name of an indexed field has ${longest} characters; at most ${limits.maxFieldNameLength} are allowed`;
  }
  if (!Number.isSafeInteger(defaultTtlMs) || defaultTtlMs < 0 || defaultTtlMs > limits.maxTtlMs) {
    return `the default TTL is ${defaultTtlMs} ms; give 0 (none) to ${limits.maxTtlMs}`;
  }
  if (!Number.isInteger(maxKeyBytes) || maxKeyBytes < 1 || maxKeyBytes > limits.maxKeyBytes) {
    return `the limit of keys is ${maxKeyBytes} bytes; give 1 to ${limits.maxKeyBytes}`;
  }
  if (!Number.isInteger(maxValueBytes) || maxValueBytes < 0 || maxValueBytes > limits.maxValueBytes) {
    return `the limit of values is ${maxValueBytes} bytes; give 0 to ${limits.maxValueBytes}`;
  }
  if (valueSchema.length > limits.maxKeyspaceNameLength) {
    return `the name of the value schema has ${valueSchema.length} characters; at most ${limits.maxKeyspaceNameLength}`;
  }
  return undefined;
}
