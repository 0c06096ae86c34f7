import { EdisError, type ErrorCode, type Outcome, unreachable } from '@edis/core';
import type { Obstacle } from './obstacle.ts';
import type { PendingOperation } from './pending-operation.ts';

/** As callers know it. */
function nameOf({ kind }: PendingOperation): string {
  return kind === 'atomic' ? 'batch' : kind;
}

/** Whether a write that fails now may have been carried out, or may still be. */
function outcomeUnknown(operation: PendingOperation): boolean {
  return operation.kind !== 'get' && (operation.mayBeApplied || operation.state === 'sent');
}

/** The error of an operation whose deadline has passed; it names what the operation was waiting for. */
export function deadlineError(operation: PendingOperation): EdisError {
  const { code, why } = reasonOf(operation);
  const unknown = outcomeUnknown(operation);
  const after = unknown ? '; whether the write was done is unknown' : '';
  const afterMs = Math.round(operation.timeoutMs);
  return new EdisError(code, `${nameOf(operation)} failed after ${afterMs} ms: ${why}${after}`, {
    outcomeUnknown: unknown,
    cause: operation.connection?.lastError,
  });
}

export function abortedError(operation: PendingOperation): EdisError {
  const unknown = outcomeUnknown(operation);
  const after = unknown ? ' after it was sent; whether the write was done is unknown' : '';
  return new EdisError('aborted', `${nameOf(operation)} was aborted by its caller${after}`, {
    outcomeUnknown: unknown,
    cause: operation.signal?.reason,
  });
}

export function closedError(operation: PendingOperation): EdisError {
  const unknown = outcomeUnknown(operation);
  const after = unknown ? '; whether the write was done is unknown' : '';
  return new EdisError('closed', `the client was closed before ${nameOf(operation)} ended${after}`, {
    outcomeUnknown: unknown,
  });
}

/** An error that an answer has brought, with what is known about earlier sendings. */
export function answeredError(operation: PendingOperation, error: EdisError): EdisError {
  if (error.outcomeUnknown || operation.kind === 'get' || !operation.mayBeApplied) return error;
  return new EdisError(error.code, `${error.message}; an earlier sending of it may have been done`, {
    outcomeUnknown: true,
    cause: error,
  });
}

/** The answer is none that the operation can have: of a write nobody knows what became of it. */
export function strangeAnswerError(operation: PendingOperation, { kind }: Outcome): EdisError {
  const message = `${operation.connection?.node ?? 'the node'} answered ${nameOf(operation)} with ${kind}`;
  return new EdisError('protocol', message, { outcomeUnknown: operation.kind !== 'get' });
}

function reasonOf(operation: PendingOperation): { readonly code: ErrorCode; readonly why: string } {
  const connection = operation.connection;
  if (operation.state === 'sent') {
    return {
      code: 'deadline',
      why: `${connection?.node ?? 'the node'} at ${connection?.address ?? '?'} did not answer`,
    };
  }
  if (operation.state === 'queued') {
    if (connection?.slowed === true && connection.state === 'ready') return obstacleReason('busy', operation);
    const code = connection?.state === 'ready' ? 'deadline' : 'unreachable';
    return { code, why: `it could not be sent to ${connection?.node ?? 'the node'} at ${connection?.address ?? '?'}` };
  }
  return obstacleReason(operation.obstacle ?? 'not-connected', operation);
}

function obstacleReason(
  obstacle: Obstacle,
  operation: PendingOperation,
): { readonly code: ErrorCode; readonly why: string } {
  const node = `${operation.connection?.node ?? 'the primary'} at ${operation.connection?.address ?? 'no address'}`;
  switch (obstacle) {
    case 'not-formed':
      return { code: 'not-formed', why: 'the cluster is not formed; start the write shards that it waits for' };
    case 'not-connected':
      return { code: 'unreachable', why: `${node} cannot be reached` };
    case 'lost': {
      const cause = operation.obstacleDetail === '' ? '' : `: ${operation.obstacleDetail}`;
      return { code: 'unreachable', why: `${node} could not carry it out${cause}` };
    }
    case 'wrong-shard':
      return { code: 'unreachable', why: `${node} does not own the key, and no newer map came` };
    case 'not-primary':
      return { code: 'unreachable', why: `${node} is not the primary (yet), and no newer map came` };
    case 'too-stale':
      return { code: 'unreachable', why: 'no node is as fresh as was asked for' };
    case 'busy':
      return { code: 'busy', why: `${node} has no room; write less or later` };
    case 'window-full':
      return { code: 'busy', why: 'too many writes of this client are unfinished; write less at once' };
    default:
      return unreachable(obstacle);
  }
}
