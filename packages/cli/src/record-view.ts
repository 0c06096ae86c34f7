import type { DeleteResult, GetResult, Key, NotApplied, PutResult } from '@edis/client';
import { decodeText, toJsonBytes } from './json-bytes.ts';

/** How results look in JSON. The shapes are part of the contract: fields are added, never changed. */

export function putJson({ key, version, shard, token }: PutResult) {
  return { key: toJsonBytes(key), version, shard, token };
}

export function deleteJson({ key, existed, version, shard, token }: DeleteResult) {
  return { key: toJsonBytes(key), existed, version, shard, token };
}

export function notAppliedJson({ key, version, shard, token }: NotApplied) {
  return { key: toJsonBytes(key), applied: false, version: version ?? null, shard, token };
}

export function recordJson(record: GetResult) {
  const { key, value, metadata, version, shard, token, servedBy, stalenessMs } = record;
  return {
    key: toJsonBytes(key),
    value: toJsonBytes(value),
    metadata,
    version,
    shard,
    token,
    servedBy: { node: servedBy.node, role: servedBy.role, shard: servedBy.shard },
    stalenessMs,
  };
}

/** A key in a sentence. */
export function showKey(key: Key): string {
  if (typeof key === 'string') return key;
  return decodeText(key) ?? `base64:${Buffer.from(key).toString('base64')}`;
}

/** Why a condition did not hold, in a sentence. */
export function showNotApplied({ key, version }: NotApplied): string {
  const found = version === undefined ? 'there is no record' : `the record has version ${version}`;
  return `condition failed: ${found}; ${showKey(key)} is unchanged`;
}
