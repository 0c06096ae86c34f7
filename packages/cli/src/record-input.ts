/**
 * The records of `mput`, from the command line or as NDJSON from stdin, in chunks.
 *
 * Guarantees: memory is bounded by one chunk, however long the input; a chunk is handed over only after all of it was
 * understood, so an input of one chunk is written whole or, with a broken line in it, not at all.
 */
import type { Readable } from 'node:stream';
import type { PutEntry } from '@edis/client';
import { EdisError, limits } from '@edis/core';
import { checkNewKeyText } from './key-text.ts';
import type { InputLine } from './transfer/input-lines.ts';
import { readLines } from './transfer/input-lines.ts';
import { parseRecordLine } from './transfer/record-line.ts';

export interface InputRecord {
  /** Undefined: it is of the command line. */
  readonly line: number | undefined;
  readonly entry: PutEntry;
}

/** Enough to fill the batches of every shard, small enough to keep nothing of note in memory. */
const maxChunkRecords = 10_000;
const maxChunkBytes = 16 * 1024 * 1024;

export function parsePair(text: string): InputRecord {
  const separator = text.indexOf('=');
  if (separator < 1) throw new EdisError('usage', `mput: '${text}' is not KEY=VALUE`);
  const key = text.slice(0, separator);
  checkNewKeyText(key, 'mput: KEY');
  if (Buffer.byteLength(key) > limits.maxKeyBytes) {
    throw new EdisError(
      'usage',
      `mput: a KEY has ${Buffer.byteLength(key)} bytes; it has at most ${limits.maxKeyBytes}`,
    );
  }
  return { line: undefined, entry: { key, value: text.slice(separator + 1) } };
}

export async function* readRecords(stdin: Readable): AsyncGenerator<InputRecord[]> {
  let chunk: InputRecord[] = [];
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

function parseLine({ number, text, fault = '' }: InputLine): InputRecord {
  try {
    if (text === undefined) throw new EdisError('invalid-argument', fault);
    return { line: number, entry: parseRecordLine(text) };
  } catch (caught) {
    const { code, message } = EdisError.from(caught);
    throw new EdisError(code, `line ${number}: ${message}`, { cause: caught });
  }
}
