import { readFileSync } from 'node:fs';
import { ContinuousClock } from '@edis/core';

/** Linux's clock that counts suspends: seconds since the start of the machine or its container, and another figure. */
const uptimeFile = '/proc/uptime';

/**
 * Milliseconds of this process that never go back and, on Linux, count the time in which the machine was suspended;
 * elsewhere they are those of `performance.now`. For whoever must not act any more when time has passed.
 *
 * The file and not `os.uptime`, which gives whole seconds, or those of another clock, when it can not open the file.
 */
export function continuousClock(readUptime = readUptimeFile): () => number {
  const clock = new ContinuousClock({
    monotonicMs: () => performance.now(),
    bootMs: () => {
      const seconds = Number.parseFloat(readUptime() ?? '');
      return Number.isFinite(seconds) ? seconds * 1000 : undefined;
    },
  });
  return () => clock.nowMs();
}

/** Undefined: the system has no such file, or no more descriptors for now. */
export function readUptimeFile(): string | undefined {
  try {
    return readFileSync(uptimeFile, 'latin1');
  } catch {
    return undefined;
  }
}
