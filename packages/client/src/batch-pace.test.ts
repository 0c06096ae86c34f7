import { expect, test } from 'vitest';
import { BatchPace, NodesInUse } from './batch-pace.ts';

test('only a few batches are unanswered at once, so that operations gather', () => {
  const pace = new BatchPace(new NodesInUse());
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
  const pace = new BatchPace(new NodesInUse());
  for (let count = 0; count < 10; count += 1) pace.onSent(1, 5);
  const holdMs = pace.holdMs(5);
  expect(pace.mayLeave(5 + holdMs / 2)).toBe(false);
  expect(pace.mayLeave(5 + holdMs)).toBe(true);
});

test('a new stream starts with nothing under way', () => {
  const pace = new BatchPace(new NodesInUse());
  for (let count = 0; count < 10; count += 1) pace.onSent(1, 5);
  pace.reset();
  expect(pace.mayLeave(5)).toBe(true);
});

test('a node beside others in use gets one larger message at a time, and smaller ones again when it is alone', () => {
  const nodes = new NodesInUse();
  const near = new BatchPace(nodes);
  const far = new BatchPace(nodes);
  const sent = near.onSent(1, 0);
  expect(near.mayLeave(0)).toBe(true);
  const roomAlone = near.room(0);
  const holdAloneMs = near.holdMs(0);
  far.onSent(1, 30);
  near.onAnswer(sent);
  near.onSent(1, 30);
  expect(near.mayLeave(30)).toBe(false);
  expect(near.room(30)).toBeGreaterThan(roomAlone);
  expect(near.holdMs(30)).toBeGreaterThan(holdAloneMs);
  near.onSent(1, 1_000);
  expect(near.room(1_000)).toBe(roomAlone);
});
