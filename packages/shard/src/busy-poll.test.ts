import { expect, test } from 'vitest';
import { BusyPoll } from './busy-poll.ts';

let nowMs = 0;

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

test('the loop stays awake for a while after small messages that follow each other closely', async () => {
  const poll = new BusyPoll(100, () => nowMs);
  poll.onMessage(1);
  expect(poll.polling).toBe(false);
  nowMs += 0.1;
  poll.onMessage(1);
  expect(poll.polling).toBe(true);
  nowMs += 0.09;
  await turn();
  await turn();
  expect(poll.polling).toBe(true);
  nowMs += 0.02;
  await turn();
  await turn();
  expect(poll.polling).toBe(false);
});

test('a node that is asked now and then, and one under load, sleep', () => {
  const poll = new BusyPoll(100, () => nowMs);
  for (let count = 0; count < 10; count += 1) {
    nowMs += 1;
    poll.onMessage(1);
    expect(poll.polling).toBe(false);
  }
  for (let count = 0; count < 10; count += 1) {
    nowMs += 0.1;
    poll.onMessage(128);
    expect(poll.polling).toBe(false);
  }
});

test('with 0 the loop is left alone', () => {
  const poll = new BusyPoll(0, () => nowMs);
  for (let count = 0; count < 10; count += 1) poll.onMessage(1);
  expect(poll.polling).toBe(false);
});
