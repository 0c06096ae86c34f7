/**
 * The whole terminal, for a while.
 *
 * Guarantees: what was on it before is there again afterwards, with its cursor, also when the process ends by an error;
 * a line that is too long is cut by the terminal and moves nothing.
 */
import type { Readable, Writable } from 'node:stream';

const enterCodes = '\u001b[?1049h\u001b[?25l\u001b[?7l';
const leaveCodes = '\u001b[?7h\u001b[?25h\u001b[?1049l';
const home = '\u001b[H';
const clearRestOfLine = '\u001b[K';
const clearBelow = '\u001b[J';

/** What a terminal's keys are read from; raw: each as it is pressed. */
export type KeySource = Readable & { setRawMode?(raw: boolean): unknown };
export type ScreenTarget = Writable & { readonly columns?: number; readonly rows?: number };

export class Screen {
  readonly #target: ScreenTarget;
  readonly #keys: KeySource;
  readonly #onKey: (key: string) => void;
  readonly #onResize: () => void;
  readonly #restore = () => this.close();
  #open = false;

  constructor(target: ScreenTarget, keys: KeySource, on: { key(key: string): void; resize(): void }) {
    this.#target = target;
    this.#keys = keys;
    this.#onKey = (key) => on.key(String(key));
    this.#onResize = () => on.resize();
  }

  get size(): { readonly columns: number; readonly rows: number } {
    const { columns = 0, rows = 0 } = this.#target;
    // A terminal that does not know its size says 0.
    return { columns: columns > 0 ? columns : 80, rows: rows > 0 ? rows : 24 };
  }

  open(): void {
    this.#open = true;
    process.once('exit', this.#restore);
    this.#keys.setRawMode?.(true);
    this.#keys.on('data', this.#onKey);
    this.#target.on('resize', this.#onResize);
    this.#target.write(enterCodes);
  }

  draw(lines: readonly string[]): void {
    if (!this.#open) return;
    const text = lines.map((line) => `${line}${clearRestOfLine}`).join('\r\n');
    this.#target.write(`${home}${text}${clearBelow}`);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    process.off('exit', this.#restore);
    this.#target.write(leaveCodes);
    this.#target.off('resize', this.#onResize);
    this.#keys.off('data', this.#onKey);
    this.#keys.setRawMode?.(false);
    this.#keys.pause();
  }
}
