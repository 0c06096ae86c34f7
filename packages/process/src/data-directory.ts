import { mkdir, open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { EdisError } from '@edis/core';

/**
 * Makes a data directory and those above it. EdisError 'data-directory' when that is not possible. Their names outlive
 * a power loss when it returns, as what is written below them has to.
 *
 * One level at a time: Node's own recursive mkdir never ends below a directory that takes no new ones and says that
 * they do not exist, as Linux's /proc does (seen with Node 20.20).
 */
export async function makeDataDirectory(path: string): Promise<void> {
  try {
    await makeLevels(resolve(path));
  } catch (caught) {
    const { message } = EdisError.from(caught);
    throw new EdisError('data-directory', `cannot make the data directory ${path}: ${message}`, { cause: caught });
  }
}

async function makeLevels(path: string): Promise<void> {
  const parent = dirname(path);
  if (await makeOne(path)) return;
  if (parent !== path) await makeLevels(parent);
  await mkdir(path);
  await syncDirectory(parent);
}

/** Whether it is there now; false when the directory above it is missing. */
async function makeOne(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    await syncDirectory(dirname(path));
    return true;
  } catch (caught) {
    const code = caught instanceof Error && 'code' in caught ? caught.code : undefined;
    // A file of that name is found out by whoever uses the directory.
    if (code === 'EEXIST') return true;
    if (code === 'ENOENT') return false;
    throw caught;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
