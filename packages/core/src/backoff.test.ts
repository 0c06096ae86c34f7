import { expect, test } from 'vitest';
import { backoffMs } from './backoff.ts';

const limits = { baseMs: 50, maxMs: 1_000 };

test('the upper end doubles with each attempt up to the limit', () => {
  const ends = [0, 1, 2, 3, 4, 5, 6, 1_000].map((attempt) => backoffMs(attempt, limits, 1));
  expect(ends).toEqual([50, 100, 200, 400, 800, 1_000, 1_000, 1_000]);
});

test('the wait is anywhere between nothing and the end', () => {
  expect(backoffMs(3, limits, 0)).toBe(0);
  expect(backoffMs(3, limits, 0.5)).toBe(200);
});
