import { expect, test } from 'vitest';
import type { ReadDemand, ReaderState } from './read-decision.ts';
import { comparePositions, decideRead } from './read-decision.ts';

const replica: ReaderState = {
  role: 'replica',
  active: false,
  applied: { epoch: 3, position: 10 },
  stalenessMs: 120,
};
const primary: ReaderState = { role: 'primary', active: true, applied: { epoch: 3, position: 12 }, stalenessMs: 0 };

const demand = (partial: Partial<ReadDemand>): ReadDemand => ({
  consistency: 'eventual',
  after: undefined,
  maxStalenessMs: 0,
  ...partial,
});

test('any replica answers an eventual read, a learner does not', () => {
  expect(decideRead(replica, demand({}))).toBe('serve');
  expect(decideRead({ ...replica, role: 'learner' }, demand({}))).toBe('too-stale');
});

test('a session read waits for its token, comparing the epoch first', () => {
  expect(decideRead(replica, demand({ consistency: 'session', after: { epoch: 3, position: 10 } }))).toBe('serve');
  expect(decideRead(replica, demand({ consistency: 'session', after: { epoch: 3, position: 11 } }))).toBe('wait');
  expect(decideRead(replica, demand({ consistency: 'session', after: { epoch: 4, position: 1 } }))).toBe('wait');
  expect(decideRead(replica, demand({ consistency: 'session', after: { epoch: 2, position: 99 } }))).toBe('serve');
});

test('a bounded read is answered by who is within the bound', () => {
  expect(decideRead(replica, demand({ consistency: 'bounded', maxStalenessMs: 120 }))).toBe('serve');
  expect(decideRead(replica, demand({ consistency: 'bounded', maxStalenessMs: 119 }))).toBe('too-stale');
  expect(decideRead(primary, demand({ consistency: 'bounded' }))).toBe('serve');
});

test('only an active primary answers a strong read', () => {
  expect(decideRead(primary, demand({ consistency: 'strong' }))).toBe('serve');
  expect(decideRead({ ...primary, active: false }, demand({ consistency: 'strong' }))).toBe('not-primary');
  expect(decideRead(replica, demand({ consistency: 'strong' }))).toBe('not-primary');
});

test('positions are ordered by epoch, then by position', () => {
  expect(comparePositions({ epoch: 2, position: 1 }, { epoch: 1, position: 9 })).toBeGreaterThan(0);
  expect(comparePositions({ epoch: 2, position: 1 }, { epoch: 2, position: 9 })).toBeLessThan(0);
});
