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

/** As many notes of a key in each second from one moment to the other, and a tick at the end of each. */
function load(sketch: HotKeys, key: string, perSecond: number, fromMs: number, toMs: number): void {
  for (let nowMs = fromMs; nowMs < toMs; nowMs += 1000) {
    sketch.tick(nowMs);
    for (let index = 0; index < perSecond; index += 1) sketch.note(1, key);
  }
  sketch.tick(toMs);
}

const hourMs = 3_600_000;

test.each([1, 3, 10, 60])(
  'a key that is hit 1000 times a second since %d s has that rate, however old the process',
  (seconds) => {
    const sketch = new HotKeys();
    load(sketch, 'old', 1, 0, hourMs);
    load(sketch, 'new', 1000, hourMs, hourMs + seconds * 1000);
    const [first] = sketch.top(1, 1);
    expect(first?.key).toBe('new');
    expect(first?.operationsPerSecond).toBeGreaterThan(930);
    expect(first?.operationsPerSecond).toBeLessThan(1030);
  },
);

test('the rate of a key is without what its counter had from the key whose place it took', () => {
  const sketch = new HotKeys(1);
  load(sketch, 'before', 1000, 0, 60_000);
  load(sketch, 'after', 10, 60_000, 63_000);
  const [after] = sketch.top(1, 1);
  expect(after?.key).toBe('after');
  expect(after?.operationsPerSecond).toBeGreaterThan(8);
  expect(after?.operationsPerSecond).toBeLessThan(12);
});

test('keys that were noted before the first tick are counted from it on', () => {
  const sketch = new HotKeys();
  sketch.note(1, 'early');
  load(sketch, 'early', 1000, hourMs, hourMs + 3000);
  expect(sketch.top(1, 1)[0]?.operationsPerSecond).toBeGreaterThan(930);
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
