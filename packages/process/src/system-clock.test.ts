import { expect, test } from 'vitest';
import { systemClock } from './system-clock.ts';

test('never goes back, and leaves out nothing of what the monotonic clock counts', () => {
  const clock = systemClock();
  const startMs = clock();
  let lastMs = startMs;
  const startedMs = performance.now();
  let passedMs = 0;
  while (passedMs < 50) {
    passedMs = performance.now() - startedMs;
    const nowMs = clock();
    expect(nowMs).toBeGreaterThanOrEqual(lastMs);
    expect(nowMs - startMs).toBeGreaterThanOrEqual(passedMs);
    lastMs = nowMs;
  }
});
