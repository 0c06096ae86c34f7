import { expect, it } from 'vitest';
import { gauge, medianValue, quantileValue } from './gauge.ts';

it('a gauge below or at least its limit passes, and one without a limit always does', () => {
  expect(gauge('lag', 99, 'ms', { kind: 'below', limit: 100 }).passed).toBe(true);
  expect(gauge('lag', 100, 'ms', { kind: 'below', limit: 100 }).passed).toBe(false);
  expect(gauge('scan', 100, '/s', { kind: 'at least', limit: 100 }).passed).toBe(true);
  expect(gauge('scan', 99, '/s', { kind: 'at least', limit: 100 }).passed).toBe(false);
  expect(gauge('queue', 1e9, 'operations').passed).toBe(true);
});

it('the median of values is one of them', () => {
  expect(medianValue([9, 1, 5])).toBe(5);
  expect(medianValue([4, 2])).toBe(2);
});

it('quantiles of a few values are among them', () => {
  const values = [30, 10, 20, 40, 50];
  expect([0, 0.5, 0.9, 1].map((q) => quantileValue(values, q))).toEqual([10, 30, 50, 50]);
  expect(quantileValue([7], 0.9)).toBe(7);
});
