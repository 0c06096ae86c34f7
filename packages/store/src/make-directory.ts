import { mkdir, open, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/**
 * Makes a directory and those above it, and has the name of each that it made outlive a power loss. Throws what Node
 * throws.
 *
 * One level at a time: Node's own recursive mkdir never ends below a directory that takes no new ones and says that
 * they do not exist, as Linux's /proc does (seen with Node 20.20).
 */
export async function makeDirectory(path: string, sync = syncDirectory): Promise<void> {
  await makeLevels(resolve(path), sync);
}

async function makeLevels(path: string, sync: typeof syncDirectory): Promise<void> {
  const parent = dirname(path);
  try {
    await makeOne(path, sync);
  } catch (caught) {
    if (codeOf(caught) !== 'ENOENT' || parent === path) throw caught;
    await makeLevels(parent, sync);
    await makeOne(path, sync);
  }
}

async function makeOne(path: string, sync: typeof syncDirectory): Promise<void> {
  try {
    await mkdir(path);
  } catch (caught) {
    if (codeOf(caught) === 'EEXIST' && (await isDirectory(path))) return;
    throw caught;
  }
  await sync(dirname(path));
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    // A link that leads nowhere, or gone again: that the name is taken is what the caller has to hear.
    return false;
  }
}

/** Makes the names in a directory safe. Throws what Node throws. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export function codeOf(caught: unknown): unknown {
  return caught instanceof Error && 'code' in caught ? caught.code : undefined;
}
