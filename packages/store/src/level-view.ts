import { EdisError } from '@edis/core';
import type { AbstractIterator, AbstractLevel } from 'abstract-level';
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

/** Rows in order, so many at a time. */
export interface RowCursor {
  /** Empty: there are no more. */
  next(count: number): Promise<RowPair[]>;
  close(): Promise<void>;
}

/** The rows as they were at one moment. */
export interface SnapshotAccess {
  get(key: Uint8Array): Uint8Array | undefined;
  getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]>;
  cursor(from: Uint8Array, to: Uint8Array): RowCursor;
  close(): Promise<void>;
}

/** What differs between the databases. */
export interface LevelAccess {
  readonly level: Level;
  getSync(key: Uint8Array): Uint8Array | undefined;
  snapshot(): SnapshotAccess;
  /** What an operation failed with, as an error of ours. */
  toError(caught: unknown): EdisError;
  batch(): ViewBatch;
  /** Ends open snapshots, too. */
  close(): Promise<void>;
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
    return new LevelSnapshot(this.#access.snapshot(), (caught) => this.#access.toError(caught));
  }

  close(): Promise<void> {
    return this.#access.close();
  }
}

class LevelSnapshot implements ViewSnapshot {
  readonly #snapshot: SnapshotAccess;
  readonly #toError: (caught: unknown) => EdisError;

  constructor(snapshot: SnapshotAccess, toError: (caught: unknown) => EdisError) {
    this.#snapshot = snapshot;
    this.#toError = toError;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#snapshot.get(key);
  }

  async getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    try {
      if (keys.length <= keysPerLookup) return await this.#snapshot.getMany(keys);
      const found = partsOf(keys).map((part) => this.#snapshot.getMany(part));
      return (await Promise.all(found)).flat();
    } catch (caught) {
      throw this.#toError(caught);
    }
  }

  async *portions(from: Uint8Array, to: Uint8Array, wanted?: number): AsyncIterable<readonly RowPair[]> {
    const cursor = this.#cursor(from, to);
    try {
      let next = await cursor.next(wanted === undefined ? firstRows : Math.min(wanted, maxWantedRows));
      let rows = 0;
      while (next.length > 0) {
        rows += next.length;
        // Fetched ahead only for a reader who goes on, as far as that is known.
        const goesOn = wanted === undefined ? rows > firstRows : rows < wanted;
        const following = goesOn ? cursor.next(rowsPerPortion) : undefined;
        // It may fail while nobody waits for it; the failure is met below.
        following?.catch(() => {});
        yield next;
        next = await (following ?? cursor.next(rowsPerPortion));
      }
    } catch (caught) {
      throw this.#toError(caught);
    } finally {
      await cursor.close();
    }
  }

  async *pages(from: Uint8Array, to: Uint8Array, maxBytes: number): AsyncIterable<ViewRow[]> {
    const cursor = this.#cursor(from, to);
    try {
      let page: ViewRow[] = [];
      let pageBytes = 0;
      for (;;) {
        const portion = await cursor.next(rowsPerPortion);
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
    } catch (caught) {
      throw this.#toError(caught);
    } finally {
      await cursor.close();
    }
  }

  #cursor(from: Uint8Array, to: Uint8Array): RowCursor {
    try {
      return this.#snapshot.cursor(from, to);
    } catch (caught) {
      throw this.#toError(caught);
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
  return viewClosed(caught);
}

/** For a reader of a view that is closed. */
export function viewClosed(cause?: unknown): EdisError {
  const message = 'the view was closed while it was read: the store is closed, or a snapshot has taken over';
  return new EdisError('busy', message, { cause, retryAfterMs: 50 });
}
