import type { Environment } from './environment.ts';

/** Waits, but not beyond the end of the signal. Keeps the process alive: somebody waits for what comes after it. */
export function pause(environment: Environment, delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const cancel = environment.every(delayMs, end);
    signal?.addEventListener('abort', end, { once: true });
  });
}
