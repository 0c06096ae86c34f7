import type { ErrorCode } from '@edis/core';

/** Exit codes of every binary; README lists them. */
export const exitCodes = {
  done: 0,
  negative: 1,
  usage: 2,
  unreachable: 3,
  busy: 4,
  denied: 5,
  bug: 70,
  disk: 74,
} as const;

const codeOfError: Readonly<Record<ErrorCode, number>> = {
  'invalid-argument': exitCodes.usage,
  usage: exitCodes.usage,
  'condition-failed': exitCodes.negative,
  expired: exitCodes.usage,
  'no-such-keyspace': exitCodes.usage,
  'keyspace-exists': exitCodes.usage,
  'value-invalid': exitCodes.usage,
  'no-quorum': exitCodes.unreachable,
  'too-old': exitCodes.unreachable,
  busy: exitCodes.busy,
  unreachable: exitCodes.unreachable,
  deadline: exitCodes.unreachable,
  aborted: exitCodes.unreachable,
  closed: exitCodes.unreachable,
  'not-formed': exitCodes.unreachable,
  refused: exitCodes.denied,
  'port-in-use': exitCodes.usage,
  'data-directory': exitCodes.usage,
  damaged: exitCodes.disk,
  disk: exitCodes.disk,
  protocol: exitCodes.bug,
  internal: exitCodes.bug,
};

export function exitCodeOf(code: ErrorCode): number {
  return codeOfError[code];
}
