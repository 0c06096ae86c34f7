import { limits } from '@edis/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WriteIdentity } from './write-identity.ts';

const environment = { randomBytes: (count: number) => 'x'.repeat(count) };

test('an identity is 16 bytes and its sequences rise from 1', () => {
  const identity = new WriteIdentity(environment);
  expect(identity.client.length).toBe(16);
  expect([identity.next(), identity.next(), identity.next()]).toEqual([1, 2, 3]);
  expect(identity.completedBelow).toBe(1);
});

test('completedBelow is the lowest unfinished sequence, in whatever order they finish', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 400 }), (choices) => {
      const identity = new WriteIdentity(environment);
      const open: number[] = [];
      let newest = 0;
      for (const choice of choices) {
        if (choice % 2 === 0 || open.length === 0) {
          newest = identity.next();
          open.push(newest);
        } else {
          const [sequence = 0] = open.splice(choice % open.length, 1);
          identity.finish(sequence);
        }
        expect(identity.completedBelow).toBe(Math.min(newest + 1, ...open));
      }
    }),
  );
});

test('the window is bounded by what a shard remembers, and moves on when the oldest is finished', () => {
  const identity = new WriteIdentity(environment);
  for (let sequence = 1; sequence <= limits.maxOutstandingPerClient; sequence++) {
    if (identity.next() !== sequence) throw new Error(`sequence ${sequence} was skipped`);
    if (sequence > 1) identity.finish(sequence);
  }
  expect(identity.next()).toBe(0);
  identity.finish(1);
  expect(identity.completedBelow).toBe(limits.maxOutstandingPerClient + 1);
  expect(identity.next()).toBe(limits.maxOutstandingPerClient + 1);
});

test('a run of sequences is given whole or not at all', () => {
  const identity = new WriteIdentity(environment);
  expect(identity.next(limits.maxOutstandingPerClient - 1)).toBe(1);
  expect(identity.next(2)).toBe(0);
  expect(identity.next(1)).toBe(limits.maxOutstandingPerClient);
  identity.finish(1);
  expect(identity.next(2)).toBe(0);
  identity.finish(2);
  expect(identity.next(2)).toBe(limits.maxOutstandingPerClient + 1);
});
