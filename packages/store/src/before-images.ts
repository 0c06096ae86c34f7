import type { KeyList } from './key-list.ts';
import type { Level } from './level-view.ts';
import type { RowPair } from './view-database.ts';

/**
 * Rows as they were at one moment, of all keys that were written since: laid over what a database has now, they show
 * it as it was then.
 *
 * Guarantees: what was noted first for a key stays. Assumes: a key is noted before its first change after the moment;
 * one `note` at a time, and none beside a read.
 */

/** Keys that are looked up together: one hop to the thread pool, and a short turn of the event loop. */
const keysPerPart = 500;
/** Parts at a time, once they go to disk: a hundred thousand rows take a second, and one thread is left to others. */
const lanes = 3;
/** Rows that are laid over at once; where there are more, the portion ends. */
const rowsPerPortion = 1000;

/** In front of each value: whether there was a row. */
const absent = Uint8Array.of(0);
const present = Uint8Array.of(1);

export interface ScratchLevel {
  readonly level: Level;
  /** Closes it and takes it away. */
  remove(): Promise<void>;
}

export interface ImageSpace {
  /** Beyond it they go to disk: who reads for long while much changes may need more than memory holds. */
  readonly memoryBytesMax: number;
  inMemory(): Promise<ScratchLevel>;
  onDisk(): Promise<ScratchLevel>;
}

export type RowLookup = (keys: Uint8Array[]) => Promise<(Uint8Array | undefined)[]>;

export class BeforeImages {
  readonly #space: ImageSpace;
  #scratch: ScratchLevel;
  #isOnDisk = false;
  #bytes = 0;

  private constructor(space: ImageSpace, scratch: ScratchLevel) {
    this.#space = space;
    this.#scratch = scratch;
  }

  static async open(space: ImageSpace): Promise<BeforeImages> {
    return new BeforeImages(space, await space.inMemory());
  }

  /** Keeps the rows of these keys that are not known yet. */
  async note(keys: KeyList, lookup: RowLookup): Promise<void> {
    const parts = keys.parts(keysPerPart)[Symbol.iterator]();
    while (!this.#isOnDisk) {
      const part = parts.next();
      if (part.done === true) return;
      await this.#keep(part.value, lookup);
      if (this.#bytes > this.#space.memoryBytesMax) await this.#moveToDisk();
    }
    const lane = async (): Promise<void> => {
      for (let part = parts.next(); part.done !== true; part = parts.next()) await this.#keep(part.value, lookup);
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  }

  /** A row as it was; `now` is what the database has, looked up before this is asked. */
  before(key: Uint8Array, now: Uint8Array | undefined): Uint8Array | undefined {
    const image = this.#scratch.level.getSync(key);
    return image === undefined ? now : rowOf(image);
  }

  /** Rows as they were; `now` is what the database has, looked up before this is asked. */
  async beforeMany(keys: Uint8Array[], now: readonly (Uint8Array | undefined)[]): Promise<(Uint8Array | undefined)[]> {
    const images = await this.#scratch.level.getMany(keys);
    return images.map((image, index) => (image === undefined ? now[index] : rowOf(image)));
  }

  /**
   * What was from `from` (inclusive) to `to` (exclusive), where `now` is all that the database has there, read before
   * this is asked. Where a great many rows are to be laid over, it ends earlier: `covered` says before which key.
   */
  async beforeRange(
    from: Uint8Array,
    to: Uint8Array,
    now: readonly RowPair[],
  ): Promise<{ readonly rows: RowPair[]; readonly covered: Uint8Array }> {
    const images: RowPair[] = [];
    const iterator = this.#scratch.level.iterator({ gte: from, lt: to });
    try {
      while (images.length < rowsPerPortion) {
        const portion = await iterator.nextv(rowsPerPortion - images.length);
        if (portion.length === 0) return { rows: laidOver(now, images), covered: to };
        images.push(...portion);
      }
    } finally {
      await iterator.close();
    }
    const last = images[images.length - 1];
    const covered = last === undefined ? to : keyBehind(last[0]);
    const below = now.filter(([key]) => Buffer.compare(key, covered) < 0);
    return { rows: laidOver(below, images), covered };
  }

  close(): Promise<void> {
    return this.#scratch.remove();
  }

  async #keep(keys: Uint8Array[], lookup: RowLookup): Promise<void> {
    const known = await this.#scratch.level.getMany(keys);
    const unknown = keys.filter((_, index) => known[index] === undefined);
    if (unknown.length === 0) return;
    const rows = await lookup(unknown);
    await this.#put(unknown.map((key, index): RowPair => [key, imageOf(rows[index])]));
  }

  async #put(images: readonly RowPair[]): Promise<void> {
    const batch = this.#scratch.level.batch();
    for (const [key, image] of images) {
      batch.put(key, image);
      this.#bytes += key.length + image.length;
    }
    await batch.write();
  }

  async #moveToDisk(): Promise<void> {
    const memory = this.#scratch;
    const disk = await this.#space.onDisk();
    this.#isOnDisk = true;
    this.#scratch = disk;
    const iterator = memory.level.iterator();
    for (;;) {
      const portion = await iterator.nextv(rowsPerPortion);
      if (portion.length === 0) break;
      await this.#put(portion);
    }
    await iterator.close();
    await memory.remove();
  }
}

/** The first key that is behind this one. */
export function keyBehind(key: Uint8Array): Uint8Array {
  return Buffer.concat([key, Uint8Array.of(0)]);
}

function imageOf(row: Uint8Array | undefined): Uint8Array {
  return row === undefined ? absent : Buffer.concat([present, row]);
}

function rowOf(image: Uint8Array): Uint8Array | undefined {
  return image[0] === 0 ? undefined : image.subarray(1);
}

/** Both are in order; an image takes the place of the row with its key. */
function laidOver(now: readonly RowPair[], images: readonly RowPair[]): RowPair[] {
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
    const before = rowOf(image);
    if (before !== undefined) rows.push([key, before]);
  }
  return [...rows, ...now.slice(next)];
}
