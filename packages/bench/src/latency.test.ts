import { expect, it } from 'vitest';
import { LatencyRecorder } from './latency.ts';

it('quantiles are those of a sorted list, whatever the order of arrival', () => {
  const recorder = new LatencyRecorder();
  for (let index = 0; index < 100_000; index += 1) recorder.add((index * 7919) % 100_000);
  expect(recorder.count).toBe(100_000);
  expect(recorder.quantileMs(0.5)).toBe(50_000);
  expect(recorder.quantileMs(0.99)).toBe(99_000);
  expect(recorder.quantileMs(1)).toBe(99_999);
});

it('without a sample a quantile is 0', () => {
  expect(new LatencyRecorder().quantileMs(0.5)).toBe(0);
});
