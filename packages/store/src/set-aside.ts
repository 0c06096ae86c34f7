import { EdisError } from '@edis/core';
import { damageAdvice } from './damage.ts';
import type { DataDirectory } from './data-directory.ts';
import { pathOf } from './node-disk.ts';
import type { StoreEnvironment } from './store-environment.ts';

/** The log ends before what the view has folded: entries that were synced are gone. */
export class ViewAheadError extends EdisError {
  constructor(what: string) {
    super('damaged', `${what}; ${damageAdvice}`);
  }
}

/** A copy that is used no longer, because its log had lost what was synced. */
export interface SetAsideCopy {
  /** Which store it was. */
  readonly store: string;
  readonly path: string;
  readonly why: string;
}

/**
 * Makes a directory whose view is ahead of its log a new and empty store: a learner, which takes its copy from others.
 *
 * A member's word is its log. With one that lost entries it would vote for a primary that lacks what it acknowledged,
 * and its acknowledgements of what comes would stand for a log with a gap. So it is another store from the first
 * moment: its new id is safe before anything is moved. Nothing is deleted: a person may need the old copy, if the
 * others should turn out to be gone. For that reason the only member of a shard is never set aside.
 */
export async function setAside(
  { disk, views }: StoreEnvironment,
  directory: DataDirectory,
  newStoreId: () => string,
): Promise<string> {
  const { setAside: begun, store } = directory.identity;
  const former = begun === '' ? store : begun;
  const path = pathOf(directory.path, 'set-aside', former);
  if (begun === '') await directory.renew(newStoreId());
  await disk.makeDirectory(pathOf(path, 'log'));
  if (await views.exists(directory.viewPath)) {
    await views.remove(pathOf(path, 'view'));
    await views.rename(directory.viewPath, pathOf(path, 'view'));
  }
  for (const name of await disk.list(directory.logPath)) {
    await disk.rename(pathOf(directory.logPath, name), pathOf(path, 'log', name));
  }
  await disk.syncDirectory(pathOf(path, 'log'));
  await disk.syncDirectory(path);
  await disk.syncDirectory(directory.path);
  await disk.syncDirectory(directory.logPath);
  await directory.save({ setAside: '' });
  return path;
}

/** Whether others have the shard's data, as far as this store knows. */
export function maySetAside({ identity }: DataDirectory): boolean {
  return identity.configuration?.members.some((member) => member !== identity.store) === true;
}
