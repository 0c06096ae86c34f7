/**
 * What a command prints: results on stdout, everything else on stderr.
 *
 * Guarantees: memory stays bounded, because a write waits until the reader took the one before; a reader that goes away
 * (`edis mget … | head`) ends the output quietly, which is not an error of the command.
 */
import type { Writable } from 'node:stream';
import type { ProgressTerminal } from './progress-bar.ts';

export class Output {
  readonly isTerminal: boolean;
  /** Of the terminal; undefined without one. */
  readonly columns: number | undefined;
  readonly #stdout: Writable;
  readonly #stderr: Writable & ProgressTerminal;
  #closed = false;

  constructor(
    stdout: Writable,
    stderr: Writable & ProgressTerminal,
    terminal: { isTerminal: boolean; columns: number | undefined },
  ) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.isTerminal = terminal.isTerminal;
    this.columns = terminal.columns;
    stdout.on('error', () => {
      this.#closed = true;
    });
    // Nobody reads the errors any more: there is nowhere left to say so.
    stderr.on('error', () => {});
  }

  /** Where a line that is kept up to date goes. */
  get progressTerminal(): ProgressTerminal {
    return this.#stderr;
  }

  /** The reader has gone away; what is written now is lost. */
  get closed(): boolean {
    return this.#closed;
  }

  async write(data: string | Uint8Array): Promise<void> {
    if (this.#closed) return;
    await new Promise<void>((resolve) => {
      // The callback is called with an error too, which the listener above has then seen.
      this.#stdout.write(data, () => resolve());
    });
  }

  line(text: string): Promise<void> {
    return this.write(`${text}\n`);
  }

  json(value: unknown): Promise<void> {
    return this.line(JSON.stringify(value));
  }

  /** Many lines, as they come. */
  lines(): LineStream {
    return new LineStream((text) => this.write(text));
  }

  /** A line for people. */
  note(text: string): void {
    this.#stderr.write(`${text}\n`);
  }

  async flush(): Promise<void> {
    await Promise.all([
      new Promise<void>((resolve) => {
        if (this.#closed) resolve();
        else this.#stdout.write('', () => resolve());
      }),
      new Promise<void>((resolve) => {
        this.#stderr.write('', () => resolve());
      }),
    ]);
  }
}

/** As much is written at once: a write a line costs more than most lines. */
const chunkLength = 64 * 1024;

/**
 * Lines of a long answer. What was added in one turn of the event loop is written together at its end: no line waits
 * for what comes later, and few writes are needed. `add` makes its caller wait when the reader is behind.
 */
class LineStream {
  readonly #write: (text: string) => Promise<void>;
  #text = '';
  #flush: NodeJS.Immediate | undefined;
  #written: Promise<void> = Promise.resolve();

  constructor(write: (text: string) => Promise<void>) {
    this.#write = write;
  }

  /** Undefined: there is nothing to wait for. */
  add(line: string): Promise<void> | undefined {
    this.#text += `${line}\n`;
    if (this.#text.length >= chunkLength) return this.end();
    this.#flush ??= setImmediate(() => void this.end());
    return undefined;
  }

  /** Writes what is left. */
  end(): Promise<void> {
    clearImmediate(this.#flush);
    this.#flush = undefined;
    const text = this.#text;
    this.#text = '';
    if (text !== '') this.#written = this.#write(text);
    return this.#written;
  }
}
