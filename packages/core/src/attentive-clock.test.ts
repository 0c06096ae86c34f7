import { expect, test } from 'vitest';
import { AttentiveClock } from './attentive-clock.ts';

test('time passes as on the clock that it is asked with', () => {
  const clock = new AttentiveClock(1000, 200);
  expect([1000, 1050, 1050, 1250].map((ms) => clock.at(ms))).toEqual([1000, 1050, 1050, 1250]);
});

test('a time in which nobody asked counts as a moment, wherever it lies', () => {
  const clock = new AttentiveClock(1000, 200);
  expect(clock.at(31_000)).toBe(1200);
  expect(clock.at(31_050)).toBe(1250);
  expect(clock.at(91_050)).toBe(1450);
});
