import { expect, test } from 'vitest';
import { Credit } from './credit.ts';

test('an entry that is larger than what is left goes beyond the credit, and nothing follows it', () => {
  const credit = new Credit(100);
  credit.onSent(5, 99);
  expect(credit.roomBytes).toBe(1);
  credit.onSent(6, 900);
  credit.onDurable(5);
  expect(credit.roomBytes).toBe(0);
  credit.onDurable(6);
  expect(credit.roomBytes).toBe(100);
});

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
