import type { ByteString, KeyspaceSettings } from '@edis/core';
import { encodeKeyspaceValue } from './keyspace-value.ts';
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
    origin: 'put',
    answer: 0n,
    ...change,
  };
}

export function deleteOf(key: ByteString, change: Partial<LoggedOperation> = {}): LoggedOperation {
  return putOf(key, '', { kind: 'delete', origin: 'delete', ...change });
}

export function keyspaceOf(id: number, name: string, settings: KeyspaceSettings): LoggedOperation {
  return putOf('', '', { kind: 'keyspace', keyspace: id, slot: 0, value: encodeKeyspaceValue(name, settings) });
}

export function entryOf(position: number, operations: readonly LoggedOperation[], change: Partial<Entry> = {}): Entry {
  return { position, epoch: 1, timestamp: position * 1_000_000, operations, completed: new Map(), ...change };
}
