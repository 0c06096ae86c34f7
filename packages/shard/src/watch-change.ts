import type { ByteString, Change } from '@edis/core';
import { unreachable } from '@edis/core';
import type { LoggedOperation, ViewRecord } from '@edis/store';
import { metadataBytes } from './metadata-bytes.ts';

/** Which records a feed is about. */
export interface WatchScope {
  /** Keyspace id; never 0. */
  readonly keyspace: number;
  readonly prefix: ByteString;
}

/** What a change costs on the wire besides key, value and metadata. */
const changeOverheadBytes = 32;

/** The change that an operation is to a feed; undefined: none. */
export function changeOf(operation: LoggedOperation, version: number, scope: WatchScope): Change | undefined {
  const { kind, key } = operation;
  switch (kind) {
    case 'put':
    case 'delete':
    case 'expire': {
      if (operation.keyspace !== scope.keyspace || !key.startsWith(scope.prefix)) return undefined;
      const { value, metadata, expiresAtMs } = operation;
      return { kind, key, value, metadata, version, expiresAtMs };
    }
    case 'open':
    case 'keyspace':
    case 'drop':
      return undefined;
    default:
      return unreachable(kind);
  }
}

export function snapshotChange(record: ViewRecord): Change {
  const { key, value, metadata, version, expiresAtMs } = record;
  return { kind: 'snapshot', key, value, metadata, version, expiresAtMs };
}

/** What a change counts against its reader's credit. */
export function changeBytes(change: Change): number {
  return changeOverheadBytes + change.key.length + change.value.length + metadataBytes(change.metadata);
}

/** The first key behind all that begin with a prefix; '': there is none. */
export function endOfPrefix(prefix: ByteString): ByteString {
  let length = prefix.length;
  while (length > 0 && prefix.charCodeAt(length - 1) === 0xff) length -= 1;
  if (length === 0) return '';
  return prefix.slice(0, length - 1) + String.fromCharCode(prefix.charCodeAt(length - 1) + 1);
}
