import type { Timers } from '@edis/core';

/** Those of the process. */
export const realTimers: Timers = Object.freeze({
  after: (delayMs: number, run: () => void) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  every: (intervalMs: number, run: () => void) => {
    const timer = setInterval(run, intervalMs);
    return () => clearInterval(timer);
  },
});
