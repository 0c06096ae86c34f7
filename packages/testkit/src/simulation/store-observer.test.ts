import type { NodeMessage, PromiseAnswer } from '@edis/core';
import { Store } from '@edis/store';
import { describe, expect, it, vi } from 'vitest';
import type { Breach } from './log-observer.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { SimulatedWorld } from './simulated-world.ts';
import { entryOf, putOf } from './store-fakes.ts';
import { openStores } from './store-fixture.ts';
import { StoreObserver } from './store-observer.ts';

function watch(): { observer: StoreObserver; found: () => string[] } {
  const breaches: Breach[] = [];
  const observer = new StoreObserver((breach) => breaches.push(breach));
  return { observer, found: () => breaches.map(({ rule, what }) => `${rule}: ${what}`) };
}

interface Bed {
  readonly world: SimulatedWorld;
  readonly process: SimulatedProcess;
  /** Of the process that runs. */
  readonly store: () => Store;
}

/** A member that has nothing but its store, watched through its restarts. */
async function member(observer: StoreObserver): Promise<Bed> {
  const world = new SimulatedWorld({ seed: 1 });
  let running: Store | undefined;
  const process = world.add('m1', async (life) => {
    const environment = observer.environmentOf('m1', life.process.disk.environmentOf(life));
    const store = await Store.open({ directory: 'data', environment, newStoreId: () => 'm1' });
    observer.onOpened('m1', store);
    life.onEnd(() => observer.onEnded('m1'));
    running = store;
    return {};
  });
  process.start();
  await world.time.run(1000);
  const store = (): Store => {
    if (running === undefined) throw new Error('it does not run');
    return running;
  };
  return { world, process, store };
}

/** A store of that name with so many entries, all of them synced. */
async function storeWith(id: string, entryCount: number): Promise<Store> {
  const [store] = await openStores([id]);
  if (store === undefined) throw new Error('no store');
  for (let position = 1; position <= entryCount; position += 1) store.append(entryOf(position, [putOf('a', '1')]));
  vi.spyOn(store, 'syncedPosition', 'get').mockReturnValue(entryCount);
  return store;
}

describe('a store that comes back', () => {
  it('has what it had said to be safe, though its power failed', async () => {
    const { observer, found } = watch();
    const { world, process, store } = await member(observer);
    store().append(entryOf(1, [putOf('a', '1')]));
    store().requestSync();
    await world.time.run(2000);
    store().append(entryOf(2, [putOf('a', '2')]));
    process.crash(false, 100);
    await world.time.run(4000);
    expect([store().lastEntry.position, found()]).toEqual([1, []]);
  });

  it('may lack what was being cut when its process ended', async () => {
    const { observer, found } = watch();
    const { world, process, store } = await member(observer);
    for (const position of [1, 2, 3]) store().append(entryOf(position, [putOf('a', String(position))]));
    store().requestSync();
    await world.time.run(2000);
    process.disk.setHanging(true);
    void store().truncateAfter(1);
    await world.time.run(3000);
    process.crash(false, 100);
    process.disk.heal();
    await world.time.run(5000);
    expect(found()).toEqual([]);
  });

  it('is found out when it lacks something', async () => {
    const { observer, found } = watch();
    observer.onOpened('m1', await storeWith('m1', 2));
    observer.onEnded('m1');
    observer.onOpened('m1', await storeWith('m1', 1));
    expect(found()).toEqual(['stores stay: m1 had synced entry 1:2 and came back without it; its log ends at 1:1']);
  });

  it('is found out when it is another one, unless its disk was lost', async () => {
    const { observer, found } = watch();
    observer.onOpened('m1', await storeWith('m1', 1));
    observer.onEnded('m1');
    observer.onOpened('m1', await storeWith('other', 0));
    expect(found()).toEqual(['stores stay: m1 came back as other, and was m1']);
    observer.onLost('m1');
    observer.onOpened('m1', await storeWith('third', 0));
    expect(found()).toHaveLength(1);
  });

  it('is found out when it has forgotten a promise', async () => {
    const { observer, found } = watch();
    const { world, store } = await member(observer);
    const saved = store().saveIdentity({ promisedEpoch: 7 });
    await world.time.run(2000);
    await saved;
    observer.onEnded('m1');
    observer.onOpened('m1', await storeWith('m1', 0));
    expect(found()).toEqual(['stores stay: m1 had promised epoch 7 and came back with 0']);
  });
});

function answerOf(kind: PromiseAnswer['kind'], promisedEpoch: number): NodeMessage {
  return { kind: 'promise', answer: { kind, promisedEpoch, lastEntry: { epoch: 0, position: 0 }, witness: true } };
}

