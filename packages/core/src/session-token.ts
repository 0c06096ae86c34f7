/**
 * What a client has seen: per shard the highest (epoch, position). A replica that has applied as much shows the client
 * its own writes and never an older state than it saw before.
 *
 * The text form is opaque to users and safe in URLs and shells. It names the cluster, because positions of another
 * cluster mean nothing, begins with the version of its own layout, so that a later one can be told apart, and ends in a
 * check sum: a damaged number would otherwise be a position that nobody reaches, and the read would wait in vain.
 * Decoding trusts nothing: the text may come from anywhere.
 */
import { decodeBase64Url, encodeBase64Url } from './base64-url.ts';
import { EdisError } from './error.ts';
import type { Position } from './operation.ts';
import { crc16 } from './slot.ts';
import type { ClusterId, ShardId } from './topology.ts';

export interface SessionToken {
  readonly cluster: ClusterId;
  readonly positions: ReadonlyMap<ShardId, Position>;
}

const layoutVersion = '2';
const separator = ' ';
const fieldsPerShard = 3;

/** Longer texts are refused unread: about 500 shards with names and numbers of the longest kind. */
const maxTokenLength = 64 * 1024;

export function encodeSessionToken(token: SessionToken): string {
  const fields = [layoutVersion, token.cluster];
  for (const [shard, { epoch, position }] of token.positions) {
    fields.push(shard, epoch.toString(36), position.toString(36));
  }
  const text = fields.join(separator);
  return encodeBase64Url(`${text}${separator}${crc16(text).toString(36)}`);
}

/** Reads a token of the given cluster; EdisError 'invalid-argument' for any other text. */
export function decodeSessionToken(text: string, cluster: ClusterId): SessionToken {
  if (typeof text !== 'string') throw unreadable('it is no text');
  if (text.length > maxTokenLength) throw unreadable(`it is longer than ${maxTokenLength} characters`);
  const decoded = decodeBase64Url(text);
  if (decoded === undefined) throw unreadable('it is cut off or has characters that no token has');
  const end = Math.max(0, decoded.lastIndexOf(separator));
  const [version, tokenCluster, ...fields] = decoded.slice(0, end).split(separator);
  if (version !== layoutVersion) throw unreadable('its version is unknown');
  if (crc16(decoded, 0, end).toString(36) !== decoded.slice(end + 1)) throw unreadable('it is damaged');
  if (tokenCluster === undefined || fields.length % fieldsPerShard !== 0) throw unreadable('it is cut off');
  if (tokenCluster !== cluster) {
    throw new EdisError(
      'invalid-argument',
      `the session token belongs to cluster ${tokenCluster}, this is cluster ${cluster}; read without it`,
    );
  }
  const positions = new Map<ShardId, Position>();
  for (let index = 0; index < fields.length; index += fieldsPerShard) {
    const shard = fields[index] ?? '';
    if (shard === '' || positions.has(shard)) throw unreadable('a shard is missing or repeated');
    positions.set(shard, { epoch: readNumber(fields[index + 1]), position: readNumber(fields[index + 2]) });
  }
  return { cluster, positions };
}

function readNumber(field: string | undefined): number {
  if (field === undefined || !/^[0-9a-z]{1,11}$/.test(field)) throw unreadable('a number is damaged');
  const value = Number.parseInt(field, 36);
  if (!Number.isSafeInteger(value)) throw unreadable('a number is too large');
  return value;
}

function unreadable(why: string): EdisError {
  return new EdisError('invalid-argument', `the session token cannot be read: ${why}; give one exactly as received`);
}
