import { expect, test } from 'vitest';
import { Retirement } from './retirement.ts';

/** A primary with one follower at time 0. */
function primary() {
  const group = { followerCount: 1 as number | undefined, isLevel: false, isHeard: true, said: 0, nowMs: 0 };
  const retirement = new Retirement({
    followerCount: () => group.followerCount,
    isLevel: () => group.isLevel,
    say: () => {
      if (group.isHeard) group.said += 1;
      return group.isHeard;
    },
    monotonicMs: () => group.nowMs,
  });
  return { group, retirement };
}

test('it is said until it is heard, and again when nothing comes of it', () => {
  const { group, retirement } = primary();
  group.isHeard = false;
  expect(retirement.isOver()).toBe(false);
  group.isHeard = true;
  group.nowMs = 5;
  for (let looks = 0; looks < 3; looks += 1) expect(retirement.isOver()).toBe(false);
  expect(group.said).toBe(1);
  group.nowMs = 600;
  expect(retirement.isOver()).toBe(false);
  expect(group.said).toBe(2);
});

test('it is over when it follows its successor and is level with it', () => {
  const { group, retirement } = primary();
  expect(retirement.isOver()).toBe(false);
  group.followerCount = undefined;
  expect(retirement.isOver()).toBe(false);
  group.isLevel = true;
  expect(retirement.isOver()).toBe(true);
});

test('it is over when nobody follows any more, but not for a stream that is back soon', () => {
  const { group, retirement } = primary();
  group.followerCount = 0;
  group.nowMs = 900;
  expect(retirement.isOver()).toBe(false);
  group.followerCount = 1;
  expect(retirement.isOver()).toBe(false);
  group.followerCount = 0;
  group.nowMs = 1800;
  expect(retirement.isOver()).toBe(false);
  group.nowMs = 1900;
  expect(retirement.isOver()).toBe(true);
});
