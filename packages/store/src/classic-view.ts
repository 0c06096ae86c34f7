import { readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EdisError } from '@edis/core';
import { ClassicLevel } from 'classic-level';
import type { ScratchLevel } from './before-images.ts';
import { damaged } from './damage.ts';
import { describeSystemError, diskError } from './disk.ts';
import { KeyList } from './key-list.ts';
import { closedError, LevelView } from './level-view.ts';
import { codeOf } from './make-directory.ts';
import { scratchInMemory } from './memory-view.ts';
import { NodeDisk } from './node-disk.ts';
import { SnapshotKeeper } from './snapshot-keeper.ts';
import type { ViewBatch, ViewDatabase, ViewStorage } from './view-database.ts';
import type { DetachableLevel } from './view-moment.ts';

/** Views on disk: LevelDB through classic-level. Its files are its own, they do not pass through `Disk`. */

const MIB = 1024 * 1024;

/**
 * Chosen by measurement with one million records of 100 bytes written in random order: write buffers from 4 to 16 MiB
 * are equally fast and larger ones slower; up to two of them are in memory. Compression costs nothing that could be
 * measured, and LevelDB's own cache adds little to the record cache above it.
 */
const levelOptions = {
  writeBufferSize: 8 * MIB,
  cacheSize: 8 * MIB,
  maxFileSize: 4 * MIB,
  blockSize: 4096,
  compression: true,
  maxOpenFiles: 500,
};

/** A portion of an iterator: large ones save hops to the thread pool. */
const iteratorPortionBytes = 512 * 1024;

/** For what is written once, and read once or twice. */
const scratchOptions = { ...levelOptions, writeBufferSize: 4 * MIB, cacheSize: MIB, maxOpenFiles: 100 };

/** Of one moment: a query's fits. More is faster kept by LevelDB, too. */
const imageBytesMax = MIB;

/** Directories within a view's, which LevelDB passes over: rows as long-lived snapshots see them. */
const scratchPrefix = 'before-';

type Classic = ClassicLevel<Uint8Array, Uint8Array>;

class ClassicBatch implements ViewBatch {
  readonly #path: string;
  readonly #disk: NodeDisk;
  readonly #batch: ReturnType<Classic['batch']>;
  readonly #keeper: SnapshotKeeper;
  readonly #keys = new KeyList();

  constructor(level: Classic, path: string, disk: NodeDisk, keeper: SnapshotKeeper) {
    this.#disk = disk;
    this.#path = path;
    this.#batch = level.batch();
    this.#keeper = keeper;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#batch.put(key, value);
    this.#keys.add(key);
  }

  delete(key: Uint8Array): void {
    this.#batch.del(key);
    this.#keys.add(key);
  }

