/**
 * The cluster's state in a LevelDB in the data directory.
 *
 * Guarantees: a saved state is synced before `save` resolves, and one save is atomic; a second process, a directory of
 * another role and a newer format are refused as 'data-directory', a damaged row as 'damaged', a failing disk as
 * 'disk'.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterState } from '@edis/core';
import { EdisError } from '@edis/core';
import { makeDataDirectory } from '@edis/store/make-data-directory';
import { ClassicLevel } from 'classic-level';
import { changedRows, damageAdvice, stateOfRows } from './state-row.ts';
import { LocalStore } from './store.ts';

/** Directory of the database inside the data directory. */
const databaseName = 'topology';
/** No part of the cluster's state: it is of this store alone. */
const fencingKey = 'fencing';
/** A shard member's directory has this file. */
const memberFile = 'store.json';

export class EmbeddedStore extends LocalStore {
  readonly #database: ClassicLevel;
  #saved: ClusterState | undefined;

  /** @param fencing at least that number, from now on */
  static async open(directory: string, fencing = 0): Promise<EmbeddedStore> {
    await makeDataDirectory(directory);
    if (await exists(join(directory, memberFile))) {
      const message = `the data directory ${directory} belongs to a shard; give info one of its own with --data`;
      throw new EdisError('data-directory', message);
    }
    const database = new ClassicLevel(join(directory, databaseName));
    try {
      await database.open();
    } catch (caught) {
      throw openError(caught, directory);
    }
    try {
      return new EmbeddedStore(database, await raiseFencing(database, fencing));
    } catch (caught) {
      await database.close();
      throw caught;
    }
  }

  private constructor(database: ClassicLevel, fencing: number) {
    super(fencing);
    this.#database = database;
  }

  async load(): Promise<ClusterState | undefined> {
    const rows: { key: string; value: string }[] = [];
    try {
      for await (const [key, value] of this.#database.iterator()) if (key !== fencingKey) rows.push({ key, value });
    } catch (caught) {
      throw ioError(caught, 'read');
    }
    this.#saved = stateOfRows(rows);
    return this.#saved;
  }

  async save(state: ClusterState): Promise<void> {
    const operations = changedRows(this.#saved, state).map((row) => ({ type: 'put' as const, ...row }));
    try {
      await this.#database.batch(operations, { sync: true });
    } catch (caught) {
      throw ioError(caught, 'write');
    }
    this.#saved = state;
  }

  close(): Promise<void> {
    return this.#database.close();
  }
}

/** The highest number that was ever asked for. */
async function raiseFencing(database: ClassicLevel, wanted: number): Promise<number> {
  let stored: string | undefined;
  try {
    stored = await database.get(fencingKey);
  } catch (caught) {
    throw ioError(caught, 'read');
  }
  const known = stored === undefined ? 0 : Number(stored);
  if (!Number.isSafeInteger(known)) throw new EdisError('damaged', `info's stored row '${fencingKey}' is no number`);
  if (wanted <= known) return known;
  try {
    await database.put(fencingKey, String(wanted), { sync: true });
  } catch (caught) {
    throw ioError(caught, 'write');
  }
  return wanted;
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    // Not there, or not for us, in which case opening the database will say so.
    return false;
  }
}

/** The code of an error, or of what caused it: Level wraps what LevelDB says. */
function codesOf(caught: unknown): ReadonlySet<string> {
  const codes = new Set<string>();
  for (let error = caught; error instanceof Error; error = error.cause) {
    const code: unknown = Reflect.get(error, 'code');
    if (typeof code === 'string') codes.add(code);
  }
  return codes;
}

function innermost(caught: unknown): string {
  let error = caught;
  while (error instanceof Error && error.cause instanceof Error) error = error.cause;
  return error instanceof Error ? error.message : String(error);
}

function openError(caught: unknown, directory: string): EdisError {
  const codes = codesOf(caught);
  if (codes.has('LEVEL_LOCKED')) {
    return new EdisError('data-directory', `the data directory ${directory} is in use by another process`, {
      cause: caught,
    });
  }
  if (codes.has('LEVEL_CORRUPTION')) {
    const message = `the data in ${directory} is damaged: ${innermost(caught)}; ${damageAdvice}`;
    return new EdisError('damaged', message, { cause: caught });
  }
  const message = `cannot open the data directory ${directory}: ${innermost(caught)}`;
  return new EdisError('data-directory', message, { cause: caught });
}

function ioError(caught: unknown, doing: 'read' | 'write'): EdisError {
  if (codesOf(caught).has('LEVEL_CORRUPTION')) {
    return new EdisError('damaged', `info's stored data is damaged: ${innermost(caught)}`, { cause: caught });
  }
  return new EdisError('disk', `info cannot ${doing} its data: ${innermost(caught)}`, { cause: caught });
}
