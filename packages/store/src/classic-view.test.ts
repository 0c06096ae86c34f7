import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ClassicViewStorage } from './classic-view.ts';
import { numbersFrom } from './testing.ts';
import type { ViewDatabase, ViewSnapshot } from './view-database.ts';

const MIB = 1024 * 1024;
const valueBytes = 6000;
const keyCount = 3000;
const writesPerBatch = 200;
const lastKey = Buffer.from('l');
/** LevelDB without `SnapshotKeeper` shows a wrong row after some 65 MiB. */
const writtenMiB = process.env['EDIS_SOAK'] === '1' ? 600 : 100;

async function inDirectory(work: (path: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'edis-view-'));
  try {
    await work(join(directory, 'view'));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function keyOf(number: number): Buffer {
  return Buffer.from(`k${String(number).padStart(8, '0')}`);
}

/** Rows with values of one number each, 0 for a row that is not there, beside a model. */
class Overwritten {
  readonly #view: ViewDatabase;
  readonly #random: () => number;
  readonly #noise: Buffer;
  #counter = 0;
  model: ReadonlyMap<number, number> = new Map();

  constructor(view: ViewDatabase, seed: number) {
    this.#view = view;
    this.#random = numbersFrom(seed);
    this.#noise = Buffer.from(Array.from({ length: MIB }, () => Math.floor(this.#random() * 256)));
  }

  async write(): Promise<void> {
    const model = new Map(this.model);
    const batch = this.#view.batch();
    for (let count = 0; count < writesPerBatch; count++) {
      const number = Math.floor(this.#random() * keyCount);
      const removes = this.#random() < 0.2;
      if (removes) batch.delete(keyOf(number));
      else batch.put(keyOf(number), this.#value(++this.#counter));
      model.set(number, removes ? 0 : this.#counter);
    }
    await batch.write(false);
    this.model = model;
  }

  wrongReads(): string[] {
    const wrong: string[] = [];
    for (const [number, expected] of this.model) {
      const found = this.#view.get(keyOf(number));
      if (countOf(found) !== expected) wrong.push(`key ${number}: ${countOf(found)} instead of ${expected}`);
    }
    return wrong;
  }

  #value(count: number): Buffer {
    const start = Math.floor(this.#random() * (MIB - valueBytes));
    const value = Buffer.from(this.#noise.subarray(start, start + valueBytes));
    value.writeUInt32LE(count, 0);
    return value;
  }
}

function countOf(value: Uint8Array | undefined): number {
  return value === undefined ? 0 : Buffer.from(value.subarray(0, 4)).readUInt32LE(0);
}

async function rowsOf(snapshot: ViewSnapshot): Promise<Map<number, number>> {
  const rows = new Map<number, number>();
  for await (const page of snapshot.pages(keyOf(0), lastKey, MIB)) {
    for (const { key, value } of page) rows.set(Number(Buffer.from(key).toString().slice(1)), countOf(value));
  }
  return rows;
}

function presentIn(model: ReadonlyMap<number, number>): Map<number, number> {
  return new Map([...model].filter(([, count]) => count > 0).sort(([a], [b]) => a - b));
}

test('reads are right, and a snapshot shows its moment, however much is overwritten beside it', async () => {
  await inDirectory(async (path) => {
    // Small files: as many places where the versions of a row could come apart as in a view of many GiB.
    const storage = new ClassicViewStorage({ writeBufferSize: 64 * 1024, maxFileSize: MIB });
    const view = await storage.open(path);
    const rows = new Overwritten(view, 1);
    let snapshot = view.snapshot();
    let moment = rows.model;
    const batches = (writtenMiB * MIB) / (valueBytes * writesPerBatch);
    for (let batch = 0; batch < batches; batch++) {
      await rows.write();
      if (batch % 4 === 0) expect(rows.wrongReads()).toEqual([]);
      if (batch % 100 !== 10) continue;
      expect(await rowsOf(snapshot)).toEqual(presentIn(moment));
      await snapshot.close();
      snapshot = view.snapshot();
      moment = rows.model;
    }
    await snapshot.close();
    const last = view.snapshot();
    expect(await rowsOf(last)).toEqual(presentIn(rows.model));
    await last.close();
    await view.close();
  });
});

test('what a snapshot keeps on disk goes with it, or with the view, or at the next start', async () => {
  await inDirectory(async (path) => {
    const storage = new ClassicViewStorage();
    const scratches = async (): Promise<string[]> => (await readdir(path)).filter((name) => name.startsWith('before-'));
    const view = await storage.open(path);
    const rows = new Overwritten(view, 2);
    for (let batch = 0; batch < 40; batch++) await rows.write();
    const snapshot = view.snapshot();
    const moment = rows.model;
    for (let batch = 0; batch < 40; batch++) await rows.write();
    expect(await scratches()).toHaveLength(1);
    expect(await rowsOf(snapshot)).toEqual(presentIn(moment));
    await snapshot.close();
    expect(await scratches()).toEqual([]);

    const second = view.snapshot();
    for (let batch = 0; batch < 40; batch++) await rows.write();
    expect(await scratches()).toHaveLength(1);
    await view.close();
    await expect(rowsOf(second)).rejects.toMatchObject({ code: 'busy' });
    expect(await scratches()).toEqual([]);

    await mkdir(join(path, 'before-7'));
    const again = await storage.open(path);
    expect(await scratches()).toEqual([]);
    await again.close();
  });
});
