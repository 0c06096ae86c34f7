import type { Changes } from './changes.ts';
import type { Environment } from './environment.ts';

/**
 * Waits, but not beyond the end of the signal, nor beyond the next change. Keeps the process alive: somebody waits for
 * what comes after it.
 */
export function pause(
  environment: Environment,
  delayMs: number,
  signal: AbortSignal | undefined,
  changes?: Changes,
): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      forget?.();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const cancel = environment.every(delayMs, end);
    const forget = changes?.listen(end);
    signal?.addEventListener('abort', end, { once: true });
  });
}
