import { expect, it } from 'vitest';
import { floorOf } from './floor.ts';
import { medianOf, operationName } from './measure.ts';

const measurement = (opsPerSecond: number) => ({ operations: 1, opsPerSecond, p50Ms: 1, p99Ms: opsPerSecond });

it('the median of rounds is one of them, with its own quantiles', () => {
  expect(medianOf([measurement(3), measurement(1), measurement(2)])).toEqual(measurement(2));
  expect(medianOf([measurement(5)])).toEqual(measurement(5));
});

it('a get has one floor whatever the durability, a put one for each', () => {
  const loop = { kind: 'loop', callers: 512, keys: 1, durationMs: 1 } as const;
  const get = operationName({ ...loop, verb: 'get', durability: 'disk' });
  const put = operationName({ ...loop, verb: 'put', durability: 'disk' });
  expect(floorOf('small', get, 512)).toBe(1.5);
  expect(floorOf('small', put, 512)).toBe(1.2);
  expect(floorOf('large', put, 512)).toBeUndefined();
  expect(floorOf('replica', get, 512)).toBeUndefined();
  expect(floorOf('metadata', operationName({ ...loop, verb: 'put+metadata', durability: 'memory' }), 512)).toBe(0.5);
});

it('the mixes of YCSB have no floor', () => {
  const mix = operationName({ kind: 'mix', mix: 'A', callers: 512, keys: 1, durationMs: 1 });
  expect(mix).toBe('mix A');
  expect(floorOf('ycsb', mix, 512)).toBeUndefined();
});
