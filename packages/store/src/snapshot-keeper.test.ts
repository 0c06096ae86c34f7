import type { AbstractSnapshot } from 'abstract-level';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import type { ScratchLevel } from './before-images.ts';
import { KeyList } from './key-list.ts';
import type { LevelIterator, RowCursor, SnapshotAccess } from './level-view.ts';
import { viewClosed } from './level-view.ts';
import { newLevel } from './memory-view.ts';
import { SnapshotKeeper } from './snapshot-keeper.ts';
import { nextTurn } from './turnstile.ts';
import type { DetachableLevel } from './view-moment.ts';

const from = Uint8Array.of(0);
const to = Uint8Array.of(255);
const keys = Array.from({ length: 40 }, (_, index) => Buffer.from(`k${index.toString(36)}`));

type Rows = ReadonlyMap<string, string>;

/** A view whose every snapshot and iterator is known, and a model of its rows. */
class Bed {
  readonly #level = newLevel();
  readonly #held = new Set<{ readonly olderThan: number }>();
  begun = 0;
  #isWriting = false;
  rows: Rows = new Map();
  scratches = 0;
  /** Rows that were kept for readers. */
  kept = 0;
  /** What the next reads wait for, once they have their rows. */
  readonly gates: Promise<void>[] = [];
  /** Nothing can be kept any more. */
  isFull = false;
  readonly keeper: SnapshotKeeper;

