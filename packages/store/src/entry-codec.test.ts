import { defaultKeyspaceSettings, EdisError } from '@edis/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeEntry, encodeEntry } from './entry-codec.ts';
import type { Entry, LoggedOperation } from './logged-operation.ts';
import { deleteOf, entryOf, keyspaceOf, putOf } from './sample-entries.ts';

const fault = (what: string): EdisError => new EdisError('protocol', what);
const byteString = (maxLength: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: 1, maxLength }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const client = fc.constantFrom('0123456789abcdef', 'fedcba9876543210', '\u00ff'.repeat(16));
const metadata = fc.option(fc.dictionary(fc.string(), fc.string()), { nil: undefined });

const answers = [0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n)];

const operation: fc.Arbitrary<LoggedOperation> = fc.oneof(
  fc
    .record({
      key: byteString(40),
      value: byteString(6000),
      metadata,
      expires: fc.nat(),
      id: fc.option(client),
      n: fc.maxSafeNat(),
    })
    .map(({ key, value, metadata, expires, id, n }) =>
      putOf(key, value, {
        value: value.length > 4096 ? new Uint8Array(Buffer.from(value, 'latin1')) : value,
        metadata: metadata === undefined ? undefined : { ...metadata },
        expiresAtMs: expires,
        client: id ?? '',
        sequence: id === null ? 0 : n,
        origin: id === null ? 'put' : ((['put', 'increment', 'append', 'expire'] as const)[n % 4] ?? 'put'),
        answer: answers[n % answers.length] ?? 0n,
        slot: n % 16_384,
        keyspace: 1 + (n % 1000),
      }),
    ),
  byteString(40).map((key) => deleteOf(key)),
  byteString(40).map((key) => deleteOf(key, { kind: 'expire' })),
  fc.constant(putOf('', '', { kind: 'drop', keyspace: 7, slot: 0 })),
  fc.constant(keyspaceOf(7, 'users', defaultKeyspaceSettings)),
  fc.constant(putOf('', '', { kind: 'open', keyspace: 0, slot: 0 })),
);

const entry: fc.Arbitrary<Entry> = fc
  .record({
    position: fc.maxSafeNat(),
    epoch: fc.maxSafeNat(),
    timestamp: fc.maxSafeNat(),
    operations: fc.array(operation, { maxLength: 8 }),
    completed: fc.array(fc.tuple(client, fc.integer({ min: 1 }))).map((pairs) => new Map(pairs)),
  })
  .map((fields) => entryOf(fields.position, fields.operations, fields));

describe('the body of a log entry', () => {
  test('decodes to the entry that was encoded', () => {
    fc.assert(
      fc.property(entry, (original) => {
        const body = encodeEntry(original, 20).subarray(20);
        expect(decodeEntry(body, fault)).toEqual(original);
        expect(encodeEntry(decodeEntry(body, fault), 0)).toEqual(Buffer.from(body));
      }),
    );
  });

  test('is refused with a clear error, never read out of bounds, when it is cut short or changed', () => {
    fc.assert(
      fc.property(entry, fc.nat(), fc.nat(255), fc.boolean(), (original, at, byte, cut) => {
        const body = Uint8Array.from(encodeEntry(original, 0));
        const place = at % body.length;
        const broken = cut ? body.subarray(0, place) : body;
        if (!cut) body[place] = byte;
        try {
          // Some changes make another entry of the same size: then it must be a whole one.
          expect(encodeEntry(decodeEntry(broken, fault), 0).length).toBeGreaterThan(0);
        } catch (caught) {
          expect(caught).toBeInstanceOf(EdisError);
          expect(EdisError.from(caught).code).toBe('protocol');
        }
      }),
      { numRuns: 500 },
    );
  });

  test('of another format is refused by name', () => {
    const body = encodeEntry(entryOf(1, []), 0);
    body[0] = 9;
    expect(() => decodeEntry(body, fault)).toThrow(/format is 9/);
  });

  test('bytes behind its last operation are refused', () => {
    const body = Buffer.concat([encodeEntry(entryOf(1, [putOf('k', 'v')]), 0), Buffer.of(0)]);
    expect(() => decodeEntry(body, fault)).toThrow(/1 bytes follow/);
  });
});
