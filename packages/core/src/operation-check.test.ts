import { expect, test } from 'vitest';
import { limits } from './limits.ts';
import type { AtomicOperation, SingleWriteOperation } from './operation.ts';
import { noExpiry } from './operation.ts';
import { checkKey, checkMetadata, checkOperation, checkValue, isNumberText } from './operation-check.ts';

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

const base = {
  request: 0,
  keyspace: 0,
  key: 'k',
  sequence: 0,
  firstSentTimestamp: 0,
  ack: 'disk',
  condition: undefined,
} as const;

function putOf(
  key: string,
  change: { readonly value?: string; readonly ttlMs?: number; readonly expiresAtMs?: number } = {},
): SingleWriteOperation {
  return { ...base, kind: 'put', key, value: '', metadata: undefined, ttlMs: 0, expiresAtMs: 0, ...change };
}

test.each([-2, 0.5, Number.NaN, limits.maxTtlMs + 1])('a TTL of %s ms is out of range', (ttlMs) => {
  const fault = checkOperation(putOf('k', { ttlMs }));
  expect(fault).toMatchObject({ cause: 'ttl-out-of-range', message: expect.stringContaining(`${limits.maxTtlMs}`) });
  expect(checkOperation({ ...base, kind: 'expire', ttlMs })).toEqual(fault);
});

test('a put may leave its TTL to the keyspace, an expire may not', () => {
  for (const ttlMs of [0, noExpiry, 1, limits.maxTtlMs]) expect(checkOperation(putOf('k', { ttlMs }))).toBeUndefined();
  expect(checkOperation({ ...base, kind: 'expire', ttlMs: noExpiry })).toBeUndefined();
  expect(checkOperation({ ...base, kind: 'expire', ttlMs: 0 })?.cause).toBe('ttl-out-of-range');
});

test.each([
  [{ ttlMs: 5, expiresAtMs: 7 }, 'malformed'],
  [{ ttlMs: noExpiry, expiresAtMs: 7 }, 'malformed'],
  [{ expiresAtMs: -1 }, 'ttl-out-of-range'],
  [{ expiresAtMs: 0.5 }, 'ttl-out-of-range'],
])('a put with %o is refused', (change, cause) => {
  expect(checkOperation(putOf('k', change))?.cause).toBe(cause);
  expect(checkOperation(putOf('k', { expiresAtMs: 7 }))).toBeUndefined();
});

test('a step of an increment has 64 bits, and an append has a value within the limit', () => {
  expect(checkOperation({ ...base, kind: 'increment', by: -(2n ** 63n) })).toBeUndefined();
  expect(checkOperation({ ...base, kind: 'increment', by: 2n ** 63n })?.cause).toBe('integer-overflow');
  const value = new Uint8Array(limits.maxValueBytes + 1);
  expect(checkOperation({ ...base, kind: 'append', value })?.cause).toBe('value-too-large');
});

test('an atomic batch has 1 to 1024 writes of different keys of its keyspace, and at most 1 MiB', () => {
  const batch = (writes: readonly SingleWriteOperation[]): AtomicOperation => ({
    ...base,
    kind: 'atomic',
    writes,
  });
  const keys = Array.from({ length: limits.maxAtomicOperations + 1 }, (_, index) => `k${index}`);
  const many = keys.map((key) => putOf(key));
  expect(checkOperation(batch(many.slice(1)))).toBeUndefined();
  expect(checkOperation(batch([]))?.message).toContain('1 to 1024');
  expect(checkOperation(batch(many))?.message).toContain('1025 writes');
  expect(checkOperation(batch([putOf('a'), putOf('b'), putOf('a')]))?.message).toContain('write 2');
  expect(checkOperation(batch([putOf('a'), { ...putOf('b'), keyspace: 3 }]))?.message).toContain('keyspace');
  expect(checkOperation(batch([putOf('a'), putOf('')]))).toMatchObject({ cause: 'key-empty' });
  const large = putOf('a', { value: 'x'.repeat(limits.maxBatchBytes) });
  expect(checkOperation(batch([large]))).toMatchObject({ cause: 'value-too-large' });
  expect(checkOperation(large)).toBeUndefined();
});

test('a number is a finite decimal', () => {
  for (const text of ['0', '-1', '+1.5', '.5', '5.', '1e9', '2E-3']) expect(isNumberText(text)).toBe(true);
  for (const text of ['', ' 1', '1 ', 'NaN', 'Infinity', '0x1', '1e999', '.', '1_000', '--1', '1,5']) {
    expect(isNumberText(text)).toBe(false);
  }
});
