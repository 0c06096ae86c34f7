import { describe, expect, test } from 'vitest';
import { decideWatch } from './feed-decision.ts';

/** Entries 1 – 10 of epoch 1, 11 – 20 of epoch 3, visible up to 18; the log begins at 5. */
const log = {
  epochs: [
    { epoch: 1, firstPosition: 1 },
    { epoch: 3, firstPosition: 11 },
  ],
  firstPosition: 5,
  visiblePosition: 18,
};

describe('a feed that asks to go on behind a position', () => {
  test('goes on where the log has the same epoch there', () => {
    expect(decideWatch(log, { epoch: 1, position: 4 })).toBe('continue');
    expect(decideWatch(log, { epoch: 1, position: 10 })).toBe('continue');
    expect(decideWatch(log, { epoch: 3, position: 18 })).toBe('continue');
  });

  test('takes a snapshot where the log no longer reaches back', () => {
    expect(decideWatch(log, { epoch: 1, position: 3 })).toBe('log-too-short');
    expect(decideWatch(log, { epoch: 0, position: 0 })).toBe('log-too-short');
    expect(decideWatch({ ...log, firstPosition: 1 }, { epoch: 0, position: 0 })).toBe('continue');
  });

  test('takes a snapshot where the shard went on without what the reader has seen', () => {
    expect(decideWatch(log, { epoch: 1, position: 11 })).toBe('diverged');
    expect(decideWatch(log, { epoch: 2, position: 11 })).toBe('diverged');
    expect(decideWatch(log, { epoch: 3, position: 10 })).toBe('diverged');
    expect(decideWatch(log, { epoch: 1, position: 500 })).toBe('diverged');
  });

  test('is sent to another member where this one is behind', () => {
    expect(decideWatch(log, { epoch: 3, position: 19 })).toBe('behind');
    expect(decideWatch(log, { epoch: 4, position: 15 })).toBe('behind');
  });
});
