/**
 * The records of `mput`, from the command line or as NDJSON from stdin, in chunks.
 *
 * Guarantees: memory is bounded by one chunk, however long the input; a chunk is handed over only after all of it was
 * understood, so an input of one chunk is written whole or, with a broken line in it, not at all.
 */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Key, PutEntry } from '@edis/client';
import type { Metadata } from '@edis/core';
import { EdisError, limits } from '@edis/core';
import { fromJsonBytes } from './json-bytes.ts';

/** Enough to fill the batches of every shard, small enough to keep nothing of note in memory. */
const maxChunkRecords = 10_000;
const maxChunkBytes = 16 * 1024 * 1024;

export function parsePair(text: string): PutEntry {
  const separator = text.indexOf('=');
  if (separator < 1) throw new EdisError('usage', `mput: '${text}' is not KEY=VALUE`);
  return { key: text.slice(0, separator), value: text.slice(separator + 1) };
}

export async function* readRecords(stdin: Readable): AsyncGenerator<PutEntry[]> {
  let chunk: PutEntry[] = [];
  let bytes = 0;
  let lineNumber = 0;
  for await (const line of createInterface({ input: stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    lineNumber += 1;
    if (line.trim() === '') continue;
    chunk.push(parseRecord(line, lineNumber));
    bytes += line.length;
    if (chunk.length < maxChunkRecords && bytes < maxChunkBytes) continue;
    yield chunk;
    chunk = [];
    bytes = 0;
  }
  if (chunk.length > 0) yield chunk;
}

function parseRecord(line: string, lineNumber: number): PutEntry {
  const refuse = (why: string): never => {
    throw new EdisError('invalid-argument', `line ${lineNumber}: ${why}`);
  };
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch {
    return refuse('is not JSON; write {"key":…,"value":…,"metadata":{…}}');
  }
  if (typeof record !== 'object' || record === null || !('key' in record) || !('value' in record)) {
    return refuse('needs "key" and "value"');
  }
  const unknown = Object.keys(record).find((name) => !['key', 'value', 'metadata'].includes(name));
  if (unknown !== undefined) return refuse(`"${unknown}" has no meaning; only key, value and metadata have`);
  const key = fromJsonBytes(record.key) ?? refuse('"key" is neither a text nor {"base64":…}');
  const value = fromJsonBytes(record.value) ?? refuse('"value" is neither a text nor {"base64":…}');
  const metadata =
    'metadata' in record ? (parseMetadata(record.metadata) ?? refuse('"metadata" maps texts to texts')) : undefined;
  checkSize('"key"', key, limits.minKeyBytes, limits.maxKeyBytes, refuse);
  checkSize('"value"', value, 0, limits.maxValueBytes, refuse);
  return { key, value, ...(metadata === undefined ? {} : { metadata }) };
}

function checkSize(what: string, bytes: Key, min: number, max: number, refuse: (why: string) => never): void {
  const size = typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.length;
  if (size < min) refuse(`${what} is empty`);
  if (size > max) refuse(`${what} has ${size} bytes; at most ${max} are possible`);
}

function parseMetadata(value: unknown): Metadata | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const fields: [string, string][] = [];
  for (const [name, field] of Object.entries(value)) {
    if (typeof field !== 'string') return undefined;
    fields.push([name, field]);
  }
  return Object.fromEntries(fields);
}