describe('a promise', () => {
  it('that is safe before it is spoken breaks no rule, nor does what is said instead of one', async () => {
    const { observer, found } = watch();
    const { world, process, store } = await member(observer);
    const saved = store().saveIdentity({ promisedEpoch: 7 });
    await world.time.run(2000);
    await saved;
    observer.onSaid('m1', answerOf('promised', 7));
    observer.onSaid('m1', answerOf('outdated', 9));
    process.crash(false, 100);
    await world.time.run(4000);
    observer.onSaid('m1', answerOf('promised', 7));
    expect(found()).toEqual([]);
  });

  it('that is spoken before it is safe is found out at once, and again when it is forgotten', async () => {
    const { observer, found } = watch();
    const { world, process, store } = await member(observer);
    process.disk.setHanging(true);
    void store().saveIdentity({ promisedEpoch: 7 });
    await world.time.run(2000);
    observer.onSaid('m1', answerOf('promised', 7));
    expect(found()).toEqual(['promises are safe: m1 promised epoch 7 when 0 was the last that it had saved']);
    process.crash(false, 100);
    process.disk.heal();
    await world.time.run(4000);
    expect(found().slice(1)).toEqual(['stores stay: m1 had promised epoch 7 and came back with 0']);
  });
});

describe('what a log says to have synced', () => {
  it('is found out when no sync that began behind it has come back', async () => {
    const { observer, found } = watch();
    const { world, process, store } = await member(observer);
    store().append(entryOf(1, [putOf('a', '1')]));
    store().requestSync();
    await world.time.run(2000);
    process.disk.setHanging(true);
    store().append(entryOf(2, [putOf('a', '2')]));
    store().requestSync();
    await world.time.run(3000);
    observer.look();
    expect([store().syncedPosition, found()]).toEqual([1, []]);
    vi.spyOn(store(), 'syncedPosition', 'get').mockReturnValue(2);
    observer.look();
    observer.look();
    expect(found()).toEqual([
      'syncs have come back: the log of m1 is synced up to 2, it says; 1 of it came in no sync',
    ]);
  });

  it('is not what was cut meanwhile: other entries take its place', async () => {
    const { observer, found } = watch();
    const { world, process, store } = await member(observer);
    for (const position of [1, 2, 3]) store().append(entryOf(position, [putOf('a', String(position))]));
    store().requestSync();
    await world.time.run(2000);
    await world.time.runFor(store().truncateAfter(1), 1000, 'the cut');
    process.disk.setHanging(true);
    store().append(entryOf(2, [putOf('a', 'other')], { epoch: 2, timestamp: 4_000_000 }));
    vi.spyOn(store(), 'syncedPosition', 'get').mockReturnValue(2);
    observer.look();
    expect(found()).toHaveLength(1);
  });

  it('is still what it was when a cut fails before it cuts anything', async () => {
    const { observer, found } = watch();
    const { world, process, store } = await member(observer);
    for (const position of [1, 2, 3]) store().append(entryOf(position, [putOf('a', String(position))]));
    store().requestSync();
    await world.time.run(2000);
    process.disk.failWrites(1);
    const cut = store().truncateAfter(1);
    await expect(world.time.runFor(cut, 1000, 'the cut')).rejects.toThrow(/receipt/);
    observer.look();
    expect([store().syncedPosition, found()]).toEqual([3, []]);
  });

  it('is remembered of a store that does not run, and of one whose disk was lost', async () => {
    const { observer } = watch();
    const { world, process, store } = await member(observer);
    store().append(entryOf(1, [putOf('a', '1')]));
    store().requestSync();
    await world.time.run(2000);
    store().append(entryOf(2, [putOf('a', '2')]));
    const known = (): boolean[] => [
      observer.hasSynced('m1', 1, 1),
      observer.hasSynced('m1', 2, 1),
      observer.hasSynced('m1', 1, 2),
      observer.hasSynced('m2', 1, 1),
    ];
    const running = known();
    process.wipe(100);
    observer.onLost('m1');
    expect([running, known()]).toEqual([
      [true, false, false, false],
      [true, false, false, false],
    ]);
  });
});

describe('a view', () => {
  it('that has more than the log has synced is found out', async () => {
    const { observer, found } = watch();
    const store = await storeWith('m1', 2);
    observer.onOpened('m1', store);
    observer.look();
    expect(found()).toEqual([]);
    vi.spyOn(store, 'viewPosition', 'get').mockReturnValue(3);
    observer.look();
    observer.look();
    expect(found()).toEqual(['views follow logs: the view of m1 is at 3, 1 above what its log has synced']);
  });

  it('that holds something else than another one at the same entry is found out', async () => {
    const { observer, found } = watch();
    const [first, second] = [await storeWith('m1', 2), await storeWith('m2', 2)];
    observer.onOpened('m1', first);
    observer.onOpened('m2', second);
    for (let look = 0; look < 100; look += 1) observer.look();
    expect(found()).toEqual([]);
    vi.spyOn(second, 'contentHash', 'get').mockReturnValue('other');
    for (let look = 0; look < 100; look += 1) observer.look();
    expect(found()).toEqual(['views are equal: the view of m2 at 0:0 holds something else than that of m1 did there']);
  });
});
