import { expect, test } from 'vitest';
import { HotKeys } from './hot-keys.ts';

test('a key with more than its part of the operations is found among many others, in bounded memory', () => {
  const sketch = new HotKeys(64);
  sketch.tick(0);
  for (let index = 0; index < 20_000; index += 1) sketch.note(1, index % 10 === 0 ? 'hot' : `cold-${index}`);
  sketch.tick(1000);
  const top = sketch.top(100, 1);
  expect(top[0]).toMatchObject({ keyspace: 1, key: 'hot' });
  expect(top.length).toBeLessThanOrEqual(64);
});

test('rates are those of the counted operations over the sampled part', () => {
  const sketch = new HotKeys();
  for (let second = 0; second < 60; second += 1) {
    sketch.tick(second * 1000);
    for (let index = 0; index < 100; index += 1) sketch.note(1, 'steady');
  }
  const [steady] = sketch.top(1, 0.5);
  expect(steady?.operationsPerSecond).toBeGreaterThan(160);
  expect(steady?.operationsPerSecond).toBeLessThan(240);
});

test('load that has ended fades away', () => {
  const sketch = new HotKeys();
  sketch.tick(0);
  for (let index = 0; index < 1000; index += 1) sketch.note(1, 'once');
  sketch.tick(1_000);
  expect(sketch.top(1, 1)).toHaveLength(1);
  sketch.tick(200_000);
  expect(sketch.top(1, 1)).toEqual([]);
});

test('the same key of two keyspaces is counted apart', () => {
  const sketch = new HotKeys();
  sketch.tick(0);
  for (let index = 0; index < 10; index += 1) {
    sketch.note(1, 'k');
    sketch.note(2, 'k');
  }
  expect(sketch.top(10, 1).map(({ keyspace }) => keyspace)).toEqual([1, 2]);
});