  /**
   * LevelDB makes its newest log file safe, and never the one before it: a batch that was left unsynced there would be
   * a hole below what a later sync has made safe. So every batch is synced; a fold is large, and has time.
   */
  async write(sync: boolean): Promise<void> {
    try {
      await this.#keeper.write(this.#keys, () => this.#batch.write({ sync: true }));
    } catch (caught) {
      throw viewError(this.#path, caught);
    }
    // The names of LevelDB's files are safe, too, before the log lets go what they hold.
    if (sync) await this.#disk.syncDirectory(this.#path);
  }

  discard(): Promise<void> {
    return this.#batch.close();
  }
}

/** What LevelDB says of the operating system's errors is text only; the words that matter to people are put first. */
function viewError(path: string, caught: unknown): EdisError {
  const text = rootMessage(caught);
  const code = rootCode(caught);
  if (code === 'LEVEL_CORRUPTION') {
    return damaged(`the view in ${path} is damaged (${text})`, caught);
  }
  if (code === 'LEVEL_LOCKED') {
    return new EdisError('data-directory', `${path} is in use by another process`, { cause: caught });
  }
  return new EdisError('disk', `the view in ${path} failed: ${text}`, { cause: caught });
}

function rootOf(caught: unknown): unknown {
  return caught instanceof Error && caught.cause instanceof Error ? rootOf(caught.cause) : caught;
}

function rootMessage(caught: unknown): string {
  return describeSystemError(rootOf(caught));
}

function rootCode(caught: unknown): string {
  const root = rootOf(caught);
  return root instanceof Error && 'code' in root && typeof root.code === 'string' ? root.code : '';
}

/** Opens a LevelDB database. */
export async function openClassic(path: string, options: object = levelOptions): Promise<Classic> {
  const level: Classic = new ClassicLevel(path, { keyEncoding: 'view', valueEncoding: 'view', ...options });
  try {
    await level.open();
    return level;
  } catch (caught) {
    throw viewError(path, caught);
  }
}

function openView(level: Classic, path: string, disk: NodeDisk, nextScratch: () => number): ViewDatabase {
  const toError = (caught: unknown): EdisError =>
    caught instanceof EdisError ? caught : (closedError(caught) ?? viewError(path, caught));
  const access: DetachableLevel = {
    level,
    getSync: (key, snapshot) => {
      try {
        return snapshot === undefined ? level.getSync(key) : level.getSync(key, { snapshot });
      } catch (caught) {
        throw toError(caught);
      }
    },
    snapshot: () => level.snapshot(),
    iterator: (from, to, snapshot) => {
      const range = { gte: from, lt: to, highWaterMarkBytes: iteratorPortionBytes };
      return level.iterator(snapshot === undefined ? range : { ...range, snapshot });
    },
    space: {
      memoryBytesMax: imageBytesMax,
      inMemory: scratchInMemory,
      onDisk: () => scratchOnDisk(join(path, `${scratchPrefix}${nextScratch()}`)),
    },
  };
  const keeper = new SnapshotKeeper(access);
  return new LevelView({
    level,
    getSync: (key) => access.getSync(key),
    toError,
    snapshot: () => keeper.open(),
    batch: () => new ClassicBatch(level, path, disk, keeper),
    close: async () => {
      try {
        await keeper.close();
      } finally {
        await level.close();
      }
    },
  });
}

async function scratchOnDisk(path: string): Promise<ScratchLevel> {
  const level = await openClassic(path, scratchOptions).catch(async (caught: unknown) => {
    // Its directory is there already.
    await rm(path, { recursive: true, force: true }).catch(() => {});
    throw caught;
  });
  return {
    level,
    iterator: (range) => level.iterator({ ...range, highWaterMarkBytes: iteratorPortionBytes }),
    remove: async () => {
      try {
        await level.close();
        await rm(path, { recursive: true, force: true });
      } catch {
        // What is left goes when the view is opened next.
      }
    },
  };
}

/** What a process that died has left of them. */
async function removeScratches(path: string): Promise<void> {
  try {
    for (const name of await readdir(path)) {
      if (name.startsWith(scratchPrefix)) await rm(join(path, name), { recursive: true, force: true });
    }
  } catch (caught) {
    if (codeOf(caught) !== 'ENOENT') throw diskError('clear', path, caught);
  }
}

export class ClassicViewStorage implements ViewStorage {
  readonly #disk = new NodeDisk();
  readonly #options: object;
  /** Never the same twice: a view that takes over has the path of the one before. */
  #scratches = 0;

  /** @param options of LevelDB, where they are not to be the ones above: for tests */
  constructor(options: object = {}) {
    this.#options = { ...levelOptions, ...options };
  }

  async open(path: string): Promise<ViewDatabase> {
    const level = await openClassic(path, this.#options);
    try {
      await removeScratches(path);
      // The directory is new or was renamed: its name must outlive a power loss from here on, and those in it.
      await this.#disk.syncDirectory(path);
      await this.#disk.syncDirectory(dirname(path));
    } catch (caught) {
      await level.close();
      throw caught;
    }
    return openView(level, path, this.#disk, () => ++this.#scratches);
  }

  async exists(path: string): Promise<boolean> {
    try {
      return (await readdir(path)).length > 0;
    } catch (caught) {
      // A view that is only unreadable for now is one: passed over, it would take over at a later start.
      if (codeOf(caught) === 'ENOENT') return false;
      throw diskError('list', path, caught);
    }
  }

  async rename(from: string, to: string): Promise<void> {
    try {
      await rename(from, to);
    } catch (caught) {
      throw diskError(`rename to ${to}:`, from, caught);
    }
    await this.#disk.syncDirectory(dirname(to));
  }

  async remove(path: string): Promise<void> {
    try {
      await rm(path, { recursive: true, force: true });
    } catch (caught) {
      throw diskError('remove', path, caught);
    }
    await this.#disk.syncDirectory(dirname(path));
  }
}
