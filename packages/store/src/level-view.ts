import { EdisError } from '@edis/core';
import type { AbstractIterator, AbstractLevel, AbstractSnapshot } from 'abstract-level';
import type { RowPair, ViewBatch, ViewDatabase, ViewRow, ViewSnapshot } from './view-database.ts';

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
/** The first portion: many readers want no more. */
const firstRows = 128;
/** The first portion for a reader who says what it wants: one hop to the thread pool for a page of a scan. */
const maxWantedRows = 4096;

/** Keys that one thread of the pool looks up: a search that needs more has several at work, some milliseconds less. */
const keysPerLookup = 32;
/** Threads for one reader: others wait for theirs. */
const maxLookups = 3;

/** What differs between the databases. */
export interface LevelAccess {
  readonly level: Level;
  iterator(from: Uint8Array, to: Uint8Array, snapshot: AbstractSnapshot): LevelIterator;
  getSync(key: Uint8Array, snapshot?: AbstractSnapshot): Uint8Array | undefined;
  /** What an operation failed with, as an error of ours. */
  toError(caught: unknown): EdisError;
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

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#access.getSync(key, this.#snapshot);
  }

  async getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    const { level } = this.#access;
    const options = { snapshot: this.#snapshot };
    try {
      if (keys.length <= keysPerLookup) return await level.getMany(keys, options);
      const found = partsOf(keys).map((part) => level.getMany(part, options));
      return (await Promise.all(found)).flat();
    } catch (caught) {
      throw this.#access.toError(caught);
    }
  }

  async *portions(from: Uint8Array, to: Uint8Array, wanted?: number): AsyncIterable<readonly RowPair[]> {
    const iterator = this.#iterator(from, to);
    try {
      let next = await iterator.nextv(wanted === undefined ? firstRows : Math.min(wanted, maxWantedRows));
      let rows = 0;
      while (next.length > 0) {
        rows += next.length;
        // Fetched ahead only for a reader who goes on, as far as that is known.
        const goesOn = wanted === undefined ? rows > firstRows : rows < wanted;
        const following = goesOn ? iterator.nextv(rowsPerPortion) : undefined;
        // It may fail while nobody waits for it; the failure is met below.
        following?.catch(() => {});
        yield next;
        next = await (following ?? iterator.nextv(rowsPerPortion));
      }
    } catch (caught) {
      throw this.#access.toError(caught);
    } finally {
      await iterator.close();
    }
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

  #iterator(from: Uint8Array, to: Uint8Array): LevelIterator {
    try {
      return this.#access.iterator(from, to, this.#snapshot);
    } catch (caught) {
      throw this.#access.toError(caught);
    }
  }

  close(): Promise<void> {
    return this.#snapshot.close();
  }
}

function partsOf(keys: Uint8Array[]): Uint8Array[][] {
  const size = Math.max(keysPerLookup, Math.ceil(keys.length / maxLookups));
  const parts: Uint8Array[][] = [];
  for (let start = 0; start < keys.length; start += size) parts.push(keys.slice(start, start + size));
  return parts;
}

const closedCodes = new Set(['LEVEL_DATABASE_NOT_OPEN', 'LEVEL_ITERATOR_NOT_OPEN', 'LEVEL_SNAPSHOT_NOT_OPEN']);

/** The error for a reader whose view was closed beneath it; undefined: it is something else. */
export function closedError(caught: unknown): EdisError | undefined {
  if (!(caught instanceof Error) || !('code' in caught) || !closedCodes.has(String(caught.code))) return undefined;
  const message = 'the view was closed while it was read: the store is closed, or a snapshot has taken over';
  return new EdisError('busy', message, { cause: caught, retryAfterMs: 50 });
}
