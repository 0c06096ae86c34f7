import type { EdisError } from '@edis/core';
import type { AbstractSnapshot } from 'abstract-level';
import type { BeforeImages, Image, ImageSpace } from './before-images.ts';
import { imagesLost, keyBehind, laidOver } from './before-images.ts';
import type { KeyList } from './key-list.ts';
import type { Level, LevelIterator, RowCursor, SnapshotAccess } from './level-view.ts';
import { viewClosed } from './level-view.ts';
import type { RowPair } from './view-database.ts';

/** What is needed of a LevelDB view. */
export interface DetachableLevel {
  readonly level: Level;
  getSync(key: Uint8Array, snapshot?: AbstractSnapshot): Uint8Array | undefined;
  snapshot(): AbstractSnapshot;
  iterator(from: Uint8Array, to: Uint8Array, snapshot?: AbstractSnapshot): LevelIterator;
  /** Where what rows were before is kept. */
  readonly space: ImageSpace;
}

export interface MomentOptions {
  readonly level: DetachableLevel;
  /** The keys of a batch that is being written: the moment may be before it, or behind it. */
  readonly writing: KeyList | undefined;
  /** What is to be laid over what the database has, the images of this moment first, then those of later ones. */
  readonly imagesFrom: (moment: ViewMoment) => readonly BeforeImages[];
  /** It has no reader any more. */
  readonly onUnread: (moment: ViewMoment) => Promise<void>;
}

/** A moment of a view, and those who read it: as a snapshot of LevelDB at first, by images from its second batch on. */
export class ViewMoment {
  /** The keys of the one batch that it may be older than. */
  passed: KeyList | undefined;
  /** What it shows could not be kept. */
  failure: EdisError | undefined;
  readonly #options: MomentOptions;
  /** LevelDB's. Undefined: what changed since is in the images. */
  #snapshot: AbstractSnapshot | undefined;
  readonly #readers = new Set<SnapshotAccess>();
  readonly #cursors = new Set<MomentCursor>();
  readonly #reads = new Set<Promise<unknown>>();
  #detached: Promise<void> | undefined;

  constructor(options: MomentOptions) {
    this.#options = options;
    this.#snapshot = options.level.snapshot();
    this.passed = options.writing;
  }

  get snapshot(): AbstractSnapshot | undefined {
    return this.#snapshot;
  }

  get isRead(): boolean {
    return this.#readers.size > 0;
  }

  open(): SnapshotAccess {
    const cursors = new Set<MomentCursor>();
    let isClosed = false;
    const checkOpen = (): void => {
      if (isClosed) throw viewClosed();
    };
    const reader: SnapshotAccess = {
      get: (key) => {
        checkOpen();
        return this.#get(key);
      },
      getMany: async (keys) => {
        checkOpen();
        return this.#read(() => this.#getMany(keys));
      },
      cursor: (from, to) => {
        checkOpen();
        const cursor = new MomentCursor(this, checkOpen, from, to);
        cursors.add(cursor);
        this.#cursors.add(cursor);
        return cursor;
      },
      close: async () => {
        if (isClosed) return;
        isClosed = true;
        this.#readers.delete(reader);
        try {
          await Promise.all([...cursors].map((cursor) => cursor.close()));
        } finally {
          if (!this.isRead) await this.#options.onUnread(this);
        }
      },
    };
    this.#readers.add(reader);
    return reader;
  }

  /** What is under way here has let go of what it holds of LevelDB. */
  async settle(): Promise<void> {
    await Promise.allSettled([...this.#reads, this.#detached]);
  }

  /** Goes on without LevelDB's snapshot. */
  detach(): Promise<void> {
    this.#detached ??= this.#detach();
    return this.#detached;
  }

  /** An iterator of LevelDB's snapshot; undefined: that has been let go. */
  attachedIterator(from: Uint8Array, to: Uint8Array): LevelIterator | undefined {
    const snapshot = this.#snapshot;
    return snapshot === undefined ? undefined : this.#options.level.iterator(from, to, snapshot);
  }

  attachedRows(iterator: LevelIterator, count: number): Promise<RowPair[]> {
    return this.#read(() => iterator.nextv(count));
  }

  /** Rows with the images laid over them, and where those behind them begin; undefined: there are none. */
  detachedRows(
    from: Uint8Array,
    to: Uint8Array,
    count: number,
  ): Promise<{ readonly rows: RowPair[]; readonly next: Uint8Array | undefined }> {
    return this.#read(async () => {
      const now = await this.#rowsNow(from, to, count);
      const last = now[now.length - 1];
      const end = last === undefined ? to : keyBehind(last[0]);
      const { rows, covered } = await this.#before(from, end, now);
      return { rows, next: last === undefined && covered === to ? undefined : covered };
    });
  }

