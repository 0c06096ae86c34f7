import { EdisError } from '@edis/core';
import { ClassicViewStorage, openClassic } from './classic-view.ts';
import type { Disk } from './disk.ts';
import { MemoryDisk } from './memory-disk.ts';
import { MemoryViewStorage } from './memory-view.ts';
import { NodeDisk, pathOf } from './node-disk.ts';
import type { ViewStorage } from './view-database.ts';

/** What a store stands on: real files, memory, or a test's fakes. */
export interface StoreEnvironment {
  readonly disk: Disk;
  readonly views: ViewStorage;
  /** Takes a directory for this process alone; EdisError 'data-directory' when another living process has it. */
  lock(directory: string): Promise<DirectoryLock>;
  /** Calls back once after a time; the result calls it off. */
  startTimer(delayMs: number, onDue: () => void): () => void;
}

export interface DirectoryLock {
  release(): Promise<void>;
}

function startTimer(delayMs: number, onDue: () => void): () => void {
  const timer = setTimeout(onDue, delayMs);
  // A store that nobody uses does not keep its process alive.
  timer.unref();
  return () => clearTimeout(timer);
}

/**
 * The lock is LevelDB's own, of an empty database that nothing is ever written to: the kernel holds it for a
 * process, so it ends with a kill -9, and it works between containers that share a volume, where process ids mean
 * nothing.
 */
async function lockDirectory(directory: string): Promise<DirectoryLock> {
  try {
    const level = await openClassic(pathOf(directory, 'lock'), { writeBufferSize: 64 * 1024, cacheSize: 0 });
    return { release: () => level.close() };
  } catch (caught) {
    const error = EdisError.from(caught, 'disk');
    if (error.code !== 'data-directory') throw error;
    const message = `${directory} is in use by another living process; stop it, or choose another data directory`;
    throw new EdisError('data-directory', message, { cause: caught });
  }
}

export function diskEnvironment(): StoreEnvironment {
  return { disk: new NodeDisk(), views: new ClassicViewStorage(), lock: lockDirectory, startTimer };
}

/** All in memory, gone with the process. */
export function ephemeralEnvironment(): StoreEnvironment {
  return {
    disk: new MemoryDisk(),
    views: new MemoryViewStorage(),
    lock: async () => ({ release: async () => {} }),
    startTimer,
  };
}
