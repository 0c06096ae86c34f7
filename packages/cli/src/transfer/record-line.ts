/**
 * One record as a line of JSON: what `export` and `scan --json` print, and `import` reads.
 *
 * A line is checked for everything that can be checked without the cluster, so that an error names the line.
 */
import type { GetResult, Key, PutEntry } from '@edis/client';
import type { Metadata } from '@edis/core';
import { EdisError, limits } from '@edis/core';
import { fromJsonBytes, toJsonBytes } from '../json-bytes.ts';

const meaningful = new Set(['key', 'value', 'metadata', 'expiresAtMs', 'ttlMs']);
/** Of `scan --json`: true of the record that was read, not of the one that is written. */
const ignored = new Set(['version', 'shard', 'token', 'servedBy', 'stalenessMs']);

/** JSON can write it; UTF-8 has no form for it. */
const halfPair = /\p{Surrogate}/u;

export function formatRecordLine({ key, value, metadata, expiresAtMs }: GetResult): string {
  return JSON.stringify({
    key: toJsonBytes(key),
    value: toJsonBytes(value),
    metadata,
    expiresAtMs: expiresAtMs ?? null,
  });
}

/** The record that is to be written. */
export function parseRecordLine(line: string): PutEntry {
  const record = parseObject(line);
  const unknown = Object.keys(record).find((name) => !meaningful.has(name) && !ignored.has(name));
  if (unknown !== undefined) refuse(`"${unknown}" has no meaning; only ${[...meaningful].join(', ')} have`);
  if (!('key' in record) || !('value' in record)) return refuse('needs "key" and "value"');
  const key = parseBytes(record, 'key');
  const value = parseBytes(record, 'value');
  checkSize('"key"', key, limits.minKeyBytes, limits.maxKeyBytes);
  checkSize('"value"', value, 0, limits.maxValueBytes);
  const metadata = record['metadata'] === undefined ? undefined : parseMetadata(record['metadata']);
  return { key, value, ...(metadata === undefined ? {} : { metadata }), ...parseDeadline(record) };
}

function parseObject(line: string): Readonly<Record<string, unknown>> {
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch {
    return refuse('is not JSON; write {"key":…,"value":…,"metadata":{…}}');
  }
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return refuse('needs "key" and "value"');
  return Object.fromEntries(Object.entries(record));
}

function parseBytes(record: Readonly<Record<string, unknown>>, name: 'key' | 'value'): Key {
  const bytes = fromJsonBytes(record[name]) ?? refuse(`"${name}" is neither a text nor {"base64":…}`);
  if (typeof bytes === 'string' && halfPair.test(bytes)) {
    refuse(`"${name}" has half a surrogate pair, which UTF-8 cannot store; give its bytes as {"base64":…}`);
  }
  return bytes;
}

function parseDeadline(record: Readonly<Record<string, unknown>>): Pick<PutEntry, 'ttlMs' | 'expiresAtMs'> {
  const { ttlMs, expiresAtMs } = record;
  if (ttlMs !== undefined && expiresAtMs !== undefined) return refuse('"ttlMs" and "expiresAtMs" exclude each other');
  if (ttlMs !== undefined) {
    if (ttlMs === 'never' || isWhole(ttlMs, 1, limits.maxTtlMs)) return { ttlMs };
    return refuse(`"ttlMs" is neither "never" nor a whole number from 1 to ${limits.maxTtlMs}`);
  }
  if (expiresAtMs === undefined) return {};
  // Exported without a deadline: it shall not get the keyspace's default.
  if (expiresAtMs === null) return { ttlMs: 'never' };
  if (isWhole(expiresAtMs, 1, Number.MAX_SAFE_INTEGER)) return { expiresAtMs };
  return refuse('"expiresAtMs" is neither null nor whole milliseconds since 1970');
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max;
}

function parseMetadata(value: unknown): Metadata {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse('"metadata" maps texts to texts');
  }
  const fields: [string, string][] = [];
  let bytes = 0;
  for (const [name, field] of Object.entries(value)) {
    if (typeof field !== 'string') return refuse('"metadata" maps texts to texts');
    if (halfPair.test(name) || halfPair.test(field)) {
      return refuse(`"metadata" has half a surrogate pair in ${JSON.stringify(name)}, which UTF-8 cannot store`);
    }
    bytes += Buffer.byteLength(name) + Buffer.byteLength(field);
    fields.push([name, field]);
  }
  if (fields.length > limits.maxMetadataFields) {
    refuse(`"metadata" has ${fields.length} fields; at most ${limits.maxMetadataFields} are possible`);
  }
  if (bytes > limits.maxMetadataBytes) {
    refuse(`"metadata" has ${bytes} bytes; at most ${limits.maxMetadataBytes} are possible`);
  }
  return Object.fromEntries(fields);
}

function checkSize(what: string, bytes: Key, min: number, max: number): void {
  const size = typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.length;
  if (size < min) refuse(`${what} is empty`);
  if (size > max) refuse(`${what} has ${size} bytes; at most ${max} are possible`);
}

function refuse(why: string): never {
  throw new EdisError('invalid-argument', why);
}
