import { EdisError } from '@edis/core';
import { describe, expect, test } from 'vitest';
import type { Disk } from './disk.ts';
import type { Store } from './store.ts';
import type { StoreEnvironment } from './store-environment.ts';
import { entryOf, FakeWorld, putOf } from './testing.ts';

/** A cut that fails at any of its steps: what the store says then, and what the next start finds. */

const folded = 5;
const cutAt = 10;
const last = 30;
const settings = { segmentBytes: 400 };
const directory = 'data/receipts';
const newReceipt = 'data/receipt.new';

/** Whether a step of the disk fails. It then leaves everything as it was. */
type IsFailing = (step: string, path: string) => boolean;

const steps = new Set(['open', 'rename', 'remove', 'makeDirectory', 'syncDirectory']);
const fileSteps = new Set(['append', 'sync', 'read', 'truncate']);

function failing(world: FakeWorld, isFailing: IsFailing): StoreEnvironment {
  const guard = <Target extends object>(target: Target, names: ReadonlySet<string>, pathOf: () => string): Target =>
    new Proxy(target, {
      get: (object, name) => {
        const member: unknown = Reflect.get(object, name);
        if (typeof member !== 'function') return member;
        return (...parts: unknown[]): unknown => {
          const path = typeof parts[0] === 'string' ? parts[0] : pathOf();
          if (names.has(String(name)) && isFailing(String(name), path)) {
            const error = new EdisError('disk', `cannot ${String(name)} ${path}: input/output error of the device`);
            if (name === 'open' || name === 'append') throw error;
            return Promise.reject(error);
          }
          const done: unknown = Reflect.apply(member, object, parts);
          return name === 'open' && typeof done === 'object' && done !== null
            ? guard(done, fileSteps, () => path)
            : done;
        };
      },
    });
  const disk: Disk = guard(world.disk, steps, () => '');
  return { ...world.environment, disk };
}

/** Its log lies in several files, and has synced up to there; the view has less than the cut leaves. */
async function fill(world: FakeWorld, synced: number, environment = world.environment): Promise<Store> {
  const store = await world.open({ ...settings, environment });
  const write = (upTo: number): void => {
    for (let position = store.lastEntry.position + 1; position <= upTo; position += 1) {
      store.append(entryOf(position, [putOf(`key-${position}`, 'value')], { timestamp: position * 10 }));
    }
  };
  write(folded);
  store.setVisible(folded);
  await store.flush();
  write(synced);
  store.requestSync();
  await expect.poll(() => store.syncedPosition, { interval: 1 }).toBe(synced);
  write(last);
  return store;
}

/** Names and positions of the receipts that there are; each is whole. */
async function receiptsOf(world: FakeWorld): Promise<Map<string, number[]>> {
  const found = new Map<string, number[]>();
  for (const name of await world.disk.list(directory)) {
    const lines = world.disk.bytesOf(`${directory}/${name}`).toString().trim().split('\n');
    const positions = lines.map((line) => Number(Reflect.get(JSON.parse(line), 'position')));
    const [from = 0, to = 0] = name.split('-').map(Number);
    expect(positions).toEqual(Array.from({ length: to - from + 1 }, (_, index) => from + index));
    found.set(name, positions);
  }
  return found;
}

function contents(world: FakeWorld): string[] {
  return world.disk.paths().map((path) => `${path} ${world.disk.bytesOf(path).toString('hex')}`);
}

/** The process has ended: what the next start finds, and what it comes to when it makes the cut again. */
async function startAgain(world: FakeWorld, safe: number): Promise<string> {
  const before = await receiptsOf(world);
  const again = await world.open(settings);
  expect(world.disk.paths()).not.toContain(newReceipt);
  const { position } = again.lastEntry;
  expect(again.receipts.count).toBe(before.size);
  expect(position).toBeGreaterThanOrEqual(Math.min(safe, cutAt));
  await again.truncateAfter(cutAt);
  expect(again.lastEntry.position).toBe(Math.min(position, cutAt));
  const after = await receiptsOf(world);
  for (const [name, positions] of before) expect(after.get(name)).toEqual(positions);
  expect(again.receipts.count).toBe(after.size);
  const written = new Set([...after.values()].flat());
  for (let lost = cutAt + 1; lost <= safe; lost += 1) expect(written).toContain(lost);
  again.append(entryOf(again.lastEntry.position + 1, [putOf('after', '1')], { timestamp: 1000, epoch: 2 }));
  await again.close();
  const log = position === cutAt ? 'cut' : position < last ? 'cut in part' : 'whole';
  return `${before.size === 0 ? 'no receipt' : 'a receipt'}, the log is ${log}`;
}

