import { expect, test } from 'vitest';
import { FailureDetector } from './failure-detector.ts';

function detector(): FailureDetector {
  return new FailureDetector({ deadAfterMs: 3000 });
}

test('a store is alive from its connection on, and told so once', () => {
  const d = detector();
  expect(d.onConnected('a', 0)).toEqual([{ store: 'a', alive: true }]);
  expect(d.onReport('a', 500)).toEqual([]);
  expect(d.isAlive('a')).toBe(true);
  expect(d.isAlive('b')).toBe(false);
});

test('without reports for deadAfterMs it is dead, and the next report revives it', () => {
  const d = detector();
  d.onConnected('a', 0);
  d.tick(0);
  d.tick(1000);
  d.onReport('a', 1000);
  expect(d.tick(3999)).toEqual([]);
  d.onConnected('b', 3999);
  expect(d.tick(4000)).toEqual([{ store: 'a', alive: false }]);
  expect(d.tick(4100)).toEqual([]);
  expect(d.onReport('a', 4200)).toEqual([{ store: 'a', alive: true }]);
});

test('a broken stream is death at once, and only once', () => {
  const d = detector();
  d.onConnected('a', 0);
  expect(d.onDisconnected('a')).toEqual([{ store: 'a', alive: false }]);
  expect(d.onDisconnected('a')).toEqual([]);
  expect(d.tick(10_000)).toEqual([]);
});

test('who was alive before has one period to come back', () => {
  const d = detector();
  d.onPresumed('a', 0);
  d.onPresumed('b', 0);
  d.tick(0);
  expect(d.tick(2000)).toEqual([]);
  expect(d.onConnected('b', 2000)).toEqual([]);
  expect(d.tick(3000)).toEqual([{ store: 'a', alive: false }]);
});

test('a pause of the detector itself is evidence against nobody', () => {
  const d = detector();
  d.onConnected('a', 0);
  d.tick(0);
  expect(d.tick(60_000)).toEqual([]);
  expect(d.tick(62_999)).toEqual([]);
  expect(d.tick(63_000)).toEqual([{ store: 'a', alive: false }]);
});
