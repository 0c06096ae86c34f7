import type { AbstractSnapshot } from 'abstract-level';
import type { ImageSpace } from './before-images.ts';
import { BeforeImages, keyBehind } from './before-images.ts';
import type { KeyList } from './key-list.ts';
import type { Level, LevelIterator, RowCursor, SnapshotAccess } from './level-view.ts';
import { viewClosed } from './level-view.ts';
import { Turnstile } from './turnstile.ts';
import type { RowPair } from './view-database.ts';

/**
 * Snapshots of a LevelDB view that LevelDB itself keeps for a short time only.
 *
 * LevelDB 1.20, the one in classic-level, loses the order of a row's versions when a compaction must keep several for
 * a snapshot: the end of a file may come between them, the newer goes a level down without the older (google/leveldb
 * issue 320), and a read finds the older. If the newer is a removal that is then dropped, the row is back for good.
 * Found by comparing every read with a model, while 250 MiB were overwritten beside a snapshot.
 *
 * Guarantees: none of LevelDB's snapshots that is older than a batch is still open when the next batch begins to be
 * written. As LevelDB moves its memory to files at the beginning of a write alone, no compaction ever meets a version
 * that a snapshot hides. A snapshot that lives longer keeps itself, from the second batch on, what rows were before
 * they changed. Assumes: nothing but `SnapshotKeeper.write` writes the view.
 */
export interface DetachableLevel {
  readonly level: Level;
  getSync(key: Uint8Array, snapshot?: AbstractSnapshot): Uint8Array | undefined;
  snapshot(): AbstractSnapshot;
  iterator(from: Uint8Array, to: Uint8Array, snapshot?: AbstractSnapshot): LevelIterator;
  /** Where what rows were before is kept. */
  readonly space: ImageSpace;
}

/** What must happen to the snapshots of a view around each of its batches. */
export class SnapshotKeeper {
  readonly #level: DetachableLevel;
  readonly #snapshots = new Set<DetachableSnapshot>();
  readonly #turnstile = new Turnstile();
  /** The keys of the batch that is being written. */
  #writing: KeyList | undefined;

  constructor(level: DetachableLevel) {
    this.#level = level;
  }

