/**
 * Where a query over all shards stands: behind the record that was taken last. All shards give their records in one
 * order, so that one place says for each of them what was taken of it.
 *
 * The text form is opaque to users and safe in URLs and shells. It names cluster and keyspace, and holds a hash of what
 * is asked, because it means nothing with anything else, and ends in a check sum. Decoding trusts nothing: the text may
 * come from anywhere.
 */
import { decodeBase64Url, encodeBase64Url } from './base64-url.ts';
import type { ByteString } from './bytes.ts';
import { EdisError } from './error.ts';
import { limits } from './limits.ts';
import type { SearchPlace } from './query.ts';
import type { ClusterId } from './topology.ts';

export type QueryKind = 'scan' | 'keys' | 'search';

/** What a cursor belongs to. */
export interface QueryScope {
  readonly cluster: ClusterId;
  /** Keyspace id. */
  readonly keyspace: number;
  readonly kind: QueryKind;
  /** What is asked, as text; the same for the same query. */
  readonly conditions: string;
}

const layoutVersion = 'q1';
const separator = ' ';
const fieldCount = 8;
const kinds: readonly QueryKind[] = ['scan', 'keys', 'search'];

/** Longer texts are refused unread: the longest key and value, of which every byte is escaped and then spelt. */
const maxCursorLength = 8 * (limits.maxKeyBytes + limits.maxMetadataBytes) + 1024;

/** @param place undefined: nothing was taken yet */
export function encodeQueryCursor(scope: QueryScope, place: SearchPlace | undefined): string {
  const fields = [layoutVersion, scope.cluster, scope.keyspace.toString(36), scope.kind, hashOf(scope.conditions)];
  if (place === undefined) fields.push('0', '', '');
  else fields.push('1', encodeURIComponent(place.value), encodeURIComponent(place.key));
  const text = fields.join(separator);
  return encodeBase64Url(`${text}${separator}${hashOf(text)}`);
}

/** Reads a cursor of the same query; EdisError 'invalid-argument' for any other text. Undefined: from the beginning. */
export function decodeQueryCursor(text: string, scope: QueryScope): SearchPlace | undefined {
  if (typeof text !== 'string') throw unreadable('it is no text');
  if (text.length > maxCursorLength) throw unreadable(`it is longer than ${maxCursorLength} characters`);
  const decoded = decodeBase64Url(text);
  if (decoded === undefined) throw unreadable('it is cut off or has characters that no cursor has');
  const end = Math.max(0, decoded.lastIndexOf(separator));
  const body = decoded.slice(0, end);
  const [version, cluster, keyspace, kind, conditions, begun, value, key, ...more] = body.split(separator);
  if (version !== layoutVersion) throw unreadable('it is no cursor of a query, or of a version that is unknown');
  if (hashOf(body) !== decoded.slice(end + 1)) throw unreadable('it is damaged');
  if (cluster !== scope.cluster) throw foreign(`belongs to cluster ${cluster}, this is cluster ${scope.cluster}`);
  if (keyspace !== scope.keyspace.toString(36)) throw foreign('belongs to another keyspace');
  if (kind !== scope.kind) {
    const known = kinds.find((each) => each === kind);
    throw foreign(`belongs to ${known === undefined ? 'another query' : `a ${known} query`}, this is ${scope.kind}`);
  }
  if (conditions !== hashOf(scope.conditions)) throw foreign('belongs to a query with other conditions');
  if (begun === '0') return undefined;
  if (value === undefined || key === undefined || key === '' || more.length > 0) {
    throw unreadable(`it has not the ${fieldCount} parts of a cursor`);
  }
  return { value: unescape(value), key: bytesOf(unescape(key)) };
}

function unescape(field: string): string {
  try {
    return decodeURIComponent(field);
  } catch (error) {
    throw unreadable('its place is damaged', error);
  }
}

function bytesOf(text: string): ByteString {
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) > 0xff) throw unreadable('its key is damaged');
  }
  return text;
}

const prime = 0x0100_0193;

/** 64 bits, which tell apart by mistake and not by malice: FNV-1a, from two beginnings. */
function hashOf(text: string): string {
  let low = 0x811c_9dc5;
  let high = 0x9747_b28c;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    low = Math.imul(low ^ code, prime);
    high = Math.imul(high ^ code ^ (low >>> 16), prime);
  }
  return `${(low >>> 0).toString(36)}.${(high >>> 0).toString(36)}`;
}

function unreadable(why: string, cause?: unknown): EdisError {
  const message = `the cursor cannot be read: ${why}; give one exactly as received`;
  return new EdisError('invalid-argument', message, { cause });
}

function foreign(what: string): EdisError {
  return new EdisError('invalid-argument', `the cursor ${what}; ask without it`);
}
