import { expect, test } from 'vitest';
import { Admission } from './admission.ts';

test('the queue is bounded by count', () => {
  const admission = new Admission({ queueOperations: 2, queueBytes: 1000 });
  expect(admission.enter(1)).toBeUndefined();
  expect(admission.enter(1)).toBeUndefined();
  expect(admission.enter(1)).toBe('queue-operations');
  admission.leave(1, 1, 100);
  expect(admission.enter(1)).toBeUndefined();
});

test('the queue is bounded by bytes, but one large operation may enter an empty queue', () => {
  const admission = new Admission({ queueOperations: 10, queueBytes: 100 });
  expect(admission.enter(500)).toBeUndefined();
  expect(admission.enter(1)).toBe('queue-bytes');
  admission.leave(1, 500, 100);
  expect(admission.enter(60)).toBeUndefined();
  expect(admission.enter(60)).toBe('queue-bytes');
});

test('the advice follows the rate at which the queue drains, within its limits', () => {
  const admission = new Admission({ queueOperations: 100_000, queueBytes: 1e9 });
  for (let entered = 0; entered < 10_000; entered += 1) admission.enter(1);
  const before = admission.retryAfterMs();
  for (let turn = 1; turn <= 40; turn += 1) admission.leave(10, 10, turn * 25);
  expect(admission.retryAfterMs()).toBeGreaterThan(before);
  expect(admission.retryAfterMs()).toBeLessThanOrEqual(1000);
});
