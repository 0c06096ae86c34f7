import { EdisError } from '@edis/core';

/** Calls that one bulk call has unfinished at once: one full batch, so that it leaves room for others. */
const maxBulkOperations = 4096;

/**
 * Starts prepared calls, a bounded number at a time, and gives their results in order. When some fail, throws after all
 * have settled: the first error, with how many were done.
 */
export async function runBulk<Result>(what: string, calls: readonly (() => Promise<Result>)[]): Promise<Result[]> {
  const results: Result[] = [];
  const errors: EdisError[] = [];
  for (let from = 0; from < calls.length && errors.length === 0; from += maxBulkOperations) {
    const part = calls.slice(from, from + maxBulkOperations);
    for (const settled of await Promise.allSettled(part.map((call) => call()))) {
      if (settled.status === 'fulfilled') results.push(settled.value);
      else errors.push(EdisError.from(settled.reason));
    }
  }
  const first = errors[0];
  if (first === undefined) return results;
  throw new EdisError(
    first.code,
    `${results.length} of ${calls.length} ${what} were done; first error: ${first.message}`,
    {
      cause: first,
      outcomeUnknown: errors.some((error) => error.outcomeUnknown),
      ...(first.retryAfterMs === undefined ? {} : { retryAfterMs: first.retryAfterMs }),
    },
  );
}