describe('a cut that fails', () => {
  test.each([
    ['the process ends', 'all of the log was synced', last],
    ['the power fails', 'all of the log was synced', last],
    ['the process ends', 'what is kept was not synced', folded + 1],
    ['the power fails', 'what is kept was not synced', folded + 1],
  ])('puts the store out of service at each step; %s; %s', async (end, _what, synced) => {
    const seen = new Set<string>();
    for (let failAt = 0; ; failAt += 1) {
      const world = new FakeWorld();
      let armed = false;
      let count = 0;
      const environment = failing(world, () => armed && count++ === failAt);
      const store = await fill(world, synced, environment);
      const told: EdisError[] = [];
      store.onFailed((error) => told.push(error));
      armed = true;
      const error = await store.truncateAfter(cutAt).catch((caught: unknown) => caught);
      if (count <= failAt) break;
      expect([error, store.failure, told]).toEqual([told[0], told[0], [expect.objectContaining({ code: 'disk' })]]);
      // What a sync that failed should have covered counts for nothing, whatever the next one says.
      expect(store.syncedPosition).toBe(synced);
      if (world.disk.paths().includes(newReceipt)) seen.add('a receipt that is not whole');
      const left = contents(world);
      await expect(store.truncateAfter(cutAt)).rejects.toBe(told[0]);
      expect(() => store.append(entryOf(last + 1, []))).toThrow(told[0]?.message ?? '');
      expect(contents(world)).toEqual(left);
      await (end === 'the process ends' ? world.kill() : world.crash());
      await store.close();
      seen.add(await startAgain(world, end === 'the process ends' ? last : synced));
    }
    const always = ['a receipt that is not whole', 'a receipt, the log is cut in part', 'a receipt, the log is cut'];
    const unlessLost = ['no receipt, the log is whole', 'a receipt, the log is whole'];
    const isLost = end === 'the power fails' && synced < last;
    expect([...seen]).toEqual(expect.arrayContaining(isLost ? always : [...always, ...unlessLost]));
  });

  test('behind its receipt leaves that as it is, whatever fails when it is made again', async () => {
    for (let failAt = 0; ; failAt += 1) {
      const world = new FakeWorld();
      const inLog = (step: string, path: string): boolean => step === 'remove' && path.startsWith('data/log/');
      const store = await fill(world, last, failing(world, inLog));
      await expect(store.truncateAfter(cutAt)).rejects.toThrow(/cannot remove data\/log/);
      await world.kill();
      await store.close();
      const before = await receiptsOf(world);
      expect([...before.keys()]).toEqual([`${cutAt + 1}-${last}-epoch-1.ndjson`]);
      let armed = false;
      let count = 0;
      const environment = failing(world, () => armed && count++ === failAt);
      const again = await world.open({ ...settings, environment });
      expect(again.lastEntry.position).toBe(last);
      armed = true;
      const failed = await again.truncateAfter(cutAt).then(
        () => false,
        () => true,
      );
      expect(await receiptsOf(world)).toEqual(before);
      await world.crash();
      await again.close();
      expect(await receiptsOf(world)).toEqual(before);
      if (!failed) break;
    }
  });
});

test('a cut says what is synced by it, and nobody waits any more for what it took away', async () => {
  const store = await new FakeWorld().open(settings);
  const synced: number[] = [];
  store.onSynced((position) => synced.push(position));
  for (let position = 1; position <= 3; position++) store.append(entryOf(position, [putOf('k', 'v')]));
  const cut = store.truncateAfter(2);
  const flushed = store.flush();
  await cut;
  await flushed;
  expect([store.syncedPosition, synced.at(-1)]).toEqual([2, 2]);
  await store.close();
});
