import type { DiskFile } from './disk.ts';

/** One file of the log: consecutive entries from a first position, after which it is named. */
const nameDigits = 16;
const namePattern = /^(\d{16})\.log$/;
/** A note of where an entry begins is kept for each stretch of this many bytes, to find others from. */
const noteIntervalBytes = 64 * 1024;

export function segmentName(firstPosition: number): string {
  return `${String(firstPosition).padStart(nameDigits, '0')}.log`;
}

/** Undefined when it is not the name of a segment. */
export function segmentPosition(name: string): number | undefined {
  const digits = namePattern.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

interface Note {
  readonly position: number;
  readonly offset: number;
}

export class Segment {
  readonly firstPosition: number;
  readonly file: DiskFile;
  /** Last entry in it; below the first position: none. */
  lastPosition: number;
  readonly #notes: Note[];
  #readers = 0;
  #removed = false;

  constructor(firstPosition: number, file: DiskFile, lastPosition: number) {
    this.firstPosition = firstPosition;
    this.file = file;
    this.lastPosition = lastPosition;
    this.#notes = [{ position: firstPosition, offset: 0 }];
  }

  get path(): string {
    return this.file.path;
  }

  /** True once it is no longer part of the log. */
  get removed(): boolean {
    return this.#removed;
  }

  /** Says where an entry begins. In order of position; known ones are ignored. */
  note(position: number, offset: number): void {
    const last = this.#notes[this.#notes.length - 1];
    if (last === undefined || (position > last.position && offset >= last.offset + noteIntervalBytes)) {
      this.#notes.push({ position, offset });
    }
  }

  /** The nearest known beginning of an entry that is not after this position. */
  nearest(position: number): Note {
    let low = 0;
    let high = this.#notes.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#notes[middle]?.position ?? 0) <= position) low = middle;
      else high = middle - 1;
    }
    return this.#notes[low] ?? { position: this.firstPosition, offset: 0 };
  }

  /** Cuts the entries above a position. */
  async truncateAfter(position: number, offset: number): Promise<void> {
    await this.file.truncate(offset);
    while ((this.#notes[this.#notes.length - 1]?.position ?? 0) > Math.max(position, this.firstPosition))
      this.#notes.pop();
    this.lastPosition = position;
  }

  /** Keeps the file open while `read` runs, even if the segment is removed meanwhile. */
  async reading<Result>(read: () => Promise<Result>): Promise<Result> {
    this.#readers++;
    try {
      return await read();
    } finally {
      this.#readers--;
      if (this.#removed && this.#readers === 0) await this.file.close();
    }
  }

  /** Takes the segment out of the log; the file is closed when its last reader is done. */
  async retire(): Promise<void> {
    this.#removed = true;
    if (this.#readers === 0) await this.file.close();
  }
}
