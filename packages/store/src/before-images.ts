import { EdisError } from '@edis/core';
import type { KeyList } from './key-list.ts';
import type { Level, LevelIterator } from './level-view.ts';
import type { RowPair } from './view-database.ts';

/**
 * Rows as they were at one moment, of keys that were written since: laid over what a database has now, they show it as
 * it was then. A few are kept in memory, more on disk.
 *
 * Guarantees: what was noted first for a key stays. Assumes: a key is noted before its first change after the moment,
 * and one `note` at a time; reads go on beside it, and look at the database before they look here.
 */

/** Keys that are looked up together: one hop to the thread pool, and a short turn of the event loop. */
const keysPerPart = 500;
/** What the rows of a part may come to, going by the rows before; and those that are laid over at once. */
const partBytes = 512 * 1024;
/** Before the size of rows is known. */
const firstKeys = 16;
/** Parts at a time, once they go to disk: a hundred thousand rows take a second, and one thread is left to others. */
const lanes = 3;
/** Rows that are laid over at once; where there are more, the portion ends. */
const rowsPerPortion = 1000;

/** In front of each value: whether there was a row. */
const absent = Uint8Array.of(0);
const present = Uint8Array.of(1);

export interface ScratchLevel {
  readonly level: Level;
  iterator(range: { readonly gte?: Uint8Array; readonly lt?: Uint8Array }): LevelIterator;
  /** Closes it and takes it away, as far as that can be done. Reads that are under way end well or with an error. */
  remove(): Promise<void>;
}

export interface ImageSpace {
  /** Beyond it they go to disk: who reads for long while much changes may need more than memory holds. */
  readonly memoryBytesMax: number;
  inMemory(): Promise<ScratchLevel>;
  onDisk(): Promise<ScratchLevel>;
}

export type RowLookup = (keys: Uint8Array[]) => Promise<(Uint8Array | undefined)[]>;

/** Undefined: nothing was noted for the key. */
export interface Image {
  /** Undefined: there was none. */
  readonly row: Uint8Array | undefined;
}

export class BeforeImages {
  readonly #space: ImageSpace;
  #scratch: ScratchLevel | undefined;
  #isOnDisk = false;
  #bytes = 0;
  #rowBytes = partBytes / firstKeys;
  #noting: Promise<unknown> | undefined;
  #isStopped = false;

  constructor(space: ImageSpace) {
    this.#space = space;
  }

  /** Keeps the rows of these keys that are not known yet. */
  note(keys: KeyList, lookup: RowLookup): Promise<void> {
    const noting = this.#note(keys.reader(), lookup);
    this.#noting = noting.catch(() => {});
    return noting;
  }

  /**
   * Takes in the images of a later moment: with them it shows what the two showed together. Never rejects; false: not
   * all of them could be taken in, which does no harm.
   */
  absorb(later: BeforeImages): Promise<boolean> {
    const absorbing = this.#absorb(later).catch(() => false);
    this.#noting = absorbing;
    return absorbing;
  }

  /** Nobody will look at them any more: ends `note` soon. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Undefined: nothing was noted for the key. */
  async imagesOf(keys: Uint8Array[]): Promise<(Image | undefined)[]> {
    const found = await this.#scratch?.level.getMany(keys);
    return keys.map((_, index) => imageOf(found?.[index]));
  }

  /**
   * What was noted from `from` (inclusive) to `to` (exclusive). Where that is a great deal it ends earlier: `covered`
   * says before which key.
   */
  async imagesIn(
    from: Uint8Array,
    to: Uint8Array,
  ): Promise<{ readonly images: readonly (readonly [Uint8Array, Image])[]; readonly covered: Uint8Array }> {
    const images: (readonly [Uint8Array, Image])[] = [];
    const iterator = this.#scratch?.iterator({ gte: from, lt: to });
    if (iterator === undefined) return { images, covered: to };
    try {
      for (let bytes = 0; images.length < rowsPerPortion && bytes < partBytes; ) {
        const portion = await iterator.nextv(rowsPerPortion - images.length);
        if (portion.length === 0) return { images, covered: to };
        for (const [key, value] of portion) {
          images.push([key, imageOf(value) ?? { row: undefined }]);
          bytes += key.length + value.length;
        }
      }
    } finally {
      await iterator.close();
    }
    const last = images[images.length - 1];
    return { images, covered: last === undefined ? to : keyBehind(last[0]) };
  }

  /** Never rejects. */
  async close(): Promise<void> {
    this.stop();
    await this.#noting;
    await this.#scratch?.remove();
  }

