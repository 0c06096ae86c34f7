import { expect, test } from 'vitest';
import type { FollowedLog } from './follow-decision.ts';
import { decideFollow } from './follow-decision.ts';

const mib = 1024 * 1024;
const log: FollowedLog = {
  epochs: [
    { epoch: 1, firstPosition: 1 },
    { epoch: 3, firstPosition: 50 },
  ],
  firstPosition: 20,
  lastPosition: 99,
  logBytes: 100 * mib,
  recordBytes: 80 * mib,
};

test('a follower whose last entry is in the log goes on after it', () => {
  expect(decideFollow(log, { epoch: 1, position: 30 })).toEqual({ kind: 'start', fromPosition: 31 });
  expect(decideFollow(log, { epoch: 1, position: 19 })).toEqual({ kind: 'start', fromPosition: 20 });
});

test('a follower that the log no longer reaches takes a snapshot', () => {
  expect(decideFollow(log, { epoch: 1, position: 18 })).toMatchObject({ cause: 'log-too-short' });
  expect(decideFollow(log, { epoch: 0, position: 0 })).toMatchObject({ cause: 'log-too-short' });
});

test('a follower with entries that the log lacks does not go on after them', () => {
  expect(decideFollow(log, { epoch: 2, position: 60 })).toEqual({ kind: 'snapshot', cause: 'diverged' });
  expect(decideFollow(log, { epoch: 3, position: 100 })).toEqual({ kind: 'snapshot', cause: 'diverged' });
});

test('a new follower takes a snapshot when the log has many changes of each record', () => {
  const whole = { ...log, firstPosition: 1 };
  const nothing = { epoch: 0, position: 0 };
  expect(decideFollow(whole, nothing)).toEqual({ kind: 'start', fromPosition: 1 });
  expect(decideFollow({ ...whole, recordBytes: 10 * mib }, nothing)).toMatchObject({ cause: 'log-too-long' });
  expect(decideFollow({ ...whole, logBytes: 5 * mib, recordBytes: mib }, nothing)).toMatchObject({ kind: 'start' });
  expect(decideFollow({ ...whole, recordBytes: mib }, { epoch: 1, position: 1 })).toMatchObject({ kind: 'start' });
});
