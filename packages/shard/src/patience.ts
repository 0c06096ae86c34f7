import type { Timers } from '@edis/core';

export interface Patience {
  readonly timers: Timers;
  readonly monotonicMs: () => number;
  readonly timeoutMs: number;
  /** How often it looks. */
  readonly pollMs: number;
}

/** Resolves once the condition holds, or the time is up. */
export async function waitUntil(condition: () => boolean, patience: Patience): Promise<void> {
  const { timers, monotonicMs, timeoutMs, pollMs } = patience;
  const endMs = monotonicMs() + timeoutMs;
  while (!condition() && monotonicMs() < endMs) {
    await new Promise<void>((resolve) => {
      timers.after(pollMs, resolve);
    });
  }
}
