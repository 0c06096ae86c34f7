import { StringDecoder } from 'node:string_decoder';

/** A line longer than this is cut: a process that never ends its line must not fill the launcher's memory. */
const maxLineLength = 64 * 1024;

/** Cuts a byte stream into lines. */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  readonly #onLine: (line: string) => void;
  #rest = '';
  #skipping = false;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Uint8Array): void {
    this.#rest += this.#decoder.write(chunk);
    let end = this.#rest.indexOf('\n');
    while (end >= 0) {
      const line = this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + 1);
      this.#emit(line);
      end = this.#rest.indexOf('\n');
    }
    if (this.#rest.length <= maxLineLength) return;
    if (!this.#skipping) this.#onLine(this.#rest.slice(0, maxLineLength));
    this.#skipping = true;
    this.#rest = '';
  }

  /** The stream has ended: what is left is a line of its own. */
  end(): void {
    this.#rest += this.#decoder.end();
    if (this.#rest !== '') this.#emit(this.#rest);
    this.#rest = '';
  }

  #emit(line: string): void {
    // The rest of a line that was cut is dropped.
    if (!this.#skipping && line.trim() !== '') this.#onLine(line.trimEnd());
    this.#skipping = false;
  }
}