  open(): SnapshotAccess {
    const snapshot = new DetachableSnapshot(this.#level, this.#writing, () => this.#snapshots.delete(snapshot));
    this.#snapshots.add(snapshot);
    return snapshot;
  }

  /** Writes a batch, one at a time. */
  write(keys: KeyList, write: () => Promise<void>): Promise<void> {
    return this.#turnstile.pass(async () => {
      this.#writing = keys;
      try {
        await Promise.all([...this.#snapshots].map((snapshot) => snapshot.beforeWrite(keys)));
        await write();
      } finally {
        this.#writing = undefined;
      }
    });
  }

  /** When the view is closed: lets go of what is kept. */
  async close(): Promise<void> {
    await Promise.all([...this.#snapshots].map((snapshot) => snapshot.close()));
  }
}

class DetachableSnapshot implements SnapshotAccess {
  readonly #level: DetachableLevel;
  readonly #onClosed: () => void;
  /** LevelDB's. Undefined: what changed since is in the images. */
  #snapshot: AbstractSnapshot | undefined;
  /** The keys of the one batch that it may be older than. */
  #passed: KeyList | undefined;
  #images: BeforeImages | undefined;
  readonly #reads = new Set<Promise<unknown>>();
  readonly #cursors = new Set<DetachableCursor>();
  /** Reads wait for it: images are being kept. */
  #keeping: Promise<void> | undefined;
  #failure: { readonly caught: unknown } | undefined;
  #closing: Promise<void> | undefined;

  constructor(level: DetachableLevel, writing: KeyList | undefined, onClosed: () => void) {
    this.#level = level;
    this.#snapshot = level.snapshot();
    this.#passed = writing;
    this.#onClosed = onClosed;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    if (this.#snapshot !== undefined) return this.#level.getSync(key, this.#snapshot);
    const now = this.#level.getSync(key);
    return this.#images === undefined ? now : this.#images.before(key, now);
  }

  getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.read(async () => {
      const snapshot = this.#snapshot;
      if (snapshot !== undefined) return this.#level.level.getMany(keys, { snapshot });
      const now = await this.#level.level.getMany(keys);
      return this.#images === undefined ? now : this.#images.beforeMany(keys, now);
    });
  }

  cursor(from: Uint8Array, to: Uint8Array): RowCursor {
    const cursor = new DetachableCursor(this, from, to, () => this.#cursors.delete(cursor));
    this.#cursors.add(cursor);
    return cursor;
  }

  /** An iterator of LevelDB's own snapshot; undefined: the snapshot has been let go. */
  attachedIterator(from: Uint8Array, to: Uint8Array): LevelIterator | undefined {
    const snapshot = this.#snapshot;
    return snapshot === undefined ? undefined : this.#level.iterator(from, to, snapshot);
  }

  /** Rows with the images laid over them, and before which key they end; undefined: there are no more. */
  async detachedRows(
    from: Uint8Array,
    to: Uint8Array,
    count: number,
  ): Promise<{ readonly rows: RowPair[]; readonly next: Uint8Array | undefined }> {
    // Its own snapshot lives as long as one portion takes, and the next batch waits for that.
    const iterator = this.#level.iterator(from, to);
    let now: RowPair[];
    try {
      now = await iterator.nextv(count);
    } finally {
      await iterator.close();
    }
    const last = now[now.length - 1];
    const end = last === undefined ? to : keyBehind(last[0]);
    if (this.#images === undefined) return { rows: now, next: last === undefined ? undefined : end };
    const { rows, covered } = await this.#images.beforeRange(from, end, now);
    return { rows, next: last === undefined && covered === to ? undefined : covered };
  }

  /** Reads while no images are being kept. */
  async read<Result>(work: () => Promise<Result>): Promise<Result> {
    while (this.#keeping !== undefined) await this.#keeping;
    if (this.#closing !== undefined) throw viewClosed();
    if (this.#failure !== undefined) throw this.#failure.caught;
    const reading = work();
    this.#reads.add(reading);
    try {
      return await reading;
    } finally {
      this.#reads.delete(reading);
    }
  }

  /** Where images cannot be kept, the snapshot is lost, and the view goes on. */
  async beforeWrite(keys: KeyList): Promise<void> {
    if (this.#closing !== undefined) return this.#closing;
    if (this.#failure !== undefined) return;
    if (this.#snapshot !== undefined && this.#passed === undefined) {
      this.#passed = keys;
      return;
    }
    const keeping = this.#keep(keys).catch((caught: unknown) => {
      this.#failure = { caught };
    });
    this.#keeping = keeping;
    await keeping;
    this.#keeping = undefined;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #keep(keys: KeyList): Promise<void> {
    await Promise.allSettled(this.#reads);
    const snapshot = this.#snapshot;
    if (snapshot === undefined) {
      await this.#images?.note(keys, (part) => this.#level.level.getMany(part));
      return;
    }
    try {
      const images = await BeforeImages.open(this.#level.space);
      this.#images = images;
      const passed = this.#passed === undefined ? [keys] : [this.#passed, keys];
      for (const list of passed) await images.note(list, (part) => this.#level.level.getMany(part, { snapshot }));
    } finally {
      this.#passed = undefined;
      await this.#detach();
    }
  }

  async #detach(): Promise<void> {
    const snapshot = this.#snapshot;
    this.#snapshot = undefined;
    await Promise.all([...this.#cursors].map((cursor) => cursor.detach()));
    await snapshot?.close();
  }

  async #close(): Promise<void> {
    await this.#keeping;
    await Promise.allSettled(this.#reads);
    await this.#detach();
    await this.#images?.close();
    this.#onClosed();
  }
}

class DetachableCursor implements RowCursor {
  readonly #source: DetachableSnapshot;
  readonly #to: Uint8Array;
  readonly #onClosed: () => void;
  #iterator: LevelIterator | undefined;
  /** Undefined: there are no more rows. */
  #from: Uint8Array | undefined;

  constructor(source: DetachableSnapshot, from: Uint8Array, to: Uint8Array, onClosed: () => void) {
    this.#source = source;
    this.#from = from;
    this.#to = to;
    this.#onClosed = onClosed;
    this.#iterator = source.attachedIterator(from, to);
  }

  next(count: number): Promise<RowPair[]> {
    return this.#source.read(async () => {
      if (this.#iterator !== undefined) {
        const rows = await this.#iterator.nextv(count);
        const last = rows[rows.length - 1];
        this.#from = last === undefined ? undefined : keyBehind(last[0]);
        return rows;
      }
      while (this.#from !== undefined) {
        const { rows, next } = await this.#source.detachedRows(this.#from, this.#to, count);
        this.#from = next;
        if (rows.length > 0) return rows;
      }
      return [];
    });
  }

  /** The snapshot goes; nobody reads. */
  async detach(): Promise<void> {
    const iterator = this.#iterator;
    this.#iterator = undefined;
    await iterator?.close();
  }

  async close(): Promise<void> {
    await this.detach();
    this.#onClosed();
  }
}
