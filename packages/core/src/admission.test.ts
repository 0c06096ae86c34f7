import { beforeEach, expect, test } from 'vitest';
import { Admission, type ClientShare } from './admission.ts';

let client: ClientShare;

beforeEach(() => {
  client = { operations: 0 };
});

test('a client alone fills half of the queue, and another one finds room beside it', () => {
  const admission = new Admission({ queueOperations: 1000, queueBytes: 1_000_000 });
  const other: ClientShare = { operations: 0 };
  let taken = 0;
  while (admission.enter(client, 1) === undefined) taken += 1;
  expect(taken).toBe(500);
  expect(admission.enter(client, 1)).toBe('client-share');
  let beside = 0;
  while (admission.enter(other, 1) === undefined) beside += 1;
  expect(beside).toBeGreaterThanOrEqual(250);
  admission.leave(client, 1);
  expect(client.operations).toBe(499);
});

test('the queue is bounded by count', () => {
  const admission = new Admission({ queueOperations: 2, queueBytes: 1000 });
  expect(admission.enter(client, 1)).toBeUndefined();
  expect(admission.enter(client, 1)).toBeUndefined();
  expect(admission.enter(client, 1)).toBe('queue-operations');
  admission.leave(client, 1);
  expect(admission.enter(client, 1)).toBeUndefined();
});

test('the queue is bounded by bytes, but one large operation may enter an empty queue', () => {
  const admission = new Admission({ queueOperations: 10, queueBytes: 100 });
  expect(admission.enter(client, 500)).toBeUndefined();
  expect(admission.enter(client, 1)).toBe('queue-bytes');
  admission.leave(client, 500);
  expect(admission.enter(client, 60)).toBeUndefined();
  expect(admission.enter(client, 60)).toBe('queue-bytes');
});

test('the advice follows the rate at which the queue drains, within its limits', () => {
  const admission = new Admission({ queueOperations: 100_000, queueBytes: 1e9 });
  for (let entered = 0; entered < 10_000; entered += 1) admission.enter(client, 1);
  const before = admission.retryAfterMs();
  for (let turn = 1; turn <= 40; turn += 1) {
    for (let left = 0; left < 10; left += 1) admission.leave(client, 1);
    admission.noteTime(turn * 25);
  }
  expect(admission.retryAfterMs()).toBeGreaterThan(before);
  expect(admission.retryAfterMs()).toBeLessThanOrEqual(1000);
});
