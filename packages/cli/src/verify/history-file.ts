/** The file of `--history`. It takes lines while callers work; what goes wrong then is told at the end, not thrown. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { EdisError } from '@edis/core';

export class HistoryFile {
  readonly #stream: WriteStream;
  #failure: Error | undefined;

  private constructor(stream: WriteStream) {
    this.#stream = stream;
    stream.on('error', (error) => {
      this.#failure ??= error;
    });
  }

  /** Refuses a file that cannot be written, before any work is done. */
  static async open(path: string): Promise<HistoryFile> {
    const stream = createWriteStream(path);
    await new Promise<void>((resolve, reject) => {
      stream.once('open', () => resolve());
      stream.once('error', (error) => {
        reject(new EdisError('usage', `--history: ${path} cannot be written: ${error.message}`, { cause: error }));
      });
    });
    return new HistoryFile(stream);
  }

  write(line: string): void {
    if (this.#failure === undefined) this.#stream.write(line);
  }

  /** Resolves when everything is in the file, or with why it is not. */
  async end(): Promise<Error | undefined> {
    await new Promise<void>((resolve) => {
      this.#stream.once('close', () => resolve());
      if (this.#stream.closed) resolve();
      else this.#stream.end();
    });
    return this.#failure;
  }
}
