/**
 * What is typed, cut behind each tab.
 *
 * The readline module pauses its input while a completion is looked for, but what stands behind the tab in the same
 * chunk is past that already: a line that was pasted, or typed faster than it is read, would run as it was before its
 * completion came. As a chunk of its own, the rest waits. Closing it lets go of the input, which is not its own.
 */
import { type Readable, Transform, type TransformCallback } from 'node:stream';
import { ReadStream } from 'node:tty';

const tab = 0x09;

export class KeyStream extends Transform {
  readonly #input: Readable;

  constructor(input: Readable) {
    super();
    this.#input = input;
    input.pipe(this);
    // A signal destroys the input, which is no end that a pipe hands on.
    input.once('close', () => this.end());
  }

  /** The readline module asks its input for it. */
  setRawMode(raw: boolean): this {
    if (this.#input instanceof ReadStream) this.#input.setRawMode(raw);
    return this;
  }

  close(): void {
    this.#input.unpipe(this);
    this.#input.pause();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    let start = 0;
    for (let end = chunk.indexOf(tab); end >= 0; end = chunk.indexOf(tab, start)) {
      this.push(chunk.subarray(start, end + 1));
      start = end + 1;
    }
    if (start < chunk.length) this.push(chunk.subarray(start));
    callback();
  }
}
