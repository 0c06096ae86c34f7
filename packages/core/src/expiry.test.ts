import { expect, test } from 'vitest';
import { isExpired } from './expiry.ts';

test('a record is hidden from its deadline on, and never without one', () => {
  expect(isExpired(1000, 999)).toBe(false);
  expect(isExpired(1000, 1000)).toBe(true);
  expect(isExpired(1000, 1001)).toBe(true);
  expect(isExpired(0, Number.MAX_SAFE_INTEGER)).toBe(false);
});
