import type { EdisError } from '@edis/core';
import { describe, expect, test } from 'vitest';
import { ChangeLog } from './change-log.ts';
import type { Disk } from './disk.ts';
import { encodeEntry } from './entry-codec.ts';
import { numbersFrom } from './fake-world.ts';
import { frameHeaderBytes } from './frame.ts';
import { MemoryDisk } from './memory-disk.ts';
import { entryOf, putOf } from './sample-entries.ts';

interface Opened {
  readonly log: ChangeLog;
  readonly visited: number[];
  readonly synced: number[];
  readonly failed: EdisError[];
}

async function open(disk: Disk, viewPosition = 0, segmentBytes = 1000): Promise<Opened> {
  const visited: number[] = [];
  const synced: number[] = [];
  const failed: EdisError[] = [];
  const log = await ChangeLog.open(
    {
      disk,
      directory: 'log',
      segmentBytes,
      onSynced: (position) => synced.push(position),
      onFailed: (error) => failed.push(error),
    },
    viewPosition,
    { onEntry: (entry) => visited.push(entry.position) },
  );
  return { log, visited, synced, failed };
}

function append(log: ChangeLog, count: number, valueBytes = 100): void {
  for (let index = 0; index < count; index++) {
    const position = log.lastPosition + 1;
    log.append(
      position,
      encodeEntry(entryOf(position, [putOf(`k${position}`, 'x'.repeat(valueBytes))]), frameHeaderBytes),
    );
  }
}

async function sync(opened: Opened): Promise<void> {
  const wanted = opened.log.lastPosition;
  opened.log.requestSync();
  await expect.poll(() => opened.log.syncedPosition, { interval: 1 }).toBe(wanted);
}

const segments = (disk: MemoryDisk): string[] => disk.paths().map((path) => path.replace(/^log\/0*/, ''));

/** The power fails before a change of names or a sync of them: it and whatever comes after it never returns. */
class EndingDisk implements Disk {
  readonly #disk: MemoryDisk;
  #left: number;
  #onEnded: () => void = () => {};
  /** Resolves when the power fails. */
  readonly ended: Promise<void>;

  constructor(disk: MemoryDisk, steps: number) {
    this.#disk = disk;
    this.#left = steps;
    this.ended = new Promise((resolve) => {
      this.#onEnded = resolve;
    });
  }

  open = (path: string) => this.#disk.open(path);
  sizeOf = (path: string) => this.#disk.sizeOf(path);
  list = (path: string) => this.#disk.list(path);
  makeDirectory = () => this.#disk.makeDirectory();
  rename = (from: string, to: string) => this.#step(() => this.#disk.rename(from, to));
  remove = (path: string) => this.#step(() => this.#disk.remove(path));
  syncDirectory = (path: string) => this.#step(() => this.#disk.syncDirectory(path));

  async #step(run: () => Promise<void>): Promise<void> {
    this.#left -= 1;
    if (this.#left > 0) return run();
    this.#onEnded();
    return new Promise(() => {});
  }
}

/** Of a log of 30 entries in several segments: what a power loss leaves in the middle of some work on it. */
async function interrupted(
  work: (log: ChangeLog) => Promise<void>,
  look: (disk: MemoryDisk) => Promise<void>,
): Promise<void> {
  const stepsMax = 20;
  for (let seed = 0; seed < 200; seed++) {
    const disk = new MemoryDisk({ random: numbersFrom(seed) });
    const before = await open(disk);
    // The later frames tell that the first ten entries were synced.
    for (const count of [10, 20]) {
      append(before.log, count);
      await sync(before);
    }
    const ending = new EndingDisk(disk, 3 + (seed % stepsMax));
    const { log } = await open(ending, 29);
    await Promise.race([work(log), ending.ended]);
    disk.crash(true);
    await look(disk);
  }
}

