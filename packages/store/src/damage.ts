import { EdisError } from '@edis/core';

export const damageAdvice =
  'restore the data directory from a backup; that of a read shard may be removed instead: it then takes a new copy';

/** The error for stored data that fails its check: says what, and what to do. */
export function damaged(what: string, cause?: unknown): EdisError {
  return new EdisError('damaged', `${what}; ${damageAdvice}`, cause === undefined ? {} : { cause });
}
