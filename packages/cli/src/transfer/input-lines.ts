/**
 * Lines of a file or of stdin, with their numbers.
 *
 * Guarantees: a line ends at `\n` (or `\r\n`) and nowhere else: node:readline also ends one at U+2028, which JSON
 * leaves as it is within a text. What is not UTF-8 is found and not replaced. Memory is bounded by one chunk
 * and one line.
 */
import { limits } from '@edis/core';
import { decodeText } from '../json-bytes.ts';

/** The largest value with every byte as `\u0000`, and room for key and metadata. */
const maxLineBytes = 6 * limits.maxValueBytes + 1024 * 1024;

const newline = 0x0a;
const carriageReturn = 0x0d;

export interface InputLine {
  /** From 1. */
  readonly number: number;
  /** Undefined: it cannot be read; `fault` says why. */
  readonly text: string | undefined;
  readonly fault?: string;
}

/** The lines of one chunk, and how many bytes were read up to its end. */
export interface LineChunk {
  readonly lines: readonly InputLine[];
  readonly bytesRead: number;
}

export async function* readLines(input: AsyncIterable<unknown>): AsyncGenerator<LineChunk> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  /** The line that goes on is too long already: its fault is told, its bytes are not kept. */
  let overlong = false;
  let number = 0;
  let bytesRead = 0;
  for await (const chunk of input) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    if (!(bytes instanceof Uint8Array)) throw new TypeError('the input is neither text nor bytes');
    bytesRead += bytes.length;
    const lines: InputLine[] = [];
    let start = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
      const rest = bytes.subarray(start, end);
      number += 1;
      if (!overlong) lines.push(toLine(number, held.length === 0 ? rest : Buffer.concat([...held, rest])));
      held = [];
      heldBytes = 0;
      overlong = false;
      start = end + 1;
    }
    const rest = bytes.subarray(start);
    if (!overlong && rest.length > 0) {
      held.push(rest);
      heldBytes += rest.length;
    }
    if (heldBytes > maxLineBytes) {
      lines.push({ number: number + 1, text: undefined, fault: `is longer than ${maxLineBytes} bytes` });
      held = [];
      heldBytes = 0;
      overlong = true;
    }
    yield { lines, bytesRead };
  }
  if (heldBytes > 0) yield { lines: [toLine(number + 1, Buffer.concat(held))], bytesRead };
}

function toLine(number: number, bytes: Uint8Array): InputLine {
  const text = decodeText(bytes.at(-1) === carriageReturn ? bytes.subarray(0, -1) : bytes);
  return text === undefined ? { number, text, fault: 'is not UTF-8' } : { number, text };
}
