import { uptime } from 'node:os';
import { ContinuousClock } from '@edis/core';

/**
 * Milliseconds by a clock of this process that never goes back and, on Linux, counts the time in which the machine was
 * suspended: `performance.now` does not, `os.uptime` does and can not be set. Elsewhere `os.uptime` shows whole
 * seconds, or follows the wall clock.
 */
export function systemClock(): () => number {
  const clock = new ContinuousClock({
    monotonicMs: () => performance.now(),
    bootMs: process.platform === 'linux' ? () => uptime() * 1000 : undefined,
  });
  return () => clock.nowMs();
}
