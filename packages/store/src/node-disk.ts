import type { Dirent } from 'node:fs';
import { closeSync, constants, fdatasync, fstatSync, ftruncate, openSync, read, writeSync, writevSync } from 'node:fs';
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Disk, DiskFile } from './disk.ts';
import { diskError } from './disk.ts';
import { makeDirectory, syncDirectory } from './make-directory.ts';

/**
 * Real files. Appends happen on the event loop, which costs less than a hop to the thread pool; syncs and reads happen
 * on the pool, for they may take long.
 */
const dataSync = promisify(fdatasync);
const cut = promisify(ftruncate);
const readAt = promisify(read);

/** What is rewritten at a time. */
const rewriteBytes = 1024 * 1024;

/** The kernel takes at most 1024 pieces in one call (IOV_MAX). */
const maxPiecesPerWrite = 1024;

class NodeFile implements DiskFile {
  readonly path: string;
  readonly #descriptor: number;
  #size: number;
  #closed = false;

  constructor(path: string, descriptor: number, size: number) {
    this.path = path;
    this.#descriptor = descriptor;
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  append(chunks: readonly Uint8Array[]): void {
    try {
      const only = chunks.length === 1 ? chunks[0] : undefined;
      if (only === undefined) this.#writeAll(chunks);
      else this.#write(only);
    } catch (caught) {
      throw diskError('write to', this.path, caught);
    }
  }

  #write(chunk: Uint8Array): void {
    let done = 0;
    while (done < chunk.length) done += writeSync(this.#descriptor, chunk, done);
    this.#size += done;
  }

  #writeAll(chunks: readonly Uint8Array[]): void {
    for (let first = 0; first < chunks.length; first += maxPiecesPerWrite) {
      const pieces = chunks.slice(first, first + maxPiecesPerWrite);
      let done = writevSync(this.#descriptor, pieces);
      this.#size += done;
      // A short write is rare: a nearly full disk, or a signal. What is left goes out piece by piece.
      for (const piece of pieces) {
        if (done < piece.length) this.#write(piece.subarray(done));
        done = Math.max(0, done - piece.length);
      }
    }
  }

  async sync(): Promise<void> {
    try {
      await dataSync(this.#descriptor);
    } catch (caught) {
      throw diskError('sync', this.path, caught);
    }
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const wanted = Math.max(0, Math.min(length, this.#size - offset));
    const buffer = Buffer.allocUnsafeSlow(wanted);
    let done = 0;
    try {
      while (done < wanted) {
        const { bytesRead } = await readAt(this.#descriptor, buffer, done, wanted - done, offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
    } catch (caught) {
      throw diskError('read', this.path, caught);
    }
    return buffer.subarray(0, done);
  }

  async rewrite(offset: number): Promise<void> {
    try {
      // What is opened for appending appends wherever it is told to write.
      const handle = await open(this.path, 'r+');
      try {
        for (let at = offset; at < this.#size; at += rewriteBytes) {
          const bytes = await this.read(at, rewriteBytes);
          for (let done = 0; done < bytes.length; ) {
            done += (await handle.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
          }
        }
      } finally {
        await handle.close();
      }
    } catch (caught) {
      throw diskError('write to', this.path, caught);
    }
  }

  async truncate(size: number): Promise<void> {
    try {
      await cut(this.#descriptor, size);
      this.#size = size;
    } catch (caught) {
      throw diskError('truncate', this.path, caught);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      closeSync(this.#descriptor);
    } catch (caught) {
      throw diskError('close', this.path, caught);
    }
  }
}

export class NodeDisk implements Disk {
  open(path: string): DiskFile {
    try {
      const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT;
      const descriptor = openSync(path, flags, 0o644);
      return new NodeFile(path, descriptor, fstatSync(descriptor).size);
    } catch (caught) {
      throw diskError('open', path, caught);
    }
  }

  async sizeOf(path: string): Promise<number | undefined> {
    try {
      return (await stat(path)).size;
    } catch (caught) {
      if (isMissing(caught)) return undefined;
      throw diskError('look at', path, caught);
    }
  }

  async list(directory: string): Promise<string[]> {
    try {
      const found: Dirent[] = await readdir(directory, { withFileTypes: true });
      return found.map((item) => item.name).sort();
    } catch (caught) {
      if (isMissing(caught)) return [];
      throw diskError('list', directory, caught);
    }
  }

  async rename(from: string, to: string): Promise<void> {
    try {
      await rename(from, to);
    } catch (caught) {
      throw diskError(`rename to ${to}:`, from, caught);
    }
  }

  async remove(path: string): Promise<void> {
    try {
      await rm(path, { recursive: true, force: true });
    } catch (caught) {
      throw diskError('remove', path, caught);
    }
  }

  async makeDirectory(path: string): Promise<void> {
    try {
      await makeDirectory(path, (parent) => this.syncDirectory(parent));
    } catch (caught) {
      throw diskError('make the directory', path, caught);
    }
  }

  async syncDirectory(path: string): Promise<void> {
    try {
      await syncDirectory(path);
    } catch (caught) {
      throw diskError('sync the directory', path, caught);
    }
  }
}

function isMissing(caught: unknown): boolean {
  return caught instanceof Error && 'code' in caught && caught.code === 'ENOENT';
}

/** Joins the parts of a path. */
export function pathOf(...parts: string[]): string {
  return join(...parts);
}
