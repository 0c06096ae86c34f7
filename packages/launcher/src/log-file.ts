import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** At this size a file is renamed to `….1`, replacing the one before: a process never keeps more than twice that. */
const maxFileBytes = 16 * 1024 * 1024;

/**
 * The log of one process in a file, bounded by one rotation. A failure to write ends the file, never the cluster.
 * Writes are synchronous: lines are few, nothing has to be kept in memory, and the last line before a crash is there.
 */
export class LogFile {
  readonly #path: string;
  #file: number | undefined;
  #bytes = 0;
  #failed = false;

  constructor(path: string) {
    this.#path = path;
  }

  write(line: string): void {
    if (this.#failed) return;
    try {
      const file = this.#file ?? this.#open();
      this.#bytes += writeSync(file, `${line}\n`);
      if (this.#bytes < maxFileBytes) return;
      this.close();
      renameSync(this.#path, `${this.#path}.1`);
    } catch {
      this.#failed = true;
      this.close();
    }
  }

  close(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) closeSync(file);
  }

  #open(): number {
    mkdirSync(dirname(this.#path), { recursive: true });
    const file = openSync(this.#path, 'a');
    this.#file = file;
    this.#bytes = fstatSync(file).size;
    return file;
  }
}
