/** A door of its own, for processes that keep no store: what lies behind the other one brings LevelDB along. */
import { EdisError } from '@edis/core';
import { codeOf, makeDirectory } from './make-directory.ts';

/**
 * Makes a data directory and those above it. EdisError 'data-directory' when that is not possible. Their names outlive
 * a power loss when it returns, as what is written below them has to.
 */
export async function makeDataDirectory(path: string): Promise<void> {
  try {
    await makeDirectory(path);
  } catch (caught) {
    // A file of that name is found out by whoever uses the directory.
    if (codeOf(caught) === 'EEXIST') return;
    const { message } = EdisError.from(caught);
    throw new EdisError('data-directory', `cannot make the data directory ${path}: ${message}`, { cause: caught });
  }
}
