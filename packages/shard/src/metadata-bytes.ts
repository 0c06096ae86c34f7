import type { Metadata } from '@edis/core';
import { utf8Length } from '@edis/core';

/** Names and values as they travel: metadata may be far larger than the value that it belongs to. */
export function metadataBytes(metadata: Metadata | undefined): number {
  if (metadata === undefined) return 0;
  let bytes = 0;
  for (const name of Object.keys(metadata)) {
    bytes += utf8Length(name) + utf8Length(metadata[name] ?? '') + fieldOverheadBytes;
  }
  return bytes;
}

/** Lengths of name and value, in the log and on the wire. */
const fieldOverheadBytes = 8;
