/**
 * What comes next for an operation when something has become of it. Pure: the runner does what is decided here, and
 * the deadline alone ends what is repeated.
 *
 * A read may be repeated anywhere at any time. A write may be repeated because it travels under its operation id;
 * that it may have been carried out already is kept in mind (`unknown`) until there is an answer.
 */
import { EdisError, type ErrorCode, type InvalidCause, type Outcome, unreachable } from '@edis/core';
import type { Obstacle } from './obstacle.ts';

/** An answer, or `lost`: the connection broke before there was one. */
export type Ending = Outcome | { readonly kind: 'lost'; readonly sent: boolean };

export interface Attempt {
  readonly isWrite: boolean;
  /** Whether the primary was asked. */
  readonly atPrimary: boolean;
  /** For `wrong-shard`: the answer brought a map that is newer than the client's. */
  readonly mapIsNewer: boolean;
}

export type Decision =
  | { readonly kind: 'complete' }
  /** Route and send it again now. */
  | { readonly kind: 'again'; readonly toPrimary: boolean; readonly unknown: boolean }
  /** Send it again after a while: at least `retryAfterMs`, or at once when map or connections change. */
  | {
      readonly kind: 'wait';
      readonly obstacle: Obstacle;
      /** What the node said about it, for the message of a deadline. Empty: nothing. */
      readonly detail: string;
      readonly retryAfterMs: number;
      readonly wakesOnChange: boolean;
      readonly unknown: boolean;
    }
  | { readonly kind: 'fail'; readonly error: EdisError };

const complete: Decision = Object.freeze({ kind: 'complete' });
const again: Decision = Object.freeze({ kind: 'again', toPrimary: false, unknown: false });
const againAtPrimary: Decision = Object.freeze({ kind: 'again', toPrimary: true, unknown: false });
const againUnknown: Decision = Object.freeze({ kind: 'again', toPrimary: false, unknown: true });

export function decide(ending: Ending, attempt: Attempt): Decision {
  const readAtReplica = !attempt.isWrite && !attempt.atPrimary;
  switch (ending.kind) {
    case 'put':
    case 'deleted':
    case 'incremented':
    case 'appended':
    case 'expiring':
    case 'atomic':
    case 'found':
    case 'not-found':
    case 'condition-failed':
      return complete;
    case 'lost':
      return attempt.isWrite && ending.sent ? againUnknown : again;
    case 'wrong-shard':
      return attempt.mapIsNewer ? again : waitForChange('wrong-shard', false);
    case 'not-primary':
      return readAtReplica ? againAtPrimary : waitForChange('not-primary', false);
    case 'too-stale':
      return readAtReplica ? againAtPrimary : waitForChange('too-stale', false);
    case 'unavailable':
      return readAtReplica ? againAtPrimary : waitForChange('lost', attempt.isWrite, ending.message);
    case 'busy':
      return {
        kind: 'wait',
        obstacle: 'busy',
        detail: '',
        retryAfterMs: Math.max(1, ending.retryAfterMs),
        wakesOnChange: false,
        unknown: false,
      };
    case 'invalid': {
      return fail(new EdisError(codeOfInvalid(ending.cause), ending.message));
    }
    case 'not-done':
      return fail(
        new EdisError('protocol', 'a single operation was answered as if it were part of a batch', {
          outcomeUnknown: attempt.isWrite,
        }),
      );
    case 'too-old':
      return fail(
        new EdisError(
          'too-old',
          `the write was repeated after more than ${ending.windowMs} ms, when its outcome was forgotten; ` +
            'read the record to learn whether it was done',
          { outcomeUnknown: true },
        ),
      );
    case 'no-quorum':
      return fail(
        new EdisError(
          'no-quorum',
          `ack quorum needs ${ending.needed} members, the shard has ${ending.members}; ` +
            'start another one, or use ack disk',
        ),
      );
    default:
      return unreachable(ending);
  }
}

/** Of what the shard refuses as it is. */
export function codeOfInvalid(cause: InvalidCause): ErrorCode {
  if (cause === 'no-such-keyspace') return cause;
  return cause === 'deadline-passed' ? 'expired' : 'invalid-argument';
}

function waitForChange(obstacle: Obstacle, unknown: boolean, detail = ''): Decision {
  return { kind: 'wait', obstacle, detail, retryAfterMs: 0, wakesOnChange: true, unknown };
}

function fail(error: EdisError): Decision {
  return { kind: 'fail', error };
}
