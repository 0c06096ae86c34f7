import { expect, test } from 'vitest';
import { Latency } from './latency.ts';

test('the figures are those of what was recorded, in microseconds', () => {
  const latency = new Latency();
  expect(latency.figures()).toEqual({ p50: 0, p99: 0 });
  for (let count = 0; count < 98; count += 1) latency.record(0.2);
  latency.record(50);
  latency.record(50);
  const { p50, p99 } = latency.figures();
  expect(p50).toBeGreaterThanOrEqual(198);
  expect(p50).toBeLessThanOrEqual(202);
  expect(p99).toBeGreaterThanOrEqual(49_500);
  expect(p99).toBeLessThanOrEqual(50_500);
});

test('what is older than two turns is forgotten', () => {
  const latency = new Latency();
  latency.record(50);
  latency.turn();
  expect(latency.figures().p50).toBeGreaterThan(40_000);
  latency.turn();
  expect(latency.figures()).toEqual({ p50: 0, p99: 0 });
});
