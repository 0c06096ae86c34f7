import { expect, test } from 'vitest';
import { DeadlineSign } from './deadline-sign.ts';

test('nothing is known of a view before somebody has looked at it, nor of one that took its place', () => {
  const sign = new DeadlineSign();
  expect(sign.earliestMs).toBe(0);
  sign.clear();
  expect(sign.earliestMs).toBe(Number.POSITIVE_INFINITY);
  sign.onReplaced();
  expect(sign.earliestMs).toBe(0);
});

test('a deadline counts once its batch is in the view, also when somebody looked while it was built', () => {
  const sign = new DeadlineSign();
  sign.clear();
  sign.note(30);
  sign.note(20);
  sign.clear();
  expect(sign.earliestMs).toBe(Number.POSITIVE_INFINITY);
  sign.onWritten();
  expect(sign.earliestMs).toBe(20);
  sign.note(40);
  sign.onWritten();
  expect(sign.earliestMs).toBe(20);
});
