/**
 * The records of `mput`, from the command line or as NDJSON from stdin, in chunks.
 *
 * Guarantees: memory is bounded by one chunk, however long the input; a chunk is handed over only after all of it was
 * understood, so an input of one chunk is written whole or, with a broken line in it, not at all.
 */
import type { Readable } from 'node:stream';
import type { PutEntry } from '@edis/client';
import { EdisError } from '@edis/core';
import type { InputLine } from './transfer/input-lines.ts';
import { readLines } from './transfer/input-lines.ts';
import { parseRecordLine } from './transfer/record-line.ts';

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
  let size = 0;
  for await (const { lines } of readLines(stdin)) {
    for (const line of lines) {
      if (line.text?.trim() === '') continue;
      chunk.push(parseLine(line));
      size += line.text?.length ?? 0;
      if (chunk.length < maxChunkRecords && size < maxChunkBytes) continue;
      yield chunk;
      chunk = [];
      size = 0;
    }
  }
  if (chunk.length > 0) yield chunk;
}

function parseLine({ number, text, fault = '' }: InputLine): PutEntry {
  try {
    if (text === undefined) throw new EdisError('invalid-argument', fault);
    return parseRecordLine(text);
  } catch (caught) {
    const { code, message } = EdisError.from(caught);
    throw new EdisError(code, `line ${number}: ${message}`, { cause: caught });
  }
}
