import { expect, it } from 'vitest';
import { Pace } from './pace.ts';

function takeAll(pace: Pace, nowMs: number): number[] {
  const due: number[] = [];
  for (let next = pace.take(nowMs); next !== undefined; next = pace.take(nowMs)) due.push(next);
  return due;
}

it('operations are due evenly, and never before their time', () => {
  const pace = new Pace(100, 2000, 10);
  expect(takeAll(pace, 99)).toEqual([]);
  expect(takeAll(pace, 100)).toEqual([100]);
  expect(takeAll(pace, 101.2)).toEqual([100.5, 101]);
});

it('after a stall all that was due meanwhile is taken at once, with its own due time', () => {
  const pace = new Pace(0, 1000, 5);
  expect(takeAll(pace, 1000)).toEqual([0, 1, 2, 3, 4]);
  expect(pace.done).toBe(true);
});

it('a rate and a duration make a fixed number of operations', () => {
  const pace = new Pace(0, 50_000, 300);
  expect(takeAll(pace, 1e9)).toHaveLength(15_000);
});
