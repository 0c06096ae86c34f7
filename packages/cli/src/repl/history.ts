/**
 * What was typed in earlier sessions.
 *
 * Guarantees: only the user can read the file (values are typed here, and some are secrets); it stays bounded; sessions
 * at the same time add to it without losing lines. That it cannot be kept is no reason not to work: `fault` says why.
 */
import { appendFile, chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { printableLine } from '../printable.ts';
import { isMissing, messageOf } from '../transfer/file-error.ts';

/** As many lines are offered. */
export const maxHistoryLines = 1000;
const ownerOnly = 0o600;

/** `EDIS_HISTORY` names the file; empty: none is kept. */
export function historyPath(
  environment: Readonly<Record<string, string | undefined>>,
  home: string,
): string | undefined {
  const named = environment['EDIS_HISTORY'];
  if (named !== undefined) return named === '' ? undefined : named;
  const state = environment['XDG_STATE_HOME'];
  return state === undefined || state === '' ? join(home, '.edis_history') : join(state, 'edis', 'history');
}

export class History {
  readonly #path: string | undefined;
  #fault: string | undefined;
  #written: Promise<void> = Promise.resolve();

  constructor(path: string | undefined) {
    this.#path = path;
  }

  /** Why nothing is kept; undefined: it is. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** The newest lines, the newest first. */
  async load(): Promise<string[]> {
    if (this.#path === undefined) return [];
    try {
      const text = await readFile(this.#path, 'utf8');
      await chmod(this.#path, ownerOnly);
      // What could act on a terminal when it is shown again was not typed here.
      const lines = text.split('\n').filter((line) => line !== '' && printableLine(line) === line);
      const newest = lines.slice(-maxHistoryLines);
      if (lines.length > 2 * maxHistoryLines) await writeFile(this.#path, `${newest.join('\n')}\n`);
      return newest.toReversed();
    } catch (caught) {
      if (!isMissing(caught)) this.#fault = messageOf(caught);
      return [];
    }
  }

  add(line: string): void {
    if (line.trim() === '' || printableLine(line) !== line) return;
    this.#written = this.#written.then(() => this.#append(line));
  }

  /** All that was added is in the file. */
  flush(): Promise<void> {
    return this.#written;
  }

  async #append(line: string): Promise<void> {
    if (this.#path === undefined || this.#fault !== undefined) return;
    try {
      await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
      await appendFile(this.#path, `${line}\n`, { mode: ownerOnly });
    } catch (caught) {
      this.#fault = messageOf(caught);
    }
  }
}
