import { readdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EdisError } from '@edis/core';
import type { AbstractSnapshot } from 'abstract-level';
import { ClassicLevel } from 'classic-level';
import { damaged } from './damage.ts';
import { describeSystemError, diskError } from './disk.ts';
import type { LevelIterator } from './level-view.ts';
import { closedError, LevelView } from './level-view.ts';
import { codeOf } from './make-directory.ts';
import { NodeDisk } from './node-disk.ts';
import type { ViewBatch, ViewDatabase, ViewStorage } from './view-database.ts';

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

type Classic = ClassicLevel<Uint8Array, Uint8Array>;

class ClassicBatch implements ViewBatch {
  readonly #path: string;
  readonly #disk: NodeDisk;
  readonly #batch: ReturnType<Classic['batch']>;

  constructor(level: Classic, path: string, disk: NodeDisk) {
    this.#disk = disk;
    this.#path = path;
    this.#batch = level.batch();
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#batch.put(key, value);
  }

  delete(key: Uint8Array): void {
    this.#batch.del(key);
  }

  /**
   * LevelDB makes its newest log file safe, and never the one before it: a batch that was left unsynced there would be
   * a hole below what a later sync has made safe. So every batch is synced; a fold is large, and has time.
   */
  async write(sync: boolean): Promise<void> {
    try {
      await this.#batch.write({ sync: true });
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

function openView(level: Classic, path: string, disk: NodeDisk): ViewDatabase {
  const toError = (caught: unknown): EdisError => closedError(caught) ?? viewError(path, caught);
  return new LevelView({
    level,
    getSync: (key, snapshot) => {
      try {
        return snapshot === undefined ? level.getSync(key) : level.getSync(key, { snapshot });
      } catch (caught) {
        throw toError(caught);
      }
    },
    toError,
    iterator: (from: Uint8Array, to: Uint8Array, snapshot: AbstractSnapshot): LevelIterator =>
      level.iterator({ gte: from, lt: to, snapshot, highWaterMarkBytes: iteratorPortionBytes }),
    batch: () => new ClassicBatch(level, path, disk),
  });
}

export class ClassicViewStorage implements ViewStorage {
  readonly #disk = new NodeDisk();

  async open(path: string): Promise<ViewDatabase> {
    const view = openView(await openClassic(path), path, this.#disk);
    // The directory is new or was renamed: its name must outlive a power loss from here on, and those in it.
    await this.#disk.syncDirectory(path);
    await this.#disk.syncDirectory(dirname(path));
    return view;
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
