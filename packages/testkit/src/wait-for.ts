/** How long after the first look the second one comes. */
const firstPauseMs = 20;
/** What takes long is looked at less often: looks that ask every node keep the machine from what they wait for. */
const longestPauseMs = 100;
const pauseGrowth = 1.2;

/**
 * Waits until `look` returns something other than undefined or false, and returns it. At the timeout it fails with
 * `failure`, which says what was waited for and what was seen last. Errors of `look` count as "not yet".
 */
export async function waitFor<T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
  failure: string | (() => string),
  timeoutMs = 30_000,
): Promise<T> {
  const startMs = performance.now();
  let lastError: unknown;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * pauseGrowth, longestPauseMs)) {
    try {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen;
    } catch (caught) {
      lastError = caught;
    }
    if (performance.now() - startMs > timeoutMs) {
      const text = typeof failure === 'string' ? failure : failure();
      throw new Error(`waited ${timeoutMs} ms: ${text}`, { cause: lastError });
    }
    await new Promise<void>((resolve) => {
      setTimeout(resolve, pauseMs);
    });
  }
}
