import { describe, expect, test } from 'vitest';
import { continuousClock, readUptimeFile } from './continuous-clock.ts';

/** What `/proc/uptime` says, as if the machine had been suspended for so long. */
function uptimeOf(suspendedMs: () => number): () => string {
  return () => `${((70_000 + performance.now() + suspendedMs()) / 1000).toFixed(2)} 12345.67\n`;
}

describe('the continuous clock of a process', () => {
  test('never goes back, and leaves out nothing of what the monotonic clock counts', () => {
    const clock = continuousClock();
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

  test('counts the time in which the machine was suspended', () => {
    let suspendedMs = 0;
    const clock = continuousClock(uptimeOf(() => suspendedMs));
    const startMs = clock();
    suspendedMs = 5000;
    // As long as a machine takes to wake.
    const wokenMs = performance.now() + 20;
    while (performance.now() < wokenMs) clock();
    expect(clock() - startMs).toBeGreaterThanOrEqual(5000);
  });

  test.each([
    ['there is no such file', () => undefined],
    ['the file says nothing', () => ''],
  ])('is the monotonic clock when %s', (_what, read) => {
    const clock = continuousClock(read);
    const beforeMs = performance.now();
    const nowMs = clock();
    expect(nowMs).toBeGreaterThanOrEqual(beforeMs);
    expect(nowMs).toBeLessThanOrEqual(performance.now());
  });

  test('reads the file of Linux, and elsewhere none', () => {
    expect(readUptimeFile() ?? 'none').toMatch(process.platform === 'linux' ? /^\d+\.\d\d \d/ : /^none$/);
  });
});
