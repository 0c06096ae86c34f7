import { EdisError } from '@edis/core';
import type { Disk, DiskFile } from './disk.ts';
import { diskError } from './disk.ts';
import { MemoryContent } from './memory-content.ts';
import { MemoryNames } from './memory-names.ts';

export interface MemoryDiskOptions {
  /** For tearing: in [0, 1), how much of the unsynced bytes of a file remains. Without it nothing unsynced does. */
  readonly random?: () => number;
  /** As `random`: which changes of names and which cuts outlive a power loss that tears. @default `random` */
  readonly changesRandom?: () => number;
  /** Called in each sync, before it counts: a test may hold it up there. */
  readonly beforeSync?: (path: string) => Promise<void>;
}

/**
 * A disk in memory: for `--ephemeral`, and for tests one that behaves as badly as a real one may.
 *
 * Guarantees, as a real disk does: bytes and names that were synced outlive `crash`. Of the rest nothing remains, or
 * with `tear` any beginning of a file's bytes, and any of the changes of names and of the cuts. A sync covers what was
 * done before it was called. After a failed sync nothing of what it should have covered is safe, nor is it after a
 * later one that succeeds, unless it was written again: so does Linux, which takes its pages for clean then.
 */
export class MemoryDisk implements Disk {
  readonly #options: MemoryDiskOptions;
  readonly #names = new MemoryNames();
  /** Handles opened before the last crash are dead. */
  #generation = 0;
  #failWrites = 0;
  #failSyncs = 0;
  #room = Number.POSITIVE_INFINITY;
  syncCount = 0;

  constructor(options: MemoryDiskOptions = {}) {
    this.#options = options;
  }

  get generation(): number {
    return this.#generation;
  }

  /** Power fails: all that is unsynced is gone; with `tear`, a random part of it remains. */
  crash(tear = false): void {
    this.#generation++;
    const { random, changesRandom = random } = this.#options;
    if (tear && random !== undefined && changesRandom !== undefined) {
      this.#names.crash(
        () => changesRandom() < 0.5,
        (content, named) => content.torn(named ? random() : changesRandom(), changesRandom),
      );
    } else {
      this.#names.crash(
        () => false,
        (content) => content.synchronous(),
      );
    }
    this.#failWrites = 0;
    this.#failSyncs = 0;
  }

  /** The process is killed: handles die, files stay as they are. */
  kill(): void {
    this.#generation++;
    for (const content of this.#names.contents()) content.synced(content.size);
    this.#names.syncAll();
  }

  failWrite(count = 1): void {
    this.#failWrites = count;
  }

  failSync(count = 1): void {
    this.#failSyncs = count;
  }

  /** Only this many more bytes fit. */
  fillUp(bytes: number): void {
    this.#room = bytes;
  }

  /** For damaging a file: its bytes, which may be changed in place. */
  bytesOf(path: string): Buffer {
    const content = this.#names.get(path);
    if (content === undefined) throw missing('look at', path);
    return content.bytes.subarray(0, content.size);
  }

  paths(): string[] {
    return this.#names.paths();
  }

  open(path: string): DiskFile {
    let content = this.#names.get(path);
    if (content === undefined) {
      content = new MemoryContent();
      this.#names.add(path, content);
    }
    return new MemoryFile(this, path, content, this.#generation);
  }

  async sizeOf(path: string): Promise<number | undefined> {
    return this.#names.get(path)?.size;
  }

  async list(directory: string): Promise<string[]> {
    const names = new Set<string>();
    for (const path of this.#names.paths()) {
      if (path.startsWith(`${directory}/`)) names.add(path.slice(directory.length + 1).split('/')[0] ?? '');
    }
    return [...names].sort();
  }

  async rename(from: string, to: string): Promise<void> {
    const content = this.#names.get(from);
    if (content === undefined) throw missing('rename', from);
    this.#names.rename(from, to, content);
  }

  async remove(path: string): Promise<void> {
    this.#names.remove(path);
  }

  async makeDirectory(): Promise<void> {
    // Directories are but beginnings of names here.
  }

  async syncDirectory(path: string): Promise<void> {
    this.beginSyncDirectory(path)();
  }

  /** A sync that takes its time: it covers what was done before this, and what this returns ends it. */
  beginSyncDirectory(path: string): () => void {
    const endSync = this.#names.beginSync(path);
    const generation = this.#generation;
    return () => {
      if (generation !== this.#generation) throw new EdisError('disk', `cannot sync ${path}: the power is off`);
      this.checkSync(path);
      endSync();
    };
  }

  /** @internal */
  appendTo(path: string, content: MemoryContent, chunk: Uint8Array): void {
    if (this.#failWrites > 0) {
      this.#failWrites--;
      content.append(chunk.subarray(0, chunk.length >>> 1));
      throw diskError('write to', path, Object.assign(new Error('EIO'), { code: 'EIO' }));
    }
    if (chunk.length > this.#room) {
      content.append(chunk.subarray(0, this.#room));
      this.#room = 0;
      throw diskError('write to', path, Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' }));
    }
    this.#room -= chunk.length;
    content.append(chunk);
  }

  /** @internal */
  async syncContent(path: string, content: MemoryContent, generation: number): Promise<void> {
    const size = content.size;
    this.syncCount++;
    await (this.#options.beforeSync?.(path) ?? new Promise<void>((resolve) => setImmediate(resolve)));
    if (generation !== this.#generation) throw new EdisError('disk', `cannot sync ${path}: the power is off`);
    try {
      this.checkSync(path);
    } catch (caught) {
      content.drop();
      throw caught;
    }
    content.synced(size);
  }

  checkSync(path: string): void {
    if (this.#failSyncs === 0) return;
    this.#failSyncs--;
    throw diskError('sync', path, Object.assign(new Error('EIO'), { code: 'EIO' }));
  }
}

class MemoryFile implements DiskFile {
  readonly path: string;
  readonly #disk: MemoryDisk;
  readonly #content: MemoryContent;
  readonly #generation: number;

  constructor(disk: MemoryDisk, path: string, content: MemoryContent, generation: number) {
    this.path = path;
    this.#disk = disk;
    this.#content = content;
    this.#generation = generation;
  }

  get size(): number {
    return this.#content.size;
  }

  append(chunks: readonly Uint8Array[]): void {
    this.#check('write to');
    for (const chunk of chunks) this.#disk.appendTo(this.path, this.#content, chunk);
  }

  sync(): Promise<void> {
    this.#check('sync');
    return this.#disk.syncContent(this.path, this.#content, this.#generation);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    this.#check('read');
    return Uint8Array.prototype.slice.call(this.#content.bytes, offset, Math.min(this.#content.size, offset + length));
  }

  async rewrite(offset: number): Promise<void> {
    this.#check('write to');
    this.#content.rewrite(offset);
  }

  async truncate(size: number): Promise<void> {
    this.#check('truncate');
    this.#content.truncate(size);
  }

  async close(): Promise<void> {
    // Nothing is held.
  }

  #check(action: string): void {
    if (this.#generation !== this.#disk.generation) {
      throw new EdisError('disk', `cannot ${action} ${this.path}: the power is off`);
    }
  }
}

function missing(action: string, path: string): EdisError {
  return new EdisError('disk', `cannot ${action} ${path}: there is no such file`);
}
