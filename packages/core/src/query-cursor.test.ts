import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeBase64Url } from './base64-url.ts';
import { EdisError } from './error.ts';
import { decodeQueryCursor, encodeQueryCursor, type QueryScope } from './query-cursor.ts';

const scope: QueryScope = { cluster: 'c-1', keyspace: 1, kind: 'search', conditions: '{"tier":"gold"}' };
const place = { value: 'grün 100%', key: 'user:\x00\xff 1' };

function refusalOf(text: string, of: QueryScope = scope): string {
  try {
    decodeQueryCursor(text, of);
  } catch (error) {
    if (error instanceof EdisError && error.code === 'invalid-argument') return error.message;
    throw error;
  }
  return 'none';
}

it('a cursor is read back as it was, whatever bytes and characters its place has', () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((array) => String.fromCharCode(...array));
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), bytes, (value, key) => {
      const text = encodeQueryCursor(scope, { value, key });
      expect(text).toMatch(/^[\w-]+$/);
      expect(decodeQueryCursor(text, scope)).toEqual({ value, key });
    }),
  );
  expect(decodeQueryCursor(encodeQueryCursor(scope, undefined), scope)).toBeUndefined();
});

it('the longest place there can be is read back', () => {
  const longest = { value: '\u{10ffff}'.repeat(4096), key: '\xff'.repeat(4096) };
  expect(decodeQueryCursor(encodeQueryCursor(scope, longest), scope)).toEqual(longest);
});

it('a cursor of another cluster, keyspace, kind or query is refused and says which', () => {
  const text = encodeQueryCursor(scope, place);
  expect(refusalOf(text, { ...scope, cluster: 'c-2' })).toContain('belongs to cluster c-1, this is cluster c-2');
  expect(refusalOf(text, { ...scope, keyspace: 2 })).toContain('another keyspace');
  expect(refusalOf(text, { ...scope, kind: 'scan' })).toContain('belongs to a search query, this is scan');
  expect(refusalOf(text, { ...scope, conditions: '{"tier":"silver"}' })).toContain('other conditions');
});

it('a cursor of which any character was changed or cut off is refused', () => {
  const text = encodeQueryCursor(scope, place);
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.constantFrom('A', 'b', '7', '_', ' ', '%'), (index, character) => {
      const changed = text.slice(0, index) + character + text.slice(index + 1);
      if (changed !== text) expect(refusalOf(changed)).not.toBe('none');
      expect(refusalOf(text.slice(0, index))).not.toBe('none');
    }),
  );
  expect(refusalOf('')).toContain('cannot be read');
  expect(refusalOf('hello')).toContain('cannot be read');
  expect(refusalOf(encodeBase64Url('w1 c-1 1 0'))).toContain('no cursor of a query');
  expect(refusalOf('A'.repeat(1_000_000))).toContain('longer than');
});
