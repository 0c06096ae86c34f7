import type { EncodedEntries, EncodedEntry } from './logged-operation.ts';

/** The newest entries in memory, so that followers that keep up cost no file reads. Bounded by bytes. */
export class LogTail {
  readonly #maxBytes: number;
  #entries: EncodedEntry[] = [];
  #head = 0;
  #firstPosition = 1;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  append(position: number, entry: EncodedEntry): void {
    if (this.#head === this.#entries.length) this.#firstPosition = position;
    this.#entries.push(entry);
    this.#bytes += entry.body.length;
    while (this.#bytes > this.#maxBytes && this.#head < this.#entries.length - 1) this.#shift();
  }

  /** Entries from a position on; undefined when it is older than the tail. */
  read(fromPosition: number, maxBytes: number): EncodedEntries | undefined {
    if (fromPosition < this.#firstPosition || this.#head === this.#entries.length) return undefined;
    const bodies: Uint8Array[] = [];
    const checksums: number[] = [];
    let bytes = 0;
    for (let index = this.#head + fromPosition - this.#firstPosition; index < this.#entries.length; index++) {
      const entry = this.#entries[index];
      if (entry === undefined || (bodies.length > 0 && bytes + entry.body.length > maxBytes)) break;
      bodies.push(entry.body);
      checksums.push(entry.checksum);
      bytes += entry.body.length;
    }
    return { firstPosition: fromPosition, bodies, checksums };
  }

  clear(): void {
    this.#entries = [];
    this.#head = 0;
    this.#bytes = 0;
  }

  #shift(): void {
    const entry = this.#entries[this.#head++];
    this.#bytes -= entry?.body.length ?? 0;
    this.#firstPosition++;
    if (this.#head >= 64 && this.#head * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}
