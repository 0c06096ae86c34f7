import { EdisError } from '@edis/core';
import type { Disk, DiskFile } from './disk.ts';
import { diskError } from './disk.ts';

/**
 * A disk in memory: for `--ephemeral`, and for tests one that behaves as badly as a real one may.
 *
 * Guarantees, as a real disk does: bytes and names that were synced outlive `crash`; of the rest any beginning may
 * remain (`tear`), or nothing. A sync covers what was written before it was called. After a failed sync nothing of what
 * it should have covered is safe.
 */
class Content {
  bytes: Buffer = Buffer.alloc(0);
  size = 0;
  /** Beginning of the bytes that outlives a crash … */
  syncedSize = 0;
  /** … as they were, when they have been cut since. */
  syncedBytes: Buffer | undefined = undefined;

  append(chunk: Uint8Array): void {
    const needed = this.size + chunk.length;
    if (needed > this.bytes.length) {
      const grown = Buffer.alloc(Math.max(needed, this.bytes.length * 2, 4096));
      this.bytes.copy(grown, 0, 0, this.size);
      this.bytes = grown;
    }
    this.bytes.set(chunk, this.size);
    this.size = needed;
  }

  truncate(size: number): void {
    if (size < this.syncedSize && this.syncedBytes === undefined) {
      this.syncedBytes = Buffer.from(this.bytes.subarray(0, this.syncedSize));
    }
    this.size = Math.min(size, this.size);
  }

  synced(size: number): void {
    // A file that was cut below what a sync covers has no more than that to keep.
    this.syncedSize = Math.min(size, this.size);
    this.syncedBytes = undefined;
  }

  /** What is there after a crash that kept this many of the unsynced bytes. */
  survivor(keepUnsynced: number): Content {
    const next = new Content();
    if (this.syncedBytes !== undefined) next.append(this.syncedBytes);
    else next.append(this.bytes.subarray(0, Math.min(this.size, this.syncedSize + keepUnsynced)));
    next.syncedSize = next.size;
    return next;
  }
}

export interface MemoryDiskOptions {
  /** For tearing: in [0, 1). Without it nothing unsynced remains. */
  readonly random?: () => number;
  /** Called in each sync, before it counts: a test may hold it up there. */
  readonly beforeSync?: (path: string) => Promise<void>;
}

export class MemoryDisk implements Disk {
  readonly #options: MemoryDiskOptions;
  #live = new Map<string, Content>();
  #durable = new Map<string, Content>();
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

  /** Power fails: all unsynced names and bytes are gone; with `tear`, a random part of the unsynced bytes remains. */
  crash(tear = false): void {
    this.#generation++;
    const survivors = new Map<string, Content>();
    for (const [path, content] of this.#durable) {
      const unsynced = content.size - content.syncedSize;
      const random = this.#options.random;
      const kept = tear && random !== undefined ? Math.floor(random() * (unsynced + 1)) : 0;
      survivors.set(path, content.survivor(kept));
    }
    this.#durable = survivors;
    this.#live = new Map(survivors);
    this.#failWrites = 0;
    this.#failSyncs = 0;
  }

  /** The process is killed: handles die, files stay as they are. */
  kill(): void {
    this.#generation++;
    for (const content of this.#live.values()) content.synced(content.size);
    this.#durable = new Map(this.#live);
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
    const content = this.#live.get(path);
    if (content === undefined) throw missing('look at', path);
    return content.bytes.subarray(0, content.size);
  }

  paths(): string[] {
    return [...this.#live.keys()].sort();
  }

  open(path: string): DiskFile {
    let content = this.#live.get(path);
    if (content === undefined) {
      content = new Content();
      this.#live.set(path, content);
    }
    return new MemoryFile(this, path, content, this.#generation);
  }

  async sizeOf(path: string): Promise<number | undefined> {
    return this.#live.get(path)?.size;
  }

  async list(directory: string): Promise<string[]> {
    const names = new Set<string>();
    for (const path of this.#live.keys()) {
      if (path.startsWith(`${directory}/`)) names.add(path.slice(directory.length + 1).split('/')[0] ?? '');
    }
    return [...names].sort();
  }

  async rename(from: string, to: string): Promise<void> {
    const content = this.#live.get(from);
    if (content === undefined) throw missing('rename', from);
    this.#live.delete(from);
    this.#live.set(to, content);
  }

  async remove(path: string): Promise<void> {
    for (const known of [...this.#live.keys()]) {
      if (known === path || known.startsWith(`${path}/`)) this.#live.delete(known);
    }
  }

  async makeDirectory(): Promise<void> {
    // Directories are but beginnings of names here.
  }

  async syncDirectory(path: string): Promise<void> {
    this.checkSync(path);
    const inside = (name: string): boolean => name.startsWith(`${path}/`) && !name.slice(path.length + 1).includes('/');
    for (const name of [...this.#durable.keys()]) if (inside(name)) this.#durable.delete(name);
    for (const [name, content] of this.#live) if (inside(name)) this.#durable.set(name, content);
  }

  /** @internal */
  appendTo(path: string, content: Content, chunk: Uint8Array): void {
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
  async syncContent(path: string, content: Content, generation: number): Promise<void> {
    const size = content.size;
    this.syncCount++;
    await (this.#options.beforeSync?.(path) ?? new Promise<void>((resolve) => setImmediate(resolve)));
    if (generation !== this.#generation) throw new EdisError('disk', `cannot sync ${path}: the power is off`);
    this.checkSync(path);
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
  readonly #content: Content;
  readonly #generation: number;

  constructor(disk: MemoryDisk, path: string, content: Content, generation: number) {
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
