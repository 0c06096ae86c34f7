import { Store } from '@edis/store';
import { describe, expect, it } from 'vitest';
import type { Incarnation } from './incarnation.ts';
import type { DiskAccess } from './simulated-disk.ts';
import { diskAccesses } from './simulated-disk.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { SimulatedWorld } from './simulated-world.ts';
import { entryOf, putOf } from './store-fakes.ts';

function open(seed = 1): { world: SimulatedWorld; process: SimulatedProcess; life: () => Incarnation } {
  const world = new SimulatedWorld({ seed });
  const process = world.add('m1', async () => ({}));
  process.start();
  const life = (): Incarnation => {
    if (process.incarnation === undefined) throw new Error('nothing runs');
    return process.incarnation;
  };
  return { world, process, life };
}

async function textOf(world: SimulatedWorld, process: SimulatedProcess, path: string): Promise<string> {
  if (process.incarnation === undefined) process.start();
  if (process.incarnation === undefined) throw new Error('nothing runs');
  const file = process.disk.environmentOf(process.incarnation).disk.open(path);
  return Buffer.from(await world.time.runFor(file.read(0, 1000), 1000, 'a read')).toString();
}

describe('the disk of a simulated machine', () => {
  it('keeps what was synced when the power fails, and nothing else', async () => {
    const { world, process, life } = open();
    const { disk } = process.disk.environmentOf(life());
    const file = disk.open('data/a');
    file.append([Buffer.from('safe')]);
    await world.time.runFor(Promise.all([file.sync(), disk.syncDirectory('data')]), 1000, 'a sync');
    file.append([Buffer.from(' not safe')]);
    process.crash(false);
    expect(await textOf(world, process, 'data/a')).toBe('safe');
  });

  it('keeps what a killed process wrote until the power fails, unless somebody syncs it', async () => {
    const { world, process, life } = open();
    const { disk } = process.disk.environmentOf(life());
    const file = disk.open('data/a');
    await world.time.runFor(disk.syncDirectory('data'), 1000, 'a sync');
    file.append([Buffer.from('unsynced')]);
    process.kill();
    expect(await textOf(world, process, 'data/a')).toBe('unsynced');
    process.crash(false);
    expect(await textOf(world, process, 'data/a')).toBe('');
  });

  it('leaves any beginning of what was not synced when the power fails and tears it', async () => {
    const left = new Set<string>();
    for (let seed = 0; seed < 40; seed++) {
      const { world, process, life } = open(seed);
      const { disk } = process.disk.environmentOf(life());
      const file = disk.open('data/a');
      await world.time.runFor(disk.syncDirectory('data'), 1000, 'a sync');
      file.append([Buffer.from('abcd')]);
      process.crash(true);
      left.add(await textOf(world, process, 'data/a'));
    }
    expect([...left].sort()).toEqual(['', 'a', 'ab', 'abc', 'abcd']);
  });

  it('answers no sync while it hangs, and the process never hears of one that it did not outlive', async () => {
    const { world, process, life } = open();
    const file = process.disk.environmentOf(life()).disk.open('data/a');
    let synced = false;
    process.disk.setHanging(true);
    void file.sync().then(() => {
      synced = true;
    });
    await world.time.run(60_000);
    expect(synced).toBe(false);
    process.disk.setHanging(false);
    await world.time.run(60_001);
    expect(synced).toBe(true);
    synced = false;
    void file.sync().then(() => {
      synced = true;
    });
    process.kill(1);
    await world.time.run(120_000);
    expect(synced).toBe(false);
  });

  it.each(diskAccesses)('fails once at a %s when told to, and leaves everything as it was', async (access) => {
    const { world, process, life } = open();
    const { disk } = process.disk.environmentOf(life());
    const file = disk.open('data/a');
    file.append([Buffer.from('safe')]);
    await world.time.runFor(file.sync(), 1000, 'a sync');
    const asked: Record<DiskAccess, () => Promise<unknown>> = {
      read: () => file.read(0, 4),
      size: () => disk.sizeOf('data/a'),
      list: () => disk.list('data'),
      rename: () => disk.rename('data/a', 'data/b'),
      remove: () => disk.remove('data/a'),
      truncate: () => file.truncate(0),
      directory: () => disk.syncDirectory('data'),
    };
    const ask = (): Promise<unknown> => world.time.runFor(asked[access](), 1000, access);
    process.disk.failAccess(access, 0);
    await expect(ask()).rejects.toMatchObject({ code: 'disk' });
    expect(await textOf(world, process, 'data/a')).toBe('safe');
    await ask();
  });

  it('fails after so many of them, unless it is healed before', async () => {
    const { world, process, life } = open();
    const { disk } = process.disk.environmentOf(life());
    const ask = (): Promise<unknown> => world.time.runFor(disk.sizeOf('data/a'), 1000, 'a size');
    process.disk.failAccess('size', 2);
    await ask();
    await ask();
    await expect(ask()).rejects.toMatchObject({ code: 'disk' });
    process.disk.failAccess('size', 0);
    process.disk.heal();
    await ask();
  });

  it('has no more room when it is full', () => {
    const { process, life } = open();
    const file = process.disk.environmentOf(life()).disk.open('data/a');
    process.disk.fillUp(2);
    expect(() => file.append([Buffer.from('abc')])).toThrow('no space left on device');
  });

  it.each(['power loss', 'kill and then a power loss'])(
    'carries the real store: what it said was synced is there after a %s',
    async (what) => {
      for (let seed = 0; seed < 20; seed++) {
        const { world, process, life } = open(seed);
        const openStore = (): Promise<Store> =>
          world.time.runFor(
            Store.open({
              directory: 'data',
              environment: process.disk.environmentOf(life()),
              newStoreId: () => 'store',
              cacheBytes: 100_000,
            }),
            10_000,
            'the store opens',
          );
        const pass = (maxMs: number): Promise<boolean> =>
          world.time.run(world.time.nowMs + world.random.between(0, maxMs));
        let store = await openStore();
        for (let position = 1; position <= 20; position++) {
          store.append(entryOf(position, [putOf(`key-${position}`, 'value')]));
          if (position % 3 === 0) await pass(5);
        }
        await pass(1500);
        if (what !== 'power loss') {
          process.kill(10);
          await world.time.run(world.time.nowMs + 20);
          store = await openStore();
          await pass(10);
        }
        const { syncedPosition } = store;
        process.crash(true, 100);
        await world.time.run(world.time.nowMs + 200);
        expect((await openStore()).lastEntry.position).toBeGreaterThanOrEqual(syncedPosition);
      }
    },
  );
});
