import { expect, test } from 'vitest';
import { limits } from './limits.ts';
import { checkKey, checkMetadata, checkOperation, checkValue } from './operation-check.ts';

test('a key has at least one byte and at most its limit', () => {
  expect(checkKey('')?.cause).toBe('key-empty');
  expect(checkKey('k'.repeat(limits.maxKeyBytes))).toBeUndefined();
  expect(checkKey('k'.repeat(limits.maxKeyBytes + 1))?.message).toContain('at most 4096 bytes');
});

test('a value has at most its limit and may be empty', () => {
  expect(checkValue('')).toBeUndefined();
  expect(checkValue(new Uint8Array(limits.maxValueBytes))).toBeUndefined();
  expect(checkValue(new Uint8Array(limits.maxValueBytes + 1))?.cause).toBe('value-too-large');
});

test('metadata is limited in fields and in UTF-8 bytes', () => {
  const fields = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`f${index}`, '']));
  expect(checkMetadata(fields)?.cause).toBe('metadata-too-large');
  expect(checkMetadata({ f: 'ü'.repeat(8191) })).toBeUndefined();
  expect(checkMetadata({ f: '😀'.repeat(4096) })?.cause).toBe('metadata-too-large');
});

test('an operation without a variant is malformed', () => {
  expect(checkOperation({ kind: 'malformed', request: 1 })?.cause).toBe('malformed');
});
