import { EdisError } from '@edis/core';
import { BulkCall, type BulkTerms } from './bulk-call.ts';
import type { BulkItem } from './bulk-item.ts';
import type { Countdown } from './call-context.ts';

/** Operations that one call has begun at once: two full batches, so that the next are ready when one has ended. */
const maxCallOperations = 2048;
const maxCalls = 2;

/**
 * Has all items carried out, a bounded number at a time, within one deadline for all of them. When some fail, or the
 * deadline passes, begins no more and rejects after all that were begun have ended: with the first error, and with how
 * many were done.
 * @param start begins one call; it ends in any case
 */
export async function runBulk(
  what: string,
  items: readonly BulkItem[],
  terms: BulkTerms,
  countdown: Countdown,
  start: (call: BulkCall) => void,
): Promise<void> {
  const errors: EdisError[] = [];
  let begun = 0;
  let late: EdisError | undefined;
  const goOn = async (): Promise<void> => {
    while (begun < items.length && errors.length === 0 && late === undefined) {
      // Whole milliseconds, because calls with the same timeout share a list of deadlines.
      const leftMs = Math.ceil(countdown.untilEndMs);
      if (leftMs <= 0) {
        late = countdown.error();
        return;
      }
      const call = new BulkCall(items.slice(begun, begun + maxCallOperations), terms, leftMs);
      begun += call.items.length;
      start(call);
      await call.ended;
      errors.push(...call.errors);
    }
  };
  await Promise.all(Array.from({ length: Math.min(maxCalls, items.length) }, goOn));
  const first = errors[0] ?? late;
  if (first !== undefined) throw summaryOf(what, begun - errors.length, items.length, first, errors);
}

function summaryOf(
  what: string,
  done: number,
  count: number,
  first: EdisError,
  errors: readonly EdisError[],
): EdisError {
  return new EdisError(first.code, `${done} of ${count} ${what} were done; first error: ${first.message}`, {
    cause: first,
    outcomeUnknown: errors.some((error) => error.outcomeUnknown),
    ...(first.retryAfterMs === undefined ? {} : { retryAfterMs: first.retryAfterMs }),
  });
}
