import { expect, test } from 'vitest';
import { Credit } from './credit.ts';

test('credit is used up by what is sent and comes back with what is durable', () => {
  const credit = new Credit(100);
  credit.onSent(5, 60);
  credit.onSent(9, 60);
  expect(credit.roomBytes).toBe(0);
  credit.onDurable(4);
  expect(credit.roomBytes).toBe(0);
  credit.onDurable(5);
  expect(credit.roomBytes).toBe(40);
  credit.onDurable(20);
  expect(credit.roomBytes).toBe(100);
});
