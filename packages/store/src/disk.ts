import { EdisError } from '@edis/core';

/**
 * The only way in which the store reaches files, so that a fake disk can forget what is unsynced, tear, fail and
 * fill up.
 *
 * Every method throws (or rejects with) EdisError 'disk', which names the path and what is wrong.
 */
export interface DiskFile {
  readonly path: string;
  /** Bytes in the file, appended ones included. */
  readonly size: number;
  /** Writes at the end before it returns; nothing of it is safe before a sync. */
  append(chunks: readonly Uint8Array[]): void;
  /** Makes what was appended before the call safe, without holding up the event loop. */
  sync(): Promise<void>;
  /** Fewer bytes than asked for at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /**
   * Writes once more, over itself, what the file holds from there on; safe after a sync. After a sync that failed a
   * system may take for written what is only in its memory, and leave it out of every later one.
   */
  rewrite(offset: number): Promise<void>;
  /** Cuts the file at a size; safe after a sync. */
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

export interface Disk {
  /** Opens a file for reading and appending; makes it when it is missing. The name is safe after syncDirectory. */
  open(path: string): DiskFile;
  /** Size of a file; undefined: there is none. */
  sizeOf(path: string): Promise<number | undefined>;
  /** Names in a directory, sorted; none when it is missing. */
  list(directory: string): Promise<string[]>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a directory with all that it holds; nothing when it is missing. */
  remove(path: string): Promise<void>;
  /** Makes a directory and those above it; their names are safe when it returns. */
  makeDirectory(path: string): Promise<void>;
  /** Makes names that were added to, removed from or changed in a directory safe. */
  syncDirectory(path: string): Promise<void>;
}

const causes: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on device',
  EDQUOT: 'no space left in the quota',
  EIO: 'input/output error of the device',
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EMFILE: 'too many open files in this process',
  ENFILE: 'too many open files on this machine',
  ENOTDIR: 'a part of the path is not a directory',
  EEXIST: 'something else has that name',
  EISDIR: 'it is a directory',
};

/** The words for an error of the operating system. */
export function describeSystemError(caught: unknown): string {
  if (!(caught instanceof Error)) return String(caught);
  const code = 'code' in caught && typeof caught.code === 'string' ? caught.code : '';
  return causes[code] ?? caught.message;
}

export function diskError(action: string, path: string, caught: unknown): EdisError {
  if (caught instanceof EdisError) return caught;
  return new EdisError('disk', `cannot ${action} ${path}: ${describeSystemError(caught)}`, { cause: caught });
}
