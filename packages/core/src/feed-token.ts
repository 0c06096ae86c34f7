/**
 * Where a change feed stands: per shard, up to what its reader has taken.
 *
 * A place is a position of the shard's log, and the version of the last change that was taken beyond it: an entry holds
 * several changes, and a reader may stop between two of them. Versions rise along a log and are never given out twice,
 * so a feed that goes on behind the position repeats the entry's changes, and those up to the version are left out.
 *
 * The text form is opaque to users and safe in URLs and shells. It names cluster, keyspace and prefix, because it means
 * nothing with others, and ends in a check sum. Decoding trusts nothing: the text may come from anywhere.
 */
import { decodeBase64Url, encodeBase64Url } from './base64-url.ts';
import type { ByteString } from './bytes.ts';
import { EdisError } from './error.ts';
import type { WatchSnapshotCause } from './feed.ts';
import type { Position } from './operation.ts';
import { crc16 } from './slot.ts';
import type { ClusterId, ShardId } from './topology.ts';

export type FeedPlace =
  /** It has not begun: its position was not known yet. */
  | { readonly kind: 'now' }
  /** It is within a snapshot, which it has to take anew. */
  | { readonly kind: 'snapshot'; readonly cause: WatchSnapshotCause }
  /** It has all up to the position, and of what follows the changes up to a version; 0: none of it. */
  | { readonly kind: 'after'; readonly position: Position; readonly version: number };

/** What a feed reads. */
export interface FeedScope {
  readonly cluster: ClusterId;
  /** Keyspace id. */
  readonly keyspace: number;
  readonly prefix: ByteString;
}

export type FeedPlaces = ReadonlyMap<ShardId, FeedPlace>;

const layoutVersion = 'w1';
const separator = ' ';
const fieldsBeforeShards = 4;
const fieldsPerShard = 2;

/** Longer texts are refused unread: some hundred shards with names and numbers of the longest kind. */
const maxTokenLength = 64 * 1024;

const causeMarks: Readonly<Record<WatchSnapshotCause, string>> = { start: 's', 'log-too-short': 'l', diverged: 'd' };
const nowMark = 'n';

export function encodeFeedToken(scope: FeedScope, places: Iterable<readonly [ShardId, FeedPlace]>): string {
  const fields = [layoutVersion, scope.cluster, scope.keyspace.toString(36), prefixMark(scope.prefix)];
  for (const [shard, place] of places) fields.push(shard, encodePlace(place));
  const text = fields.join(separator);
  return encodeBase64Url(`${text}${separator}${crc16(text).toString(36)}`);
}

/** Reads a token of a feed of the same scope; EdisError 'invalid-argument' for any other text. */
export function decodeFeedToken(text: string, scope: FeedScope): Map<ShardId, FeedPlace> {
  if (typeof text !== 'string') throw unreadable('it is no text');
  if (text.length > maxTokenLength) throw unreadable(`it is longer than ${maxTokenLength} characters`);
  const decoded = decodeBase64Url(text);
  if (decoded === undefined) throw unreadable('it is cut off or has characters that no token has');
  const end = decoded.lastIndexOf(separator);
  const fields = decoded.slice(0, Math.max(0, end)).split(separator);
  const [version, cluster, keyspace, prefix] = fields;
  if (version !== layoutVersion) throw unreadable('it is no token of a feed, or of a version that is unknown');
  if (crc16(decoded, 0, end).toString(36) !== decoded.slice(end + 1)) throw unreadable('it is damaged');
  if (fields.length < fieldsBeforeShards || (fields.length - fieldsBeforeShards) % fieldsPerShard !== 0) {
    throw unreadable('it is cut off');
  }
  if (cluster !== scope.cluster) throw foreign(`belongs to cluster ${cluster}, this is cluster ${scope.cluster}`);
  if (keyspace !== scope.keyspace.toString(36)) throw foreign('belongs to another keyspace');
  if (prefix !== prefixMark(scope.prefix)) throw foreign('belongs to a feed with another prefix');
  const places = new Map<ShardId, FeedPlace>();
  for (let index = fieldsBeforeShards; index < fields.length; index += fieldsPerShard) {
    const shard = fields[index] ?? '';
    if (shard === '' || places.has(shard)) throw unreadable('a shard is missing or repeated');
    places.set(shard, decodePlace(fields[index + 1] ?? ''));
  }
  return places;
}

/** Tells prefixes apart by mistake, not by malice; a whole prefix would make each token as long as the longest key. */
function prefixMark(prefix: ByteString): string {
  return `${prefix.length.toString(36)}.${crc16(prefix).toString(36)}`;
}

function encodePlace(place: FeedPlace): string {
  if (place.kind === 'now') return nowMark;
  if (place.kind === 'snapshot') return causeMarks[place.cause];
  const { epoch, position } = place.position;
  const text = `${epoch.toString(36)}.${position.toString(36)}`;
  return place.version === 0 ? text : `${text}.${place.version.toString(36)}`;
}

function decodePlace(field: string): FeedPlace {
  switch (field) {
    case nowMark:
      return { kind: 'now' };
    case causeMarks.start:
      return { kind: 'snapshot', cause: 'start' };
    case causeMarks['log-too-short']:
      return { kind: 'snapshot', cause: 'log-too-short' };
    case causeMarks.diverged:
      return { kind: 'snapshot', cause: 'diverged' };
    default: {
      const [epoch, position, version, ...more] = field.split('.');
      if (more.length > 0) throw unreadable('a place is damaged');
      return {
        kind: 'after',
        position: { epoch: readNumber(epoch), position: readNumber(position) },
        version: version === undefined ? 0 : readNumber(version),
      };
    }
  }
}

function readNumber(field: string | undefined): number {
  if (field === undefined || !/^[0-9a-z]{1,11}$/.test(field)) throw unreadable('a number is damaged');
  const value = Number.parseInt(field, 36);
  if (!Number.isSafeInteger(value)) throw unreadable('a number is too large');
  return value;
}

function unreadable(why: string): EdisError {
  return new EdisError(
    'invalid-argument',
    `the token of the feed cannot be read: ${why}; give one exactly as received`,
  );
}

function foreign(what: string): EdisError {
  return new EdisError('invalid-argument', `the token ${what}; begin with 'start' or 'now'`);
}
