import { expect, test } from 'vitest';
import { BatchPace, maxHoldMs } from './batch-pace.ts';

test('only a few batches are unanswered at once, so that operations gather', () => {
  const pace = new BatchPace();
  const first = pace.onSent(2, 0);
  expect(pace.mayLeave(0)).toBe(true);
  pace.onSent(1, 0);
  expect(pace.mayLeave(0)).toBe(false);
  pace.onAnswer(first);
  expect(pace.mayLeave(0)).toBe(false);
  pace.onAnswer(first);
  expect(pace.mayLeave(0)).toBe(true);
});

test('a batch that is answered late holds nobody up for longer than the hold', () => {
  const pace = new BatchPace();
  for (let count = 0; count < 10; count += 1) pace.onSent(1, 5);
  expect(pace.mayLeave(5 + maxHoldMs / 2)).toBe(false);
  expect(pace.mayLeave(5 + maxHoldMs)).toBe(true);
});

test('a new stream starts with nothing under way', () => {
  const pace = new BatchPace();
  for (let count = 0; count < 10; count += 1) pace.onSent(1, 5);
  pace.reset();
  expect(pace.mayLeave(5)).toBe(true);
});
