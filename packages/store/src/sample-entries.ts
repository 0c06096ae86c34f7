import type { ByteString } from '@edis/core';
import type { Entry, LoggedOperation } from './logged-operation.ts';

/** Operations and entries for tests. */
export function putOf(key: ByteString, value: string, change: Partial<LoggedOperation> = {}): LoggedOperation {
  return {
    kind: 'put',
    keyspace: 1,
    slot: 5,
    key,
    value,
    metadata: undefined,
    expiresAtMs: 0,
    client: '',
    sequence: 0,
    ...change,
  };
}

export function deleteOf(key: ByteString, change: Partial<LoggedOperation> = {}): LoggedOperation {
  return putOf(key, '', { kind: 'delete', ...change });
}

export function entryOf(position: number, operations: readonly LoggedOperation[], change: Partial<Entry> = {}): Entry {
  return { position, epoch: 1, timestamp: position * 1_000_000, operations, completed: new Map(), ...change };
}
