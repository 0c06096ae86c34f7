/** How often a condition is looked at. */
const pollMs = 20;

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
  for (;;) {
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
      setTimeout(resolve, pollMs);
    });
  }
}