  forget(cursor: MomentCursor): void {
    this.#cursors.delete(cursor);
  }

  async #detach(): Promise<void> {
    const snapshot = this.#snapshot;
    this.#snapshot = undefined;
    this.passed = undefined;
    await Promise.allSettled([...this.#reads]);
    await Promise.allSettled([...this.#cursors].map((cursor) => cursor.detach()));
    await snapshot?.close();
  }

  #get(key: Uint8Array): Uint8Array | undefined {
    // Who asks so does so when it opens; later it would have to wait for images.
    if (this.#snapshot === undefined) throw this.failure ?? viewClosed();
    return this.#options.level.getSync(key, this.#snapshot);
  }

  async #getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    const { level } = this.#options.level;
    const snapshot = this.#snapshot;
    if (snapshot !== undefined) return level.getMany(keys, { snapshot });
    const now = await level.getMany(keys);
    const found = new Map<number, Image>();
    for (const images of this.#images()) {
      const noted = await this.#kept(images.imagesOf(keys));
      for (const [index, image] of noted.entries()) {
        if (image !== undefined && !found.has(index)) found.set(index, image);
      }
    }
    return now.map((row, index) => {
      const image = found.get(index);
      return image === undefined ? row : image.row;
    });
  }

  /** Its own snapshot lives as long as one portion takes, and a later batch waits for that. */
  async #rowsNow(from: Uint8Array, to: Uint8Array, count: number): Promise<RowPair[]> {
    const iterator = this.#options.level.iterator(from, to);
    try {
      return await iterator.nextv(count);
    } finally {
      await iterator.close();
    }
  }

  /** What was from `from` to before `covered`, which is `to` or a key before it. */
  async #before(
    from: Uint8Array,
    to: Uint8Array,
    now: readonly RowPair[],
  ): Promise<{ readonly rows: RowPair[]; readonly covered: Uint8Array }> {
    const parts = [];
    let covered = to;
    for (const images of this.#images()) {
      const part = await this.#kept(images.imagesIn(from, covered));
      covered = part.covered;
      parts.push(part.images);
    }
    const isCovered = ([key]: readonly [Uint8Array, unknown]): boolean => Buffer.compare(key, covered) < 0;
    let rows = covered === to ? [...now] : now.filter(isCovered);
    // The earlier a row was kept, the older is what it shows: those are laid over the others.
    for (const images of parts.reverse()) rows = laidOver(rows, images.filter(isCovered));
    return { rows, covered };
  }

  #images(): readonly BeforeImages[] {
    if (this.failure !== undefined) throw this.failure;
    return this.#options.imagesFrom(this);
  }

  /** What images have; they fail, too, when they are taken away because the view is closed. */
  async #kept<Result>(read: Promise<Result>): Promise<Result> {
    try {
      return await read;
    } catch (caught) {
      throw this.failure ?? imagesLost(caught);
    }
  }

  async #read<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.failure !== undefined) throw this.failure;
    const reading = work();
    this.#reads.add(reading);
    try {
      return await reading;
    } finally {
      this.#reads.delete(reading);
    }
  }
}

class MomentCursor implements RowCursor {
  readonly #moment: ViewMoment;
  readonly #checkOpen: () => void;
  readonly #to: Uint8Array;
  #iterator: LevelIterator | undefined;
  /** Undefined: there are no more rows. */
  #from: Uint8Array | undefined;

  constructor(moment: ViewMoment, checkOpen: () => void, from: Uint8Array, to: Uint8Array) {
    this.#moment = moment;
    this.#checkOpen = checkOpen;
    this.#from = from;
    this.#to = to;
    this.#iterator = moment.attachedIterator(from, to);
  }

  async next(count: number): Promise<RowPair[]> {
    this.#checkOpen();
    if (this.#iterator !== undefined) {
      const rows = await this.#moment.attachedRows(this.#iterator, count);
      const last = rows[rows.length - 1];
      this.#from = last === undefined ? undefined : keyBehind(last[0]);
      return rows;
    }
    while (this.#from !== undefined) {
      const { rows, next } = await this.#moment.detachedRows(this.#from, this.#to, count);
      this.#from = next;
      if (rows.length > 0) return rows;
      this.#checkOpen();
    }
    return [];
  }

  /** The snapshot goes; nobody reads from it. */
  async detach(): Promise<void> {
    const iterator = this.#iterator;
    this.#iterator = undefined;
    await iterator?.close();
  }

  async close(): Promise<void> {
    this.#moment.forget(this);
    await this.detach();
  }
}
