import type { ErrorCode } from '@edis/core';
import { EdisError } from '@edis/core';

/** How a server, or the lack of one, ends a stream or a call; `code` is what its client is told. */
export type StreamStatus =
  | { readonly kind: 'ok' }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly text: string };

/** What gRPC's status codes make of the error codes between a server and its client: rpc/status has the real tables. */
const codesOnClient: ReadonlyMap<ErrorCode, ErrorCode> = new Map<ErrorCode, ErrorCode>([
  ['protocol', 'protocol'],
  ['invalid-argument', 'protocol'],
  ['busy', 'protocol'],
  ['refused', 'protocol'],
  ['deadline', 'deadline'],
  ['unreachable', 'unreachable'],
  ['not-formed', 'unreachable'],
  ['closed', 'unreachable'],
  ['aborted', 'closed'],
]);

export function statusOfError(error: EdisError): StreamStatus {
  const code = codesOnClient.get(error.code);
  if (code === undefined) {
    return { kind: 'failed', code: 'internal', text: 'failed: internal error; see the log of the node' };
  }
  return { kind: 'failed', code, text: `ended the call: ${error.message}` };
}

export function unreachableStatus(why: string): StreamStatus {
  return { kind: 'failed', code: 'unreachable', text: `is unreachable: ${why}` };
}

export function errorOfStatus(status: StreamStatus & { readonly kind: 'failed' }, address: string): EdisError {
  const outcomeUnknown = status.code === 'deadline';
  return new EdisError(status.code, `${address} ${status.text}`, { outcomeUnknown });
}