describe('the change log', () => {
  test('a killed process leaves all that it wrote', async () => {
    const disk = new MemoryDisk();
    append((await open(disk)).log, 30);
    disk.kill();
    const again = await open(disk, 3);
    expect(again.visited).toEqual(Array.from({ length: 27 }, (_, index) => index + 4));
    expect(again.log.syncedPosition).toBe(30);
    expect(segments(disk).length).toBeGreaterThan(3);
  });

  test('after a power loss what was synced is there, and the torn rest is cut', async () => {
    for (let seed = 0; seed < 40; seed++) {
      const disk = new MemoryDisk({ random: () => seed / 40 });
      const opened = await open(disk);
      append(opened.log, 8);
      await sync(opened);
      append(opened.log, 12);
      disk.crash(true);
      const again = await open(disk);
      expect(again.log.lastPosition).toBeGreaterThanOrEqual(8);
      expect(again.visited).toEqual(Array.from({ length: again.log.lastPosition }, (_, index) => index + 1));
      append(again.log, 20);
      await sync(again);
      disk.crash();
      expect((await open(disk)).log.lastPosition).toBe(again.log.lastPosition);
    }
  });

  test('what a failed sync has dropped is written again by the next process, before it counts as synced', async () => {
    const disk = new MemoryDisk();
    const opened = await open(disk);
    append(opened.log, 3);
    await sync(opened);
    append(opened.log, 9);
    disk.failSync();
    opened.log.requestSync();
    await expect.poll(() => opened.failed.length, { interval: 1 }).toBe(1);
    disk.kill();
    expect((await open(disk, 2)).log.syncedPosition).toBe(12);
    disk.crash();
    expect((await open(disk, 2)).log.lastPosition).toBe(12);
  });

  test('a tail of zeros is cut', async () => {
    const disk = new MemoryDisk();
    append((await open(disk)).log, 3);
    disk.kill();
    const path = disk.paths()[0] ?? '';
    const whole = disk.bytesOf(path).length;
    disk.open(path).append([new Uint8Array(5000)]);
    expect((await open(disk)).log.lastPosition).toBe(3);
    expect(disk.bytesOf(path).length).toBe(whole);
  });

  test('damage to a synced entry is an error that names file and offset', async () => {
    const disk = new MemoryDisk();
    const opened = await open(disk, 0, 1_000_000);
    append(opened.log, 3);
    await sync(opened);
    append(opened.log, 1);
    disk.kill();
    const path = disk.paths()[0] ?? '';
    const frameBytes = disk.bytesOf(path).length / 4;
    const place = Math.floor(frameBytes) + 50;
    const bytes = disk.bytesOf(path);
    bytes[place] = (bytes[place] ?? 0) ^ 1;
    await expect(open(disk)).rejects.toMatchObject({ code: 'damaged' });
    await expect(open(disk)).rejects.toThrow(/entry 2 in log\/0000000000000001\.log at offset \d+ .*was synced/);
    // The length may be what is damaged.
    bytes[place] = (bytes[place] ?? 0) ^ 1;
    bytes[Math.floor(frameBytes) + 1] = 0xff;
    await expect(open(disk)).rejects.toMatchObject({ code: 'damaged' });
  });

  test('a torn tail is cut though its value holds a frame of a later entry that was synced', async () => {
    const disk = new MemoryDisk();
    const other = new MemoryDisk();
    const opened = await open(other, 0, 1_000_000);
    append(opened.log, 9);
    await sync(opened);
    append(opened.log, 1);
    const copied = other.bytesOf(other.paths()[0] ?? '').toString('latin1');
    const { log } = await open(disk, 0, 1_000_000);
    append(log, 1);
    log.append(2, encodeEntry(entryOf(2, [putOf('copy', `${copied} and more`)]), frameHeaderBytes));
    disk.kill();
    const path = disk.paths()[0] ?? '';
    await disk.open(path).truncate(disk.bytesOf(path).length - 1);
    expect((await open(disk)).log.lastPosition).toBe(1);
  });

  test('damage to what the view has folded is an error, even at the end', async () => {
    const disk = new MemoryDisk();
    append((await open(disk, 0, 1_000_000)).log, 3);
    disk.kill();
    const bytes = disk.bytesOf(disk.paths()[0] ?? '');
    bytes[bytes.length - 1] = 0xff;
    await expect(open(disk, 3)).rejects.toMatchObject({ code: 'damaged' });
  });

  test('a missing segment, a missing log and a log behind its view are errors', async () => {
    const disk = new MemoryDisk();
    const opened = await open(disk);
    append(opened.log, 30);
    await sync(opened);
    append(opened.log, 1);
    disk.kill();
    await expect(open(disk, 99)).rejects.toThrow(/ends at entry 31, but the view is at 99/);
    await disk.remove(disk.paths()[1] ?? '');
    await expect(open(disk)).rejects.toThrow(/entries \d+ to \d+ before .* are missing/);
    await disk.remove('log');
    await expect(open(disk, 5)).rejects.toThrow(/log is missing, but the view is at entry 5/);
  });

  test('a log whose beginning is gone must be reached by the view', async () => {
    const disk = new MemoryDisk();
    const opened = await open(disk);
    append(opened.log, 30);
    await sync(opened);
    await opened.log.removeOldest((last) => last <= 10);
    disk.kill();
    const first = (await open(disk, 20)).log.firstPosition;
    expect(first).toBeGreaterThan(1);
    await expect(open(disk, first - 2)).rejects.toThrow(/begins at entry/);
    expect((await open(disk, first - 1)).visited[0]).toBe(first);
  });

  test('a sync covers what was appended before it started, and the next one starts at once', async () => {
    const gates: (() => void)[] = [];
    const disk = new MemoryDisk({ beforeSync: () => new Promise((resolve) => gates.push(resolve)) });
    const opening = open(disk, 0, 1_000_000);
    const opened = await opening;
    append(opened.log, 1);
    opened.log.requestSync();
    append(opened.log, 2);
    opened.log.requestSync();
    opened.log.requestSync();
    expect(gates).toHaveLength(1);
    gates[0]?.();
    await expect.poll(() => opened.synced, { interval: 1 }).toEqual([1]);
    await expect.poll(() => gates.length, { interval: 1 }).toBe(2);
    gates[1]?.();
    await expect.poll(() => opened.synced, { interval: 1 }).toEqual([1, 3]);
    opened.log.requestSync();
    expect(gates).toHaveLength(2);
  });

  test('an entry in a new segment counts as synced only after the segments before it and their names', async () => {
    const paths: string[] = [];
    const disk = new MemoryDisk({ beforeSync: async (path) => void paths.push(path) });
    const opened = await open(disk);
    append(opened.log, 20);
    await sync(opened);
    expect(paths).toEqual([...paths].sort());
    expect(new Set(paths).size).toBe(disk.paths().length);
    disk.crash();
    expect((await open(disk)).log.lastPosition).toBe(20);
  });

  test('a cut leaves nothing unsynced before it, in whatever segment', async () => {
    const disk = new MemoryDisk();
    const { log } = await open(disk);
    append(log, 30);
    expect(disk.paths().length).toBeGreaterThan(3);
    await log.truncateAfter(25);
    expect(log.syncedPosition).toBe(25);
    disk.crash();
    expect((await open(disk)).log.lastPosition).toBe(25);
  });

  test('a cut in whose middle the power fails leaves no gap, whatever names are safe by then', async () => {
    await interrupted(
      (log) => log.truncateAfter(3),
      async (disk) => {
        const { log, visited } = await open(disk, 2);
        expect(log.lastPosition).toBeGreaterThanOrEqual(3);
        expect(visited).toEqual(Array.from({ length: log.lastPosition - 2 }, (_, index) => index + 3));
      },
    );
  });

  test('the oldest go one after the other: a power loss meanwhile leaves all that is behind the first', async () => {
    await interrupted(
      (log) => log.removeOldest((last) => last <= 25),
      async (disk) => {
        const { log } = await open(disk, 29);
        expect(log.lastPosition).toBe(30);
        for (let position = log.firstPosition; position <= 30; position++) {
          expect((await log.read(position, 1))?.bodies).toHaveLength(1);
        }
      },
    );
  });

  test('a sync that is asked for while the log is cut says nothing of what takes the place of the cut', async () => {
    let isArmed = false;
    let askForSync = (): void => {};
    const beforeSync = async (): Promise<void> => {
      if (!isArmed) return;
      isArmed = false;
      askForSync();
    };
    const opened = await open(new MemoryDisk({ beforeSync }), 0, 1_000_000);
    // A timer is due in the middle of the cut.
    askForSync = () => opened.log.requestSync();
    append(opened.log, 10);
    isArmed = true;
    await opened.log.truncateAfter(5);
    append(opened.log, 5);
    expect([opened.log.syncedPosition, opened.synced]).toEqual([5, []]);
    await sync(opened);
    expect(opened.synced).toEqual([10]);
  });

  test('a failed sync counts for nothing, and is the last one', async () => {
    const disk = new MemoryDisk();
    const opened = await open(disk);
    append(opened.log, 2);
    disk.failSync();
    opened.log.requestSync();
    await expect.poll(() => opened.failed.length, { interval: 1 }).toBe(1);
    expect(opened.failed[0]).toMatchObject({ code: 'disk' });
    opened.log.requestSync();
    await opened.log.close();
    expect(opened.synced).toEqual([]);
  });

  test('a cut that waited for a sync that failed cuts nothing: its own would not tell what was lost', async () => {
    const disk = new MemoryDisk();
    const opened = await open(disk);
    append(opened.log, 3);
    disk.failSync();
    opened.log.requestSync();
    const before = disk.bytesOf('log/0000000000000001.log').length;
    await expect(opened.log.truncateAfter(1)).rejects.toMatchObject({ code: 'closed' });
    expect(opened.failed).toMatchObject([{ code: 'disk' }]);
    expect([opened.log.syncedPosition, disk.bytesOf('log/0000000000000001.log').length]).toEqual([0, before]);
  });

  test('reads entries back from memory and from files, within a bound, at least one', async () => {
    const disk = new MemoryDisk();
    const opened = await open(disk, 0, 300_000);
    append(opened.log, 200, 9000);
    const { log } = await (async () => {
      await sync(opened);
      disk.kill();
      return open(disk, 199, 300_000);
    })();
    let next = 1;
    while (next <= 200) {
      const read = await log.read(next, 50_000);
      expect(read?.firstPosition).toBe(next);
      expect(read?.bodies.length).toBeGreaterThan(0);
      expect(read?.bodies.length).toBeLessThanOrEqual(5);
      next += read?.bodies.length ?? 1;
    }
    expect((await log.read(7, 1))?.bodies).toHaveLength(1);
    expect((await log.read(201, 1000))?.bodies).toHaveLength(0);
    await log.removeOldest((last) => last < 100);
    expect(await log.read(1, 1000)).toBeUndefined();
  });

  test('reading a damaged entry is an error', async () => {
    const disk = new MemoryDisk();
    const first = await open(disk);
    append(first.log, 30);
    await sync(first);
    disk.kill();
    const { log } = await open(disk, 30);
    const path = disk.paths()[0] ?? '';
    disk.bytesOf(path)[100] = 0xff;
    await expect(log.read(1, 10_000)).rejects.toMatchObject({ code: 'damaged' });
  });

  test('cut entries are gone for good, and others take their place', async () => {
    const disk = new MemoryDisk();
    const opened = await open(disk);
    append(opened.log, 30);
    await sync(opened);
    for (const position of [25, 12, 11]) {
      await opened.log.truncateAfter(position);
      expect(opened.log.lastPosition).toBe(position);
    }
    append(opened.log, 3);
    await sync(opened);
    disk.crash();
    const again = await open(disk);
    expect(again.log.lastPosition).toBe(14);
    expect((await again.log.read(1, 1e6))?.bodies).toHaveLength(14);
  });
});
