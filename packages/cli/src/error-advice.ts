import { EdisError } from '@edis/core';

/** The same error, with what the user may do about it, if anything. */
export function withAdvice(caught: unknown, advice: string | undefined): EdisError {
  const error = EdisError.from(caught);
  if (advice === undefined) return error;
  const { code, message, outcomeUnknown, retryAfterMs } = error;
  const details = { cause: error, outcomeUnknown, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  return new EdisError(code, `${message}; ${advice}`, details);
}
