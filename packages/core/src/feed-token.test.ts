import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EdisError } from './error.ts';
import type { FeedPlace, FeedScope } from './feed-token.ts';
import { decodeFeedToken, encodeFeedToken } from './feed-token.ts';
import { encodeSessionToken } from './session-token.ts';

const scope: FeedScope = { cluster: 'c1', keyspace: 7, prefix: 'user:' };

function failure(text: string, of: FeedScope = scope): EdisError {
  try {
    decodeFeedToken(text, of);
  } catch (caught) {
    return EdisError.from(caught);
  }
  throw new Error('it was accepted');
}

const number = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const place: fc.Arbitrary<FeedPlace> = fc.oneof(
  fc.constant<FeedPlace>({ kind: 'now' }),
  fc.constantFrom('start', 'log-too-short', 'diverged').map((cause): FeedPlace => ({ kind: 'snapshot', cause })),
  fc
    .tuple(number, number, number)
    .map(([epoch, position, version]): FeedPlace => ({ kind: 'after', position: { epoch, position }, version })),
);
const places = fc
  .array(place, { maxLength: 20 })
  .map((list) => new Map(list.map((each, index): [string, FeedPlace] => [`s${index + 1}`, each])));

describe('the token of a feed', () => {
  test('says where each shard stands', () => {
    fc.assert(
      fc.property(places, (given) => {
        expect(decodeFeedToken(encodeFeedToken(scope, given), scope)).toEqual(given);
      }),
    );
  });

  test('is refused when a character was changed, or the end is missing', () => {
    fc.assert(
      fc.property(places, fc.nat(), fc.integer({ min: 1, max: 63 }), (given, at, by) => {
        const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
        const text = encodeFeedToken(scope, given);
        const index = at % text.length;
        const other = alphabet.charAt((alphabet.indexOf(text.charAt(index)) + by) % 64);
        expect(failure(text.slice(0, index) + other + text.slice(index + 1)).code).toBe('invalid-argument');
      }),
    );
    const text = encodeFeedToken(scope, new Map([['s1', { kind: 'now' }]]));
    for (let length = 0; length < text.length; length += 1) {
      expect(failure(text.slice(0, length)).code).toBe('invalid-argument');
    }
  });

  test('is refused by another cluster, keyspace or prefix, and says why', () => {
    const text = encodeFeedToken(scope, new Map());
    expect(failure(text, { ...scope, cluster: 'c2' }).message).toContain('cluster c1');
    expect(failure(text, { ...scope, keyspace: 8 }).message).toContain('keyspace');
    expect(failure(text, { ...scope, prefix: 'user' }).message).toContain('prefix');
  });

  test('is not a session token, nor any other text', () => {
    const session = encodeSessionToken({ cluster: 'c1', positions: new Map() });
    expect(failure(session).message).toContain('no token of a feed');
    for (const text of ['start!', '', 'ä', 'x'.repeat(70_000)]) expect(failure(text).code).toBe('invalid-argument');
  });
});
