import type { Bytes } from '@edis/core';
import { invariant } from '@edis/core';
import { describe, expect, it } from 'vitest';
import { encodeEntry } from './entry-codec.ts';
import type { HeldWrite } from './held-write.ts';
import { firstOperation, LoggedRecord } from './logged-record.ts';
import { RecordCache } from './record-cache.ts';
import { entryOf, putOf } from './sample-entries.ts';
import { maxStringValueBytes } from './stored-record.ts';

const key = 'k';

function written(value: string, tier: string, version = 1): LoggedRecord {
  const body = encodeEntry(entryOf(1, [putOf(key, value, { metadata: { tier }, expiresAtMs: 9 })]), 0);
  const record = new LoggedRecord();
  record.load(body, firstOperation(body), version);
  return record;
}

function textOf(value: Bytes | undefined): string | undefined {
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value;
}

function heldIn(cache: RecordCache): HeldWrite {
  cache.peekDerivation(key);
  invariant(cache.heldWrite !== undefined, 'the cache has it as it was logged');
  return cache.heldWrite;
}

describe('a write that is held', () => {
  it('is read as it was written, whatever its size', () => {
    for (const value of ['', 'v', 'x'.repeat(100), 'x'.repeat(maxStringValueBytes + 1)]) {
      const cache = new RecordCache(1e6);
      const write = written(value, 'göld', 7);
      cache.setWritten(key, write);
      const read = cache.get(key);
      expect(read).toMatchObject({ metadata: { tier: 'göld' }, version: 7, expiresAtMs: 9 });
      expect(textOf(read?.value)).toBe(value);
      const { bytes, start, end, expiresAtMs } = cache.peekDerivation(key) ?? write.derivation();
      const { bytes: body, start: from, end: to } = write.derivation();
      expect(bytes.subarray(start, end)).toEqual(body.subarray(from, to));
      expect(expiresAtMs).toBe(9);
    }
  });

  it('takes a later one of the same lengths in, also when it was read meanwhile, and no other', () => {
    const cache = new RecordCache(1e6);
    cache.setWritten(key, written('one', 'gold'));
    cache.get(key);
    expect(heldIn(cache).takes(written('two', 'iron', 2))).toBe(true);
    expect(cache.get(key)).toEqual({ value: 'two', metadata: { tier: 'iron' }, version: 2, expiresAtMs: 9 });
    expect(heldIn(cache).takes(written('three', 'tin'))).toBe(false);
    expect(heldIn(cache).takes(written('thr', 'steel'))).toBe(false);
  });

  it.each<[string, (cache: RecordCache) => void]>([
    ['deleted', (cache) => cache.delete(key)],
    ['cleared away', (cache) => cache.clear()],
    ['replaced by what a reader found', (cache) => cache.set(key, 1, written('new', 'gold').record())],
    [
      'pushed out',
      (cache) => {
        for (let index = 0; index < 100; index++) cache.set(`other${index}`, 1, written('new', 'gold').record());
      },
    ],
  ])('takes nothing in once it was %s, because nobody would find it', (_how, letGo) => {
    const cache = new RecordCache(8000);
    cache.setWritten(key, written('one', 'gold'));
    const held = heldIn(cache);
    letGo(cache);
    expect(held.takes(written('two', 'iron'))).toBe(false);
  });
});
