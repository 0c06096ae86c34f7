/**
 * Every code that an {@link EdisError} can have; what a caller may do is in docs/protocol.md ("Errors").
 *
 * - `invalid-argument`: the input breaks a limit or has no meaning; nothing was done.
 * - `usage`: a command line or a setting is wrong; nothing was done.
 * - `expired`: the deadline that a record was given has passed; nothing was done.
 * - `condition-failed`: the condition of a write did not hold; nothing was done.
 * - `no-such-keyspace`: the keyspace does not exist.
 * - `keyspace-exists`: a keyspace of that name exists with other settings; nothing was done.
 * - `value-invalid`: a codec or schema refused a value that was given or read.
 * - `no-quorum`: `ack: quorum` was asked of a shard with too few members; nothing was done.
 * - `too-old`: a write was repeated after its outcome was forgotten; whether it was done is unknown.
 * - `busy`: the shard has no room now; nothing was done.
 * - `unreachable`: nobody answered.
 * - `deadline`: no answer in time; a write's outcome is unknown if `outcomeUnknown`.
 * - `aborted`: the caller's AbortSignal fired.
 * - `closed`: the client or process was closed.
 * - `not-formed`: the cluster waits for write shards.
 * - `refused`: info does not let the node in.
 * - `port-in-use`: the listen address is taken.
 * - `data-directory`: the data directory cannot be used: locked, foreign, or of a newer format.
 * - `damaged`: stored data fails its check.
 * - `disk`: reading or writing a file failed.
 * - `protocol`: the peer sent what it must not.
 * - `internal`: a bug of ours.
 */
export const errorCodes = [
  'invalid-argument',
  'usage',
  'expired',
  'condition-failed',
  'no-such-keyspace',
  'keyspace-exists',
  'value-invalid',
  'no-quorum',
  'too-old',
  'busy',
  'unreachable',
  'deadline',
  'aborted',
  'closed',
  'not-formed',
  'refused',
  'port-in-use',
  'data-directory',
  'damaged',
  'disk',
  'protocol',
  'internal',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export interface ErrorDetails {
  readonly cause?: unknown;
  /** True when a write may have been carried out although it failed. */
  readonly outcomeUnknown?: boolean;
  /** Milliseconds after which it makes sense to try again. */
  readonly retryAfterMs?: number;
  /** Version of the record that a condition met; 0 when there was none. */
  readonly version?: number;
}

/** The one error class of Edis. `code` is for programs, `message` for people; nothing matches on messages. */
export class EdisError extends Error {
  override readonly name = 'EdisError';
  readonly code: ErrorCode;
  readonly outcomeUnknown: boolean;
  readonly retryAfterMs: number | undefined;
  readonly version: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.outcomeUnknown = details.outcomeUnknown ?? false;
    this.retryAfterMs = details.retryAfterMs;
    this.version = details.version;
  }

  /** Makes an EdisError of anything that was caught. */
  static from(caught: unknown, code: ErrorCode = 'internal'): EdisError {
    if (caught instanceof EdisError) return caught;
    if (caught instanceof Error) return new EdisError(code, caught.message, { cause: caught });
    return new EdisError(code, String(caught), { cause: caught });
  }
}

/** Ends the process on a broken invariant: a bug of ours, never bad input. */
export function invariant(holds: boolean, what: string): asserts holds {
  if (!holds) throw new EdisError('internal', `broken invariant: ${what}`);
}

/** Closes a switch over a union: a new member that is not handled fails to compile here. */
export function unreachable(value: never): never {
  throw new EdisError('internal', `unhandled case: ${JSON.stringify(value)}`);
}
