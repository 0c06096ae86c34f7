import { expect, test } from 'vitest';
import { EdisError } from './error.ts';
import { decodeSessionToken, encodeSessionToken, type SessionToken } from './session-token.ts';

const cluster = 'c-4f1d';

function token(entries: Record<string, [number, number]>): SessionToken {
  const positions = Object.entries(entries).map(([shard, [epoch, position]]) => [shard, { epoch, position }] as const);
  return { cluster, positions: new Map(positions) };
}

function refusal(text: string, ofCluster = cluster): EdisError {
  try {
    decodeSessionToken(text, ofCluster);
  } catch (error) {
    if (error instanceof EdisError) return error;
    throw error;
  }
  throw new Error(`${text} was accepted`);
}

test('a token reads back as it was', () => {
  for (const original of [
    token({}),
    token({ s1: [1, 1] }),
    token({ s1: [3, 17], s2: [1, Number.MAX_SAFE_INTEGER], s300: [0, 0] }),
  ]) {
    const text = encodeSessionToken(original);
    expect(text).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(decodeSessionToken(text, cluster)).toEqual(original);
  }
});

test('a token of another cluster is refused and named', () => {
  const error = refusal(encodeSessionToken(token({ s1: [1, 1] })), 'other');
  expect(error.code).toBe('invalid-argument');
  expect(error.message).toContain(cluster);
});

test('a text that is no token is refused', () => {
  for (const text of ['', 'x', '!!!', 'äöü', 'hello world', 'MSBjLTRmMWQgczEgMQ', 'A'.repeat(70_000)]) {
    expect(refusal(text).code).toBe('invalid-argument');
  }
});

test('a token that was cut off, or of which a character was changed, is refused', () => {
  const text = encodeSessionToken(token({ s1: [3, 17], s2: [1, 900_000] }));
  for (let length = 0; length < text.length; length++) {
    expect(refusal(text.slice(0, length)).code).toBe('invalid-argument');
    const other = text[length] === 'A' ? 'B' : 'A';
    expect(refusal(`${text.slice(0, length)}${other}${text.slice(length + 1)}`).code).toBe('invalid-argument');
  }
});
