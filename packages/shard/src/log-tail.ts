import type { EncodedEntry } from '@edis/store';

interface TailEntry extends EncodedEntry {
  readonly position: number;
}

/** A run of entries that fits what was asked for. */
export interface TailRun {
  readonly bodies: Uint8Array[];
  readonly checksums: number[];
  readonly bytes: number;
}

/**
 * The newest entries of the log, kept in memory so that followers who keep up cost no file reads.
 *
 * Bounded by bytes; who has fallen behind it reads the log file.
 */
export class LogTail {
  readonly #maxBytes: number;
  #entries: TailEntry[] = [];
  #head = 0;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(position: number, entry: EncodedEntry): void {
    const last = this.#entries[this.#entries.length - 1];
    if (last !== undefined && position !== last.position + 1) this.clear();
    this.#entries.push({ position, body: entry.body, checksum: entry.checksum });
    this.#bytes += entry.body.length;
    while (this.#bytes > this.#maxBytes && this.#head < this.#entries.length) {
      this.#bytes -= this.#entries[this.#head]?.body.length ?? 0;
      this.#head += 1;
    }
    if (this.#head > 256 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Nobody follows: what comes next does not join on to what is kept. */
  clear(): void {
    if (this.#entries.length === 0) return;
    this.#entries = [];
    this.#head = 0;
    this.#bytes = 0;
  }

  /** Entries from `position` on, at least one, together at most `maxBytes` beyond the first; undefined: not here. */
  from(position: number, maxBytes: number): TailRun | undefined {
    const first = this.#entries[this.#head];
    if (first === undefined || position < first.position) return undefined;
    const run: TailRun & { bytes: number } = { bodies: [], checksums: [], bytes: 0 };
    for (let index = this.#head + position - first.position; index < this.#entries.length; index += 1) {
      const entry = this.#entries[index];
      if (entry === undefined) break;
      if (run.bodies.length > 0 && run.bytes + entry.body.length > maxBytes) break;
      run.bodies.push(entry.body);
      run.checksums.push(entry.checksum);
      run.bytes += entry.body.length;
    }
    return run.bodies.length === 0 ? undefined : run;
  }
}
