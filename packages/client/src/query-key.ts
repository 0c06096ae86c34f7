import { isUtf8 } from 'node:buffer';
import type { ByteString } from '@edis/core';
import { EdisError } from '@edis/core';
import { keyBytes } from './call-input.ts';
import type { Key } from './options.ts';
import type { KeyRange } from './query-options.ts';

/** A key as callers get it: text where the bytes are UTF-8, else the bytes. Given back as a key it is the same one. */
export function callerKey(bytes: ByteString): Key {
  for (let index = 0; index < bytes.length; index++) {
    if (bytes.charCodeAt(index) > 0x7f) return decodedKey(bytes);
  }
  return bytes;
}

function decodedKey(bytes: ByteString): Key {
  const buffer = Buffer.from(bytes, 'latin1');
  return isUtf8(buffer) ? buffer.toString('utf8') : new Uint8Array(buffer);
}

/** A range as it travels. */
export interface ByteRange {
  /** Inclusive; empty: from the beginning. */
  readonly from: ByteString;
  /** Exclusive; empty: to the end. */
  readonly to: ByteString;
}

export function byteRange({ prefix, from, to }: KeyRange): ByteRange {
  if (prefix !== undefined) {
    if (from !== undefined || to !== undefined) {
      throw new EdisError('invalid-argument', 'prefix excludes from and to; give either the one or the others');
    }
    const bytes = boundBytes(prefix);
    return { from: bytes, to: behindPrefix(bytes) };
  }
  const range = { from: from === undefined ? '' : boundBytes(from), to: to === undefined ? '' : keyBytes(to) };
  if (range.to !== '' && range.from > range.to) {
    throw new EdisError('invalid-argument', 'from lies behind to, so no key is between them; exchange the two');
  }
  return range;
}

/** Every key begins with nothing, and comes behind it. */
function boundBytes(key: Key): ByteString {
  return key.length === 0 && (typeof key === 'string' || key instanceof Uint8Array) ? '' : keyBytes(key);
}

/** The least bytes that are greater than all that begin so; empty: there are none. */
function behindPrefix(prefix: ByteString): ByteString {
  for (let length = prefix.length; length > 0; length--) {
    const last = prefix.charCodeAt(length - 1);
    if (last < 0xff) return prefix.slice(0, length - 1) + String.fromCharCode(last + 1);
  }
  return '';
}
