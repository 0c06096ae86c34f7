import { expect, test } from 'vitest';
import { HybridClock, logicalSteps, msOfTimestamp, timestampEpochMs, timestampOfMs } from './timestamp.ts';

const nowMs = timestampEpochMs + 1_000_000;

test('a timestamp lies in the millisecond that it was taken in', () => {
  expect(msOfTimestamp(new HybridClock(0).take(1, nowMs))).toBe(nowMs);
});

test('timestamps rise even when the wall clock is stepped back', () => {
  const clock = new HybridClock(0);
  const first = clock.take(10, nowMs);
  const second = clock.take(1, nowMs - 60_000);
  expect(second).toBe(first + 10);
});

test('a clock continues above what it inherits', () => {
  const clock = new HybridClock(timestampOfMs(nowMs));
  clock.observe(timestampOfMs(nowMs) + 5);
  clock.observe(1);
  expect(clock.take(1, nowMs)).toBe(timestampOfMs(nowMs) + 6);
});

test('a timestamp is a safe integer until 2093', () => {
  expect(Number.isSafeInteger(timestampOfMs(Date.UTC(2093, 0)) + logicalSteps)).toBe(true);
});
