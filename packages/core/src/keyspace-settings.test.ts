import { expect, test } from 'vitest';
import {
  defaultKeyspaceSettings,
  indexKindOf,
  type KeyspaceSettings,
  keyspaceNameFault,
  keyspaceSettingsFault,
} from './keyspace-settings.ts';
import { limits } from './limits.ts';

test.each(['users', 'a', '0', 'a.b-c_d', 'x'.repeat(limits.maxKeyspaceNameLength)])('%s can be a name', (name) => {
  expect(keyspaceNameFault(name)).toBeUndefined();
});

test.each(['', 'Users', '-a', '.a', 'a b', 'ä', 'a/b', 'x'.repeat(limits.maxKeyspaceNameLength + 1)])(
  'JSON %j cannot be a name, and the message says which characters can',
  (name) => {
    expect(keyspaceNameFault(name)).toContain('a-z');
  },
);

test('the defaults are valid', () => {
  expect(keyspaceSettingsFault(defaultKeyspaceSettings)).toBeUndefined();
});

const field = (name: string) => ({ field: name, kind: 'text' as const });

test.each<[Partial<KeyspaceSettings>, string]>([
  [{ indexedFields: Array.from({ length: limits.maxIndexedFields + 1 }, (_, index) => field(`f${index}`)) }, '64'],
  [{ indexedFields: [field('a'), field('a')] }, 'twice'],
  [{ indexedFields: [field('')] }, 'empty'],
  [{ indexedFields: [field('f'.repeat(limits.maxFieldNameLength + 1))] }, '256'],
  [{ defaultTtlMs: -1 }, 'TTL'],
  [{ defaultTtlMs: 1.5 }, 'TTL'],
  [{ defaultTtlMs: limits.maxTtlMs + 1 }, `${limits.maxTtlMs}`],
  [{ maxKeyBytes: 0 }, '1 to 4096'],
  [{ maxValueBytes: limits.maxValueBytes + 1 }, `${limits.maxValueBytes}`],
  [{ valueSchema: 'x'.repeat(65) }, '64'],
])('settings %j are refused with the limit', (change, limit) => {
  expect(keyspaceSettingsFault({ ...defaultKeyspaceSettings, ...change })).toContain(limit);
});

test('without named fields every field is indexed as text, with them only those', () => {
  expect(indexKindOf(defaultKeyspaceSettings, 'any')).toBe('text');
  const settings = { ...defaultKeyspaceSettings, indexedFields: [{ field: 'age', kind: 'number' as const }] };
  expect(indexKindOf(settings, 'age')).toBe('number');
  expect(indexKindOf(settings, 'name')).toBeUndefined();
  expect(indexKindOf({ ...settings, indexedFields: [] }, 'age')).toBeUndefined();
});
