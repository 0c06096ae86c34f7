/** A door of its own, for processes that keep no store: what lies behind the other one brings LevelDB along. */
import { EdisError } from '@edis/core';
import { describeSystemError } from './disk.ts';
import { makeDirectory } from './make-directory.ts';

/**
 * Makes a data directory and those above it. EdisError 'data-directory' when that is not possible. Their names outlive
 * a power loss when it returns, as what is written below them has to.
 */
export async function makeDataDirectory(path: string): Promise<void> {
  try {
    await makeDirectory(path);
  } catch (caught) {
    const why = describeSystemError(caught);
    throw new EdisError('data-directory', `cannot make the data directory ${path}: ${why}`, { cause: caught });
  }
}
