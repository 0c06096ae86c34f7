/**
 * The ordered key-value database that the view is kept in, as far as the view needs it. LevelDB on disk, memory-level
 * for `--ephemeral`, and for tests a memory that forgets what was not synced.
 */
export interface ViewRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Key and value. */
export type RowPair = readonly [Uint8Array, Uint8Array];

/** Rows that are written together or not at all. */
export interface ViewBatch {
  /** Copies both before it returns: the caller may use their memory again. */
  put(key: Uint8Array, value: Uint8Array): void;
  delete(key: Uint8Array): void;
  /** @param sync also makes this batch, and all before it, outlive a power loss */
  write(sync: boolean): Promise<void>;
  /** Lets go of a batch that is not written. */
  discard(): Promise<void>;
}

/** The rows as they were at one moment. */
export interface ViewSnapshot {
  get(key: Uint8Array): Uint8Array | undefined;
  getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]>;
  /**
   * Rows from `from` (inclusive) to `to` (exclusive), in order, in the portions in which the database hands them over:
   * a small one first, and from the third on each while the one before it is used.
   * @param wanted how many rows the reader will likely take: they come at once, and nothing is fetched beyond them
   */
  portions(from: Uint8Array, to: Uint8Array, wanted?: number): AsyncIterable<readonly RowPair[]>;
  /** Rows from `from` (inclusive) to `to` (exclusive), in order, in pages of about `maxBytes`. */
  pages(from: Uint8Array, to: Uint8Array, maxBytes: number): AsyncIterable<ViewRow[]>;
  close(): Promise<void>;
}

export interface ViewDatabase {
  get(key: Uint8Array): Uint8Array | undefined;
  getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]>;
  batch(): ViewBatch;
  snapshot(): ViewSnapshot;
  close(): Promise<void>;
}

/** Where views lie. Renames and removals are safe once they have returned. */
export interface ViewStorage {
  /** EdisError 'damaged' when it cannot be read, 'disk' when the disk fails. */
  open(path: string): Promise<ViewDatabase>;
  exists(path: string): Promise<boolean>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}
