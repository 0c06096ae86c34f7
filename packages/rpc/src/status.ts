import type { ErrorCode } from '@edis/core';
import { EdisError } from '@edis/core';
import { status } from '@grpc/grpc-js';

/** gRPC's status codes and our error codes; docs/protocol.md ("Errors") has the table for people. */

interface Failure {
  readonly code: ErrorCode;
  /** Goes on from the address. */
  readonly text: string;
}

const refusal: Failure = { code: 'protocol', text: 'refused the call' };
const internalFailure: Failure = { code: 'internal', text: 'failed' };

const failuresByStatus: ReadonlyMap<number, Failure> = new Map<number, Failure>([
  [status.UNAVAILABLE, { code: 'unreachable', text: 'is unreachable' }],
  [status.DEADLINE_EXCEEDED, { code: 'deadline', text: 'did not answer in time' }],
  [status.CANCELLED, { code: 'closed', text: 'ended the call' }],
  [status.INVALID_ARGUMENT, refusal],
  [status.RESOURCE_EXHAUSTED, refusal],
  [status.FAILED_PRECONDITION, refusal],
  [status.UNIMPLEMENTED, refusal],
]);

const statusesByCode: ReadonlyMap<ErrorCode, status> = new Map([
  ['protocol', status.INVALID_ARGUMENT],
  ['invalid-argument', status.INVALID_ARGUMENT],
  ['deadline', status.DEADLINE_EXCEEDED],
  ['unreachable', status.UNAVAILABLE],
  ['not-formed', status.UNAVAILABLE],
  // What a server closes while it drains may be asked again elsewhere or later.
  ['closed', status.UNAVAILABLE],
  ['aborted', status.CANCELLED],
  ['busy', status.RESOURCE_EXHAUSTED],
  ['refused', status.FAILED_PRECONDITION],
]);

export interface WireStatus {
  readonly code: number;
  readonly details: string;
}

/** What the caller of `address` gets for a status that is not OK. */
export function errorOfStatus({ code, details }: WireStatus, address: string): EdisError {
  const failure = failuresByStatus.get(code) ?? internalFailure;
  const outcomeUnknown = failure.code === 'deadline';
  return new EdisError(failure.code, `${address} ${failure.text}: ${plainText(details)}`, { outcomeUnknown });
}

/** What grpc-js puts around the system's own words says nothing to a person. Shown only: nothing is decided by it. */
function plainText(details: string): string {
  return details
    .replace(/^No connection established\. Last error: (?:\w*Error: )?/, '')
    .replace(/\.? Resolution note:\s*$/, '');
}

/**
 * What a server tells its peer. A bug of ours is named as such and nothing more: its details are for the server's
 * log.
 */
export function statusOfError(error: EdisError): WireStatus {
  const code = statusesByCode.get(error.code);
  if (code === undefined) return { code: status.INTERNAL, details: 'internal error; see the log of the node' };
  return { code, details: error.message };
}
