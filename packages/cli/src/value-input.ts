import type { Readable } from 'node:stream';
import { EdisError, limits } from '@edis/core';

/** A VALUE of the command line; `-` stands for all of stdin. */
export async function readValue(text: string, stdin: Readable): Promise<string | Uint8Array> {
  if (text !== '-') return text;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stdin) {
    if (!(chunk instanceof Buffer)) throw new EdisError('internal', 'stdin was read as text');
    bytes += chunk.length;
    // A value is never larger; what follows need not be read to know that.
    if (bytes > limits.maxValueBytes) {
      throw new EdisError(
        'invalid-argument',
        `the value on stdin is larger than ${limits.maxValueBytes} bytes (8 MiB)`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
