import type { AbstractIterator, AbstractLevel, AbstractSnapshot } from 'abstract-level';
import type { ViewBatch, ViewDatabase, ViewRow, ViewSnapshot } from './view-database.ts';

/**
 * A view in an abstract-level database whose keys and values are byte arrays.
 *
 * Assumes nothing of the database but what abstract-level says; what it leaves open is a LevelAccess.
 */
export type Level = AbstractLevel<string | Buffer | Uint8Array, Uint8Array, Uint8Array>;

export type LevelIterator = AbstractIterator<Level, Uint8Array, Uint8Array>;

/**
 * Rows are asked for in portions of this many: abstract-level bounds a portion by count, classic-level also by
 * bytes.
 */
const rowsPerPortion = 1000;

/** What differs between the databases. */
export interface LevelAccess {
  readonly level: Level;
  iterator(from: Uint8Array, to: Uint8Array, snapshot: AbstractSnapshot): LevelIterator;
  getSync(key: Uint8Array): Uint8Array | undefined;
  batch(): ViewBatch;
}

export class LevelView implements ViewDatabase {
  readonly #access: LevelAccess;

  constructor(access: LevelAccess) {
    this.#access = access;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#access.getSync(key);
  }

  getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#access.level.getMany(keys);
  }

  batch(): ViewBatch {
    return this.#access.batch();
  }

  snapshot(): ViewSnapshot {
    return new LevelSnapshot(this.#access, this.#access.level.snapshot());
  }

  close(): Promise<void> {
    return this.#access.level.close();
  }
}

class LevelSnapshot implements ViewSnapshot {
  readonly #access: LevelAccess;
  readonly #snapshot: AbstractSnapshot;

  constructor(access: LevelAccess, snapshot: AbstractSnapshot) {
    this.#access = access;
    this.#snapshot = snapshot;
  }

  async *pages(from: Uint8Array, to: Uint8Array, maxBytes: number): AsyncIterable<ViewRow[]> {
    const iterator = this.#access.iterator(from, to, this.#snapshot);
    try {
      let page: ViewRow[] = [];
      let pageBytes = 0;
      for (;;) {
        const portion = await iterator.nextv(rowsPerPortion);
        if (portion.length === 0) break;
        for (const [key, value] of portion) {
          const rowBytes = key.length + value.length;
          if (page.length > 0 && pageBytes + rowBytes > maxBytes) {
            yield page;
            page = [];
            pageBytes = 0;
          }
          page.push({ key, value });
          pageBytes += rowBytes;
        }
      }
      if (page.length > 0) yield page;
    } finally {
      await iterator.close();
    }
  }

  close(): Promise<void> {
    return this.#snapshot.close();
  }
}
