/**
 * One line of a receipt: a write that a member had and its group never saw (packages/store, receipt.ts).
 */
import type { Key } from '@edis/client';
import type { Metadata } from '@edis/core';
import { EdisError } from '@edis/core';
import { fromJsonBytes } from '../json-bytes.ts';

interface ReceiptWrite {
  readonly keyspace: number;
  readonly key: Key;
  readonly version: number;
}

export type ReceiptLine =
  | (ReceiptWrite & {
      readonly kind: 'put';
      readonly value: Key;
      readonly metadata: Metadata;
      /** 0: never. */
      readonly expiresAtMs: number;
    })
  /** `expire`: its deadline had passed. */
  | (ReceiptWrite & { readonly kind: 'delete' | 'expire' });

/** Whether a line is one of a receipt and not a record of an export. */
export function isReceiptLine(text: string): boolean {
  try {
    const line: unknown = JSON.parse(text);
    return typeof line === 'object' && line !== null && ['kind', 'epoch', 'position'].every((name) => name in line);
  } catch {
    return false;
  }
}

export function parseReceiptLine(text: string): ReceiptLine {
  const line = parseObject(text);
  const { kind, keyspace, version } = line;
  const key = fromJsonBytes(line['key']) ?? refuse('"key" is neither a text nor {"base64":…}');
  if (!isCount(keyspace) || !isCount(version)) return refuse('"keyspace" or "version" is no number');
  if (kind === 'delete' || kind === 'expire') return { kind, keyspace, key, version };
  if (kind !== 'put') return refuse('"kind" is neither put, delete nor expire');
  const value = fromJsonBytes(line['value']) ?? refuse('"value" is neither a text nor {"base64":…}');
  const expiresAtMs = line['expiresAtMs'] ?? 0;
  if (!isCount(expiresAtMs)) return refuse('"expiresAtMs" is no number');
  return { kind, keyspace, key, version, value, metadata: metadataOf(line['metadata']), expiresAtMs };
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let line: unknown;
  try {
    line = JSON.parse(text);
  } catch {
    return refuse('is not JSON');
  }
  if (typeof line !== 'object' || line === null) return refuse('is no line of a receipt');
  return Object.fromEntries(Object.entries(line));
}

function metadataOf(value: unknown): Metadata {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null) return refuse('"metadata" maps texts to texts');
  const fields = Object.entries(value).map(([name, field]: [string, unknown]): [string, string] =>
    typeof field === 'string' ? [name, field] : refuse('"metadata" maps texts to texts'),
  );
  return Object.fromEntries(fields);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function refuse(why: string): never {
  throw new EdisError('invalid-argument', why);
}
