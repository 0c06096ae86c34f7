/** A session for a person: a prompt, history, completion, and Ctrl-C for the command that runs. */
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Output } from '../output.ts';
import type { Completer } from './completer.ts';
import type { History } from './history.ts';
import { maxHistoryLines } from './history.ts';
import { KeyStream } from './key-stream.ts';
import { LineJoiner } from './line-joiner.ts';
import type { ReplSession } from './repl-session.ts';

const continuation = '   ...> ';

export interface ReplTerminalOptions {
  readonly input: Readable;
  readonly terminal: Writable;
  readonly output: Output;
  readonly session: ReplSession;
  readonly completer: Completer;
  readonly history: History;
}

export class ReplTerminal {
  readonly #options: ReplTerminalOptions;
  readonly #joiner = new LineJoiner();
  #queue: Promise<void> = Promise.resolve();
  #ended = false;
  /** `exit` was typed: what comes next stands on a line of its own already. */
  #isLeft = false;

  constructor(options: ReplTerminalOptions) {
    this.#options = options;
  }

  /** Ends with Ctrl-D, `exit`, or its input. */
  async run(): Promise<void> {
    const { input, terminal, output, session, history } = this.#options;
    const keys = new KeyStream(input);
    const lines = createInterface({
      input: keys,
      output: terminal,
      terminal: true,
      history: await history.load(),
      historySize: maxHistoryLines,
      removeHistoryDuplicates: true,
      completer: (line: string, done: CompleterCallback) => this.#complete(line, done),
    });
    this.#prompt(lines);
    lines.on('line', (line) => {
      history.add(line);
      this.#queue = this.#queue.then(() => this.#onLine(line, lines));
    });
    lines.on('SIGINT', () => this.#onInterrupt(lines));
    await new Promise<void>((resolve) => {
      lines.once('close', () => {
        this.#ended = true;
        keys.close();
        session.cancel();
        resolve();
      });
    });
    await this.#queue;
    await history.flush();
    if (!this.#isLeft) terminal.write('\n');
    if (history.fault !== undefined) output.note(`edis: the history is not kept: ${history.fault}`);
  }

  async #onLine(line: string, lines: Interface): Promise<void> {
    if (this.#ended) return;
    const words = this.#joiner.add(line);
    const result = words === undefined ? undefined : await this.#options.session.run(words);
    if (result?.ended === true) {
      this.#isLeft = true;
      lines.close();
    } else if (!this.#ended) this.#prompt(lines);
  }

  #onInterrupt(lines: Interface): void {
    const { session, terminal } = this.#options;
    terminal.write('^C\n');
    if (session.cancel()) return;
    if (lines.line === '' && this.#joiner.open === '') terminal.write('Ctrl-D or exit ends the session\n');
    this.#joiner.clear();
    // Empties the line that was being typed.
    lines.write(null, { ctrl: true, name: 'e' });
    lines.write(null, { ctrl: true, name: 'u' });
    this.#prompt(lines);
  }

  #prompt(lines: Interface): void {
    const { keyspace } = this.#options.session.settings;
    const name = keyspace === undefined ? 'edis' : `edis:${keyspace}`;
    lines.setPrompt(this.#joiner.open === '' ? `${name}> ` : continuation);
    lines.prompt();
  }

  #complete(line: string, done: CompleterCallback): void {
    // What stands on earlier lines is part of the command, and never of the word.
    this.#options.completer.complete(this.#joiner.open + line).then(
      (completions) => done(null, completions),
      () => done(null, [[], line]),
    );
  }
}

type CompleterCallback = (error: null, completions: [string[], string]) => void;