  async #note(take: (count: number) => Uint8Array[], lookup: RowLookup): Promise<void> {
    this.#scratch ??= await this.#space.inMemory();
    while (!this.#isOnDisk) {
      const part = take(this.#partSize);
      if (part.length === 0 || this.#isStopped) return;
      await this.#keep(this.#scratch, part, lookup);
      if (this.#bytes > this.#space.memoryBytesMax) await this.#moveToDisk(this.#scratch);
    }
    const scratch = this.#scratch;
    const failures: unknown[] = [];
    const lane = async (): Promise<void> => {
      for (let part = take(this.#partSize); part.length > 0; part = take(this.#partSize)) {
        if (this.#isStopped || failures.length > 0) return;
        await this.#keep(scratch, part, lookup).catch((caught: unknown) => failures.push(caught));
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    if (failures.length > 0) throw failures[0];
  }

  async #absorb(later: BeforeImages): Promise<boolean> {
    const iterator = later.#scratch?.iterator({});
    if (iterator === undefined) return true;
    try {
      while (!this.#isStopped) {
        const portion = await iterator.nextv(keysPerPart);
        if (portion.length === 0) return true;
        this.#scratch ??= await this.#space.inMemory();
        const { level } = this.#scratch;
        const known = await level.getMany(portion.map(([key]) => key));
        this.#bytes += await put(
          level,
          portion.filter((_, index) => known[index] === undefined),
        );
        if (!this.#isOnDisk && this.#bytes > this.#space.memoryBytesMax) await this.#moveToDisk(this.#scratch);
      }
      return false;
    } finally {
      await iterator.close();
    }
  }

  get #partSize(): number {
    return Math.max(1, Math.min(keysPerPart, Math.floor(partBytes / this.#rowBytes)));
  }

  async #keep({ level }: ScratchLevel, keys: Uint8Array[], lookup: RowLookup): Promise<void> {
    const known = await level.getMany(keys);
    const unknown = keys.filter((_, index) => known[index] === undefined);
    if (unknown.length === 0) return;
    const rows = await lookup(unknown);
    // The key's own memory is that of the whole batch.
    const images = unknown.map((key, index): RowPair => [Buffer.from(key), encodeImage(rows[index])]);
    const bytes = await put(level, images);
    this.#bytes += bytes;
    this.#rowBytes = (this.#rowBytes + bytes / images.length) / 2;
  }

  /** Readers of what is in memory end in their own time. */
  async #moveToDisk(memory: ScratchLevel): Promise<void> {
    const disk = await this.#space.onDisk();
    const iterator = memory.level.iterator();
    try {
      for (;;) {
        const portion = await iterator.nextv(rowsPerPortion);
        if (portion.length === 0) break;
        await put(disk.level, portion);
      }
    } catch (caught) {
      await disk.remove();
      throw caught;
    } finally {
      await iterator.close();
    }
    this.#isOnDisk = true;
    this.#scratch = disk;
    await memory.remove();
  }
}

/** For a reader whose rows could not be kept. */
export function imagesLost(cause: unknown): EdisError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const message = `the view changed, and what it was could not be kept for this reader: ${reason}`;
  return new EdisError('busy', message, { cause, retryAfterMs: 1000 });
}

/** The first key that is behind this one. */
export function keyBehind(key: Uint8Array): Uint8Array {
  return Buffer.concat([key, Uint8Array.of(0)]);
}

/** Both are in order; an image takes the place of the row with its key. */
export function laidOver(now: readonly RowPair[], images: readonly (readonly [Uint8Array, Image])[]): RowPair[] {
  const rows: RowPair[] = [];
  let next = 0;
  for (const [key, image] of images) {
    let order = -1;
    for (let row = now[next]; row !== undefined; row = now[next]) {
      order = Buffer.compare(row[0], key);
      if (order >= 0) break;
      rows.push(row);
      next++;
    }
    if (order === 0) next++;
    if (image.row !== undefined) rows.push([key, image.row]);
  }
  return [...rows, ...now.slice(next)];
}

async function put(level: Level, images: readonly RowPair[]): Promise<number> {
  const batch = level.batch();
  let bytes = 0;
  for (const [key, image] of images) {
    batch.put(key, image);
    bytes += key.length + image.length;
  }
  await batch.write();
  return bytes;
}

function encodeImage(row: Uint8Array | undefined): Uint8Array {
  return row === undefined ? absent : Buffer.concat([present, row]);
}

function imageOf(image: Uint8Array | undefined): Image | undefined {
  if (image === undefined) return undefined;
  return { row: image[0] === 0 ? undefined : image.subarray(1) };
}
