import type { IndexKind, KeyspaceSettings } from '@edis/core';
import { defaultKeyspaceSettings, limits } from '@edis/core';
import type { IndexKind as WireIndexKind } from '../generated/edis/v1/IndexKind.ts';
import type {
  KeyspaceSettingsInput,
  KeyspaceSettings as WireKeyspaceSettings,
} from '../generated/edis/v1/KeyspaceSettings.ts';
import { malformed } from './message-codec.ts';
import { member, safeInteger } from './wire-checks.ts';

const indexKindNames = {
  text: 'INDEX_KIND_TEXT',
  number: 'INDEX_KIND_NUMBER',
} as const satisfies Record<IndexKind, WireIndexKind>;

const indexKinds: Readonly<Record<string, IndexKind>> = {
  INDEX_KIND_UNSPECIFIED: 'text',
  INDEX_KIND_TEXT: 'text',
  INDEX_KIND_NUMBER: 'number',
};

export function settingsToWire(settings: KeyspaceSettings): KeyspaceSettingsInput {
  const { indexedFields, defaultTtlMs, maxKeyBytes, maxValueBytes, valueSchema } = settings;
  return {
    indexedFields: (indexedFields ?? []).map(({ field, kind }) => ({ field, kind: indexKindNames[kind] })),
    indexAllFields: indexedFields === undefined,
    defaultTtlMs,
    maxKeyBytes,
    maxValueBytes,
    valueSchema,
  };
}

/** Unset settings are the defaults, and so is each limit that is not given. */
export function settingsFromWire(wire: WireKeyspaceSettings | null): KeyspaceSettings {
  if (wire === null) return defaultKeyspaceSettings;
  const { indexedFields, indexAllFields, defaultTtlMs, maxKeyBytes, maxValueBytes, valueSchema } = wire;
  if (indexAllFields && indexedFields.length > 0) {
    throw malformed('KeyspaceSettings has indexed_fields beside index_all_fields');
  }
  const fields = indexedFields.map(({ field, kind }) => ({ field, kind: member(indexKinds, kind, 'IndexKind') }));
  return {
    indexedFields: indexAllFields ? undefined : fields,
    defaultTtlMs: safeInteger(defaultTtlMs, 'KeyspaceSettings.default_ttl_ms'),
    maxKeyBytes: maxKeyBytes === 0 ? limits.maxKeyBytes : maxKeyBytes,
    maxValueBytes: maxValueBytes ?? limits.maxValueBytes,
    valueSchema,
  };
}
