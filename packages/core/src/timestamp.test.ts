import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HybridClock, logicalSteps, timestampEpochMs, timestampOfMs } from './timestamp.ts';

const nowMs = timestampEpochMs + 1_000_000;

/** The millisecond that a timestamp lies in. */
const msOf = (timestamp: number) => Math.floor(timestamp / logicalSteps) + timestampEpochMs;

test('a timestamp lies in the millisecond that it was taken in', () => {
  expect(msOf(new HybridClock(0).take(1, nowMs))).toBe(nowMs);
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

test('a timestamp is a safe integer until 2093, and no wall clock takes it near that', () => {
  const last = Date.UTC(2090, 0);
  for (const wallMs of [last, last + 1, Date.UTC(2200, 0), 8.64e15, Number.POSITIVE_INFINITY]) {
    expect(msOf(new HybridClock(0).take(1, wallMs))).toBe(last);
  }
  expect(Number.isSafeInteger((Date.UTC(2093, 0) - timestampEpochMs + 1) * logicalSteps)).toBe(true);
});

test('a clock that was taken years ahead goes on at half the pace of the wall clock, whatever it waits for', () => {
  const yearMs = 365 * 24 * 3_600_000;
  const clock = new HybridClock(0);
  const ahead = clock.take(1, nowMs + 5 * yearMs);
  expect(clock.take(1, nowMs)).toBe(ahead + 1);
  for (let elapsedMs = 1; elapsedMs <= 20 * 60_000; elapsedMs += 1) clock.take(1, nowMs + elapsedMs);
  expect((clock.last - ahead) / logicalSteps).toBeCloseTo(10 * 60_000, -3);
  const before = clock.last;
  clock.take(1, nowMs + yearMs);
  expect(clock.last - before).toBe(500 * logicalSteps);
});

test('timestamps rise whatever the wall clock does, and are those of the wall clock where it is ahead', () => {
  const readings = fc.array(
    fc.record({ wallMs: fc.integer({ min: 0, max: 8e12 }), count: fc.integer({ min: 1, max: 9999 }) }),
  );
  fc.assert(
    fc.property(readings, (taken) => {
      const clock = new HybridClock(0);
      for (const { wallMs, count } of taken) {
        const before = clock.last;
        const first = clock.take(count, wallMs);
        expect(first).toBeGreaterThan(before);
        expect(first).toBeGreaterThanOrEqual(timestampOfMs(wallMs));
        expect(clock.last).toBe(first + count - 1);
        expect(Number.isSafeInteger(clock.last)).toBe(true);
      }
    }),
  );
});
