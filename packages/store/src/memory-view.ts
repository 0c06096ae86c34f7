import { EdisError } from '@edis/core';
import { MemoryLevel } from 'memory-level';
import type { ScratchLevel } from './before-images.ts';
import type { LevelIterator, RowCursor, SnapshotAccess } from './level-view.ts';
import { closedError, LevelView } from './level-view.ts';
import type { RowPair, ViewBatch, ViewDatabase, ViewStorage } from './view-database.ts';

/**
 * Views in memory: for `--ephemeral`, and for tests, where `crash` forgets what was written after the last synced
 * batch, as LevelDB does when the power fails.
 */
type Memory = MemoryLevel<Uint8Array, Uint8Array>;

type Change =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

class StoredView {
  level: Memory = newLevel();
  /** Batches that a crash forgets. Kept for tests only. */
  unsynced: Change[][] = [];
  /** All that a crash leaves. */
  synced: Change[][] = [];
}

export function newLevel(): Memory {
  return new MemoryLevel({ keyEncoding: 'view', valueEncoding: 'view', storeEncoding: 'buffer' });
}

/** For rows of another view, as long as they are few. */
export async function scratchInMemory(): Promise<ScratchLevel> {
  const level = newLevel();
  await level.open();
  return {
    level,
    iterator: (range) => level.iterator(range),
    remove: async () => {},
  };
}

/** The database's own: a version of its tree, which costs nothing to keep. */
function snapshotOf(level: Memory): SnapshotAccess {
  const snapshot = level.snapshot();
  return {
    get: (key) => level.getSync(key, { snapshot }),
    getMany: (keys) => level.getMany(keys, { snapshot }),
    cursor: (from, to) => cursorOf(level.iterator({ gte: from, lt: to, snapshot })),
    close: () => snapshot.close(),
  };
}

function cursorOf(iterator: LevelIterator): RowCursor {
  return {
    next: (count): Promise<RowPair[]> => iterator.nextv(count),
    close: () => iterator.close(),
  };
}

export interface MemoryViewOptions {
  /** Keeps what is needed to forget unsynced batches. Costs memory: for tests. */
  readonly forgetful?: boolean;
}

export class MemoryViewStorage implements ViewStorage {
  readonly #forgetful: boolean;
  readonly #views = new Map<string, StoredView>();
  #failWrites = 0;
  #generation = 0;

  constructor(options: MemoryViewOptions = {}) {
    this.#forgetful = options.forgetful ?? false;
  }

  /** The next batches fail, as they do on a full disk. */
  failWrite(count = 1): void {
    this.#failWrites = count;
  }

  /** Power fails: views are as of their last synced batch. Without `forget` the process is only killed. */
  async crash(forget: boolean): Promise<void> {
    this.#generation++;
    this.#failWrites = 0;
    for (const view of this.#views.values()) {
      const kept = forget ? view.synced : [...view.synced, ...view.unsynced];
      view.level = newLevel();
      view.synced = kept;
      view.unsynced = [];
      for (const changes of kept) await view.level.batch(changes);
    }
  }

  async open(path: string): Promise<ViewDatabase> {
    let view = this.#views.get(path);
    if (view === undefined) {
      view = new StoredView();
      this.#views.set(path, view);
    }
    const stored = view;
    const level = stored.level;
    await level.open();
    const generation = this.#generation;
    return new LevelView({
      level,
      getSync: (key) => level.getSync(key),
      snapshot: () => snapshotOf(level),
      toError: (caught) => closedError(caught) ?? EdisError.from(caught, 'internal'),
      batch: () => this.#batch(stored, level, path, generation),
      close: () => level.close(),
    });
  }

  async exists(path: string): Promise<boolean> {
    return this.#views.has(path);
  }

  async rename(from: string, to: string): Promise<void> {
    const view = this.#views.get(from);
    if (view === undefined) throw new EdisError('disk', `cannot rename ${from}: there is no such view`);
    this.#views.delete(from);
    this.#views.set(to, view);
  }

  async remove(path: string): Promise<void> {
    this.#views.delete(path);
  }

  #batch(stored: StoredView, level: Memory, path: string, generation: number): ViewBatch {
    const changes: Change[] = [];
    return {
      put: (key, value) => {
        changes.push({ type: 'put', key: new Uint8Array(key), value: new Uint8Array(value) });
      },
      delete: (key) => {
        changes.push({ type: 'del', key: new Uint8Array(key) });
      },
      write: async (sync) => {
        if (generation !== this.#generation)
          throw new EdisError('disk', `the view in ${path} failed: the power is off`);
        if (this.#failWrites > 0) {
          this.#failWrites--;
          throw new EdisError('disk', `the view in ${path} failed: no space left on device`);
        }
        await level.batch(changes);
        if (this.#forgetful && generation === this.#generation) this.#note(stored, changes, sync);
      },
      discard: async () => {
        changes.length = 0;
      },
    };
  }

  #note(stored: StoredView, changes: Change[], sync: boolean): void {
    stored.unsynced.push(changes);
    if (!sync) return;
    stored.synced.push(...stored.unsynced);
    stored.unsynced = [];
  }
}
