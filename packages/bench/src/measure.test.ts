import { expect, it } from 'vitest';
import { floorOf } from './floor.ts';
import { medianOf } from './measure.ts';

const measurement = (opsPerSecond: number) => ({ operations: 1, opsPerSecond, p50Ms: 1, p99Ms: opsPerSecond });

it('the median of rounds is one of them, with its own quantiles', () => {
  expect(medianOf([measurement(3), measurement(1), measurement(2)])).toEqual(measurement(2));
  expect(medianOf([measurement(5)])).toEqual(measurement(5));
});

it('a get has one floor whatever the durability, a put one for each', () => {
  expect(floorOf('small', { verb: 'get', durability: 'memory', callers: 512 })).toBe(1.5);
  expect(floorOf('small', { verb: 'put', durability: 'disk', callers: 512 })).toBe(1.2);
  expect(floorOf('large', { verb: 'put', durability: 'disk', callers: 512 })).toBeUndefined();
  expect(floorOf('replica', { verb: 'get', durability: 'memory', callers: 512 })).toBeUndefined();
});
