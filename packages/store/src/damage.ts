import { EdisError } from '@edis/core';

/** The error for stored data that fails its check: says what, and what to do. */
export function damaged(what: string, cause?: unknown): EdisError {
  const advice =
    'restore the data directory from a backup, or remove it so that this node takes a new copy from its shard';
  return new EdisError('damaged', `${what}; ${advice}`, cause === undefined ? {} : { cause });
}
