import type { DeleteResult, ExpireResult, GetResult, Key, NotApplied, PutResult, ReadReply } from '@edis/client';
import type { Metadata } from '@edis/core';
import { decodeText, toJsonBytes } from './json-bytes.ts';
import { printableBytes, printableLine } from './printable.ts';

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

export function expireJson({ key, expiresAtMs, version, shard, token }: ExpireResult) {
  return { key: toJsonBytes(key), existed: true, expiresAtMs: expiresAtMs ?? null, version, shard, token };
}

export function recordJson(record: GetResult) {
  const { key, value, metadata, version, expiresAtMs, shard, token } = record;
  return {
    key: toJsonBytes(key),
    value: toJsonBytes(value),
    metadata,
    version,
    expiresAtMs: expiresAtMs ?? null,
    shard,
    token,
    ...answererJson(record),
  };
}

/** Who answered, and how stale that may be. */
export function answererJson({ servedBy, stalenessMs }: Pick<ReadReply, 'servedBy' | 'stalenessMs'>) {
  return { servedBy: { node: servedBy.node, role: servedBy.role, shard: servedBy.shard }, stalenessMs };
}

/** A key or value within a line for people: one line, and without effect on a terminal. */
export function showBytesLine(bytes: Key): string {
  if (typeof bytes === 'string') return printableLine(bytes);
  const text = decodeText(bytes);
  return text === undefined ? printableBytes(bytes) : printableLine(text);
}

/** `team=core site=ams` */
export function showMetadata(metadata: Metadata): string {
  return Object.entries(metadata)
    .map(([name, value]) => printableLine(`${name}=${value}`))
    .join(' ');
}

/** Why a condition did not hold, in a sentence. */
export function showNotApplied({ key, version }: NotApplied): string {
  const found = version === undefined ? 'there is no record' : `the record has version ${version}`;
  return `condition failed: ${found}; ${showBytesLine(key)} is unchanged`;
}