  constructor(memoryBytesMax: number) {
    const access: DetachableLevel = {
      level: this.#level,
      getSync: (key, snapshot) =>
        snapshot === undefined ? this.#level.getSync(key) : this.#level.getSync(key, { snapshot }),
      snapshot: () => this.#hold(this.#level.snapshot()),
      iterator: (gte, lt, snapshot): LevelIterator =>
        snapshot === undefined
          ? slow(this.#hold(this.#level.iterator({ gte, lt })), this.gates.shift())
          : this.#level.iterator({ gte, lt, snapshot }),
      space: { memoryBytesMax, inMemory: () => this.#scratch(), onDisk: () => this.#scratch() },
    };
    this.keeper = new SnapshotKeeper(access);
  }

  /** @param changes '' removes */
  async write(changes: ReadonlyMap<string, string>, meanwhile: () => Promise<void>): Promise<void> {
    const list = new KeyList();
    const batch = this.#level.batch();
    const rows = new Map(this.rows);
    for (const [key, value] of changes) {
      list.add(Buffer.from(key));
      if (value === '') {
        batch.del(Buffer.from(key));
        rows.delete(key);
      } else {
        batch.put(Buffer.from(key), Buffer.from(value));
        rows.set(key, value);
      }
    }
    await this.keeper.write(list, async () => {
      this.begun++;
      this.#isWriting = true;
      for (const { olderThan } of this.#held) {
        expect(olderThan, 'a snapshot older than the batch before').toBeGreaterThanOrEqual(this.begun);
      }
      // What opens from here on may see either state; the model has the one before, as the batch comes later.
      await meanwhile();
      await batch.write();
      this.#isWriting = false;
    });
    this.rows = rows;
  }

  open(): Promise<void> {
    return this.#level.open();
  }

  async close(): Promise<void> {
    await this.keeper.close();
    expect(this.#held.size, 'snapshots left open').toBe(0);
    expect(this.scratches, 'images left').toBe(0);
    await this.#level.close();
  }

  #hold<Held extends AbstractSnapshot | LevelIterator>(held: Held): Held {
    const mark = { olderThan: this.#isWriting ? this.begun : this.begun + 1 };
    this.#held.add(mark);
    const close = held.close.bind(held);
    held.close = (): Promise<void> => {
      this.#held.delete(mark);
      return close();
    };
    return held;
  }

  async #scratch(): Promise<ScratchLevel> {
    const level = newLevel();
    await level.open();
    const batch = level.batch.bind(level);
    Object.defineProperty(level, 'batch', {
      value: () => {
        if (this.isFull) throw new Error('no space left on device');
        const made = batch();
        const put = made.put.bind(made);
        made.put = (key: Uint8Array, value: Uint8Array) => {
          this.kept++;
          return put(key, value);
        };
        return made;
      },
    });
    this.scratches++;
    const remove = async (): Promise<void> => {
      this.scratches--;
    };
    return { level, iterator: (range) => level.iterator(range), remove };
  }
}

/** Its rows come when a batch that did not wait for them would have begun. */
function slow<Slow extends LevelIterator>(iterator: Slow, gate: Promise<void> | undefined): Slow {
  const nextv = iterator.nextv.bind(iterator);
  iterator.nextv = async (count: number): Promise<[Uint8Array, Uint8Array][]> => {
    const rows = await nextv(count);
    for (let turn = 0; turn < 10; turn++) await nextTurn();
    await gate;
    return rows;
  };
  return iterator;
}

class Gate {
  readonly opened: Promise<void>;
  open: () => void = () => {};

  constructor() {
    this.opened = new Promise((resolve) => {
      this.open = resolve;
    });
  }
}

class Reader {
  readonly #snapshot: SnapshotAccess;
  readonly #expected: Rows;
  #cursor: RowCursor | undefined;
  #found = new Map<string, string>();

  constructor(bed: Bed) {
    this.#expected = bed.rows;
    this.#snapshot = bed.keeper.open();
  }

  async look(): Promise<void> {
    const found = await this.#snapshot.getMany([...keys]);
    for (const [index, key] of keys.entries()) {
      const name = key.toString();
      expect(textOf(found[index]), name).toBe(this.#expected.get(name));
    }
  }

  async readOn(count: number): Promise<void> {
    this.#cursor ??= this.#snapshot.cursor(from, to);
    const rows = await this.#cursor.next(count);
    for (const [key, value] of rows) {
      const name = Buffer.from(key).toString();
      expect(
        [...this.#found.keys()].every((before) => before < name),
        'in order, each once',
      ).toBe(true);
      this.#found.set(name, textOf(value) ?? '');
    }
    if (rows.length > 0) return;
    expect(this.#found).toEqual(new Map([...this.#expected].sort(([a], [b]) => (a < b ? -1 : 1))));
    await this.#cursor.close();
    this.#cursor = undefined;
    this.#found = new Map();
  }

  /** Ends without a wait for what it reads. */
  async leave(): Promise<void> {
    const reading = this.readOn(2).catch((caught: unknown) => expect(caught).toMatchObject({ code: 'busy' }));
    const closing = this.#snapshot.close();
    await reading;
    await closing;
  }

  async end(): Promise<void> {
    while (this.#cursor !== undefined) await this.readOn(7);
    await this.look();
    await this.#snapshot.close();
    await expect(this.#snapshot.getMany([...keys])).rejects.toMatchObject({ code: 'busy' });
  }
}

async function opened(bed: Bed, write: (text: string) => Promise<void>): Promise<SnapshotAccess> {
  await write('between');
  return bed.keeper.open();
}

function textOf(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : Buffer.from(value).toString();
}

const change = fc.tuple(fc.constantFrom(...keys.map(String)), fc.constantFrom('', 'x', 'yy', 'z'.repeat(50)));
const changes = fc.array(change, { minLength: 1, maxLength: 30 }).map((pairs) => new Map(pairs));
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('write' as const), changes }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('open' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('look' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('end' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('read' as const), count: fc.integer({ min: 1, max: 30 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('beside' as const), changes }) },
);

test('a snapshot shows its moment however much is written, and LevelDB keeps none across two batches', async () => {
  const history = async (
    memoryBytesMax: number,
    steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[],
  ) => {
    const bed = new Bed(memoryBytesMax);
    await bed.open();
    const readers: Reader[] = [];
    for (const one of steps) {
      if (one.kind === 'write') await bed.write(one.changes, async () => {});
      else if (one.kind === 'beside') {
        // Reads are under way when a batch is to be written, others go on beside it, and a snapshot opens.
        const running = Promise.all(readers.map((reader) => reader.readOn(2)));
        await bed.write(one.changes, async () => {
          readers.push(new Reader(bed));
          await running;
          await Promise.all(readers.map((reader) => reader.readOn(3)));
        });
        const long = Promise.all(readers.map((reader) => reader.readOn(2)));
        await bed.write(one.changes, async () => {});
        await bed.write(one.changes, async () => {});
        await long;
        // One ends while it still reads: its last portion is waited for.
        const last = readers.pop();
        const ending = last?.leave();
        await bed.write(one.changes, async () => {});
        await bed.write(one.changes, async () => {});
        await ending;
      } else if (one.kind === 'open') readers.push(new Reader(bed));
      else if (one.kind === 'look') await Promise.all(readers.map((reader) => reader.look()));
      else if (one.kind === 'end') await readers.splice(Math.floor(readers.length / 2), 1)[0]?.end();
      else await Promise.all(readers.map((reader) => reader.readOn(one.count)));
    }
    for (const reader of readers) await reader.end();
    await bed.close();
  };
  await fc.assert(fc.asyncProperty(fc.constantFrom(20, 500, 1_000_000), fc.array(step, { maxLength: 30 }), history), {
    numRuns: 150,
  });
});

test('a batch waits for what is read of a moment before the last one, though its reader has closed', async () => {
  const bed = new Bed(1_000_000);
  await bed.open();
  const write = (): Promise<void> => bed.write(new Map([['k1', 'x']]), async () => {});
  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 50; turn++) await nextTurn();
  };
  await write();
  const early = bed.keeper.open();
  await write();
  await write();
  const late = bed.keeper.open();
  await write();
  const [earlyGate, lateGate] = [new Gate(), new Gate()];
  bed.gates.push(earlyGate.opened, lateGate.opened);
  const earlyRead = early.cursor(from, to).next(1);
  const fifth = write();
  await turns();
  // The fifth batch waits for the first read; a second one begins, and its reader does not wait for it.
  const lateRead = late.cursor(from, to).next(1);
  const closing = late.close();
  await turns();
  earlyGate.open();
  await earlyRead;
  await fifth;
  const sixth = write();
  await turns();
  expect(bed.begun).toBe(5);
  lateGate.open();
  await Promise.all([lateRead, closing, sixth]);
  await early.close();
  await bed.close();
});

test('a reader that lasts does not keep what readers behind it kept', async () => {
  const bed = new Bed(200);
  await bed.open();
  const write = (text: string): Promise<void> =>
    bed.write(new Map(keys.map((key) => [String(key), text])), async () => {});
  await write('first');
  const lasting = new Reader(bed);
  for (let round = 0; round < 30; round++) {
    const reader = new Reader(bed);
    await write(`a${round}`);
    await write(`b${round}`);
    await reader.end();
  }
  // Its own, and the newest, in which batches are noted.
  await vi.waitFor(() => expect(bed.scratches).toBeLessThanOrEqual(2));
  await lasting.end();
  await bed.close();
});

test('once it is closed nothing is left, though a reader is amid images that are being joined', async () => {
  const bed = new Bed(1_000_000);
  await bed.open();
  const write = (text: string): Promise<void> => bed.write(new Map([['k1', text]]), async () => {});
  await write('first');
  const [early, middle, late] = [bed.keeper.open(), await opened(bed, write), await opened(bed, write)];
  await write('last');
  await write('very last');
  const gate = new Gate();
  bed.gates.push(gate.opened);
  const reading = early
    .cursor(from, to)
    .next(1)
    .catch((caught: unknown) => caught);
  const ending = middle.close();
  for (let turn = 0; turn < 50; turn++) await nextTurn();
  const closing = bed.keeper.close();
  for (let turn = 0; turn < 50; turn++) await nextTurn();
  gate.open();
  await closing;
  expect(bed.scratches).toBe(0);
  expect(await reading).toEqual(viewClosed());
  await Promise.allSettled([ending, late.close(), early.close()]);
  await bed.close();
});

test('however many readers there are, a batch costs what its rows cost twice, at the most', async () => {
  const bed = new Bed(1_000_000);
  await bed.open();
  const readers: Reader[] = [];
  for (const [count, key] of keys.entries()) {
    readers.push(new Reader(bed), new Reader(bed));
    await bed.write(new Map([[String(key), 'x']]), async () => {});
    expect(bed.kept).toBeLessThanOrEqual(2 * count);
  }
  for (const reader of readers) await reader.end();
  await bed.close();
});

test('where a moment can not be kept, its readers are told to come back, and batches are written', async () => {
  for (const memoryBytesMax of [1, 1_000_000]) {
    const bed = new Bed(memoryBytesMax);
    await bed.open();
    const write = (text: string): Promise<void> =>
      bed.write(new Map(keys.map((key) => [String(key), text])), async () => {});
    await write('x');
    const early = bed.keeper.open();
    for (const text of ['y', 'z']) await write(text);
    const late = bed.keeper.open();
    bed.isFull = true;
    for (const text of ['1', '2', '3']) await write(text);
    for (const reader of [early, late]) {
      const failure = { code: 'busy', retryAfterMs: 1000, message: expect.stringContaining('no space left on device') };
      await expect(reader.getMany([...keys])).rejects.toMatchObject(failure);
      await reader.close();
    }
    const reader = new Reader(bed);
    await reader.end();
    await bed.close();
  }
});
