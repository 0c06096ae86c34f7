import { EdisError } from '@edis/core';
import { describe, expect, test } from 'vitest';
import type { Receipt } from './receipt.ts';
import { recordPrefix } from './record-row.ts';
import type { SnapshotSource } from './snapshot-source.ts';
import type { Store } from './store.ts';
import type { StoreEnvironment } from './store-environment.ts';
import { deleteOf, entryOf, FakeWorld, putOf } from './testing.ts';

const client = '0123456789abcdef';

function write(store: Store, key: string, value: string, epoch = 1): void {
  const position = store.lastEntry.position + 1;
  const operation = putOf(key, value, { client, sequence: position });
  store.append(entryOf(position, [operation], { timestamp: store.lastTimestamp + 10, epoch }));
}

async function makeSource(): Promise<Store> {
  const store = await new FakeWorld().open();
  for (let index = 0; index < 50; index++) write(store, `new-${index}`, `${index}`, index < 20 ? 3 : 5);
  store.append(entryOf(51, [deleteOf('new-7')], { timestamp: store.lastTimestamp + 10, epoch: 5 }));
  store.setVisible(51);
  await store.flush();
  return store;
}

async function makeTarget(world: FakeWorld, environment = world.environment): Promise<Store> {
  const store = await world.open({ environment, segmentBytes: 300 });
  for (let index = 0; index < 9; index++) write(store, `old-${index}`, 'x');
  store.setVisible(6);
  await store.flush();
  return store;
}

async function install(target: Store, snapshot: SnapshotSource, agreed?: number): Promise<void> {
  const installing = await target.beginInstall(snapshot.start, agreed);
  for await (const { keys, values } of snapshot.pages()) await installing.addPage(keys, values);
  await installing.finish();
}

function expectNew(store: Store, source: Store): void {
  expect(store.lastEntry).toEqual({ epoch: 5, position: 51 });
  expect([store.viewPosition, store.visiblePosition, store.syncedPosition, store.firstPosition]).toEqual([
    51, 51, 51, 52,
  ]);
  expect(store.epochs).toEqual(source.epochs);
  expect([store.contentHash, store.recordCount, store.recordBytes]).toEqual([
    source.contentHash,
    source.recordCount,
    source.recordBytes,
  ]);
  expect(store.lookup(1, 'new-3', 'visible').record?.value).toBe('3');
  expect(store.lookup(1, 'new-7', 'visible').record).toBeUndefined();
  expect(store.lookup(1, 'old-1', 'visible').record).toBeUndefined();
  expect(store.operationIds.find(client, 50).kind).toBe('remembered');
}

function expectOld(store: Store): void {
  expect(store.lastEntry).toEqual({ epoch: 1, position: 9 });
  expect(store.lookup(1, 'old-8', 'newest').record?.value).toBe('x');
  expect(store.lookup(1, 'new-3', 'newest').record).toBeUndefined();
}

/** An environment in which the power fails at the n-th step that changes something. */
function failingAt(
  world: FakeWorld,
  isArmed: () => boolean,
  failAt: number,
): { environment: StoreEnvironment; steps: () => number; crashed: () => Promise<void> } {
  let count = 0;
  let crashed = Promise.resolve();
  const { disk, views } = world.environment;
  const changing = new Set(['rename', 'remove', 'syncDirectory', 'makeDirectory', 'open']);
  const guard = <Target extends object>(target: Target): Target =>
    new Proxy(target, {
      get: (object, name) => {
        const member: unknown = Reflect.get(object, name);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]): unknown => {
          if (isArmed() && changing.has(String(name)) && count++ === failAt) {
            crashed = world.crash();
            const error = new EdisError('disk', 'the power is off');
            if (name === 'open' && Object.is(object, disk)) throw error;
            return crashed.then(() => Promise.reject(error));
          }
          return Reflect.apply(member, object, args);
        };
      },
    });
  const environment = { ...world.environment, disk: guard(disk), views: guard(views) };
  return { environment, steps: () => count, crashed: () => crashed };
}

describe('installing a snapshot', () => {
  test('replaces all that was there, and the store goes on behind it', async () => {
    const source = await makeSource();
    const world = new FakeWorld();
    const target = await makeTarget(world);
    const snapshot = await source.openSnapshot();
    await install(target, snapshot);
    await snapshot.close();
    expectNew(target, source);
    write(target, 'after', '1', 6);
    target.setVisible(52);
    await target.flush();
    await world.crash();
    const again = await world.open();
    expect(again.lookup(1, 'after', 'newest').record?.value).toBe('1');
    expect(again.lookup(1, 'new-3', 'newest').record?.value).toBe('3');
    await again.scrub();
    await again.close();
    await source.close();
  });

  test('a crash at any step leaves the old state or the new one, whole', async () => {
    const source = await makeSource();
    const seen = new Set<string>();
    for (let failAt = 0; ; failAt++) {
      const world = new FakeWorld();
      let armed = false;
      const { environment, steps, crashed } = failingAt(world, () => armed, failAt);
      const target = await makeTarget(world, environment);
      // What was not synced may be lost in the crash; here all is.
      target.requestSync();
      await expect.poll(() => target.syncedPosition, { interval: 1 }).toBe(9);
      const snapshot = await source.openSnapshot();
      armed = true;
      const failed = await install(target, snapshot).then(
        () => false,
        () => true,
      );
      armed = false;
      await crashed();
      await snapshot.close();
      if (!failed) await world.crash();
      const again = await world.open();
      const isNew = again.lastEntry.position === 51;
      seen.add(isNew ? 'new' : 'old');
      if (isNew) expectNew(again, source);
      else expectOld(again);
      if (!failed) expect(isNew).toBe(true);
      await again.scrub();
      await again.close();
      if (!failed && steps() <= failAt) break;
    }
    expect([...seen]).toEqual(['old', 'new']);
    await source.close();
  });

  /** Up to entry 7 it has what the other has, which shows less; 8 and 9 are its own, and its view has them. */
  async function makeRelative(world: FakeWorld, environment = world.environment): Promise<Store> {
    const store = await world.open({ environment, segmentBytes: 300 });
    for (let index = 0; index < 9; index++) write(store, `key-${index}`, index < 7 ? 'both' : 'own', index < 5 ? 1 : 2);
    store.setVisible(9);
    await store.flush();
    return store;
  }

  async function makeSender(): Promise<Store> {
    const store = await new FakeWorld().open();
    for (let index = 0; index < 7; index++) write(store, `key-${index}`, 'both', index < 5 ? 1 : 2);
    store.setVisible(4);
    await store.flush();
    write(store, 'key-7', 'sender', 3);
    return store;
  }

  async function expectKept(store: Store, sender: Store): Promise<void> {
    expect(store.receipts.operationCount).toBe(2);
    expect([store.lastEntry, store.viewPosition, store.visiblePosition, store.syncedPosition]).toEqual([
      { epoch: 2, position: 7 },
      4,
      4,
      7,
    ]);
    const newest = [3, 6, 7].map((index) => store.lookup(1, `key-${index}`, 'newest').record?.value);
    expect(newest).toEqual(['both', 'both', undefined]);
    expect(store.lookup(1, 'key-6', 'visible').record).toBeUndefined();
    expect([7, 8].map((sequence) => store.operationIds.find(client, sequence).kind)).toEqual(['remembered', 'new']);
    const { bodies = [], checksums = [] } = (await sender.readEntries(8, 1e6)) ?? {};
    store.appendEncoded(8, bodies, checksums);
    expect(store.epochs).toEqual(sender.epochs);
    for (const member of [store, sender]) {
      member.setVisible(8);
      await member.flush();
    }
    expect(store.contentHash).toBe(sender.contentHash);
    await store.scrub();
  }

  test('that ends before what both logs have leaves that in the log, at whatever step the power fails', async () => {
    const seen = new Set<string>();
    for (let failAt = 0; ; failAt++) {
      const sender = await makeSender();
      const world = new FakeWorld();
      let armed = false;
      const { environment, steps, crashed } = failingAt(world, () => armed, failAt);
      const target = await makeRelative(world, environment);
      const snapshot = await sender.openSnapshot();
      armed = true;
      const failed = await install(target, snapshot, 7).then(
        () => false,
        () => true,
      );
      armed = false;
      await crashed();
      await snapshot.close();
      if (!failed) {
        await expectKept(target, sender);
        await target.close();
        if (steps() <= failAt) break;
        continue;
      }
      const again = await world.open({ segmentBytes: 300 });
      const isNew = again.viewPosition === 4;
      seen.add(isNew ? 'new' : 'old');
      if (isNew) await expectKept(again, sender);
      else expect(again.lastEntry).toEqual({ epoch: 2, position: 9 });
      await again.close();
    }
    expect([...seen]).toEqual(['old', 'new']);
  });

  test('that is given up leaves no receipt: nothing was discarded', async () => {
    const sender = await makeSender();
    const target = await makeRelative(new FakeWorld());
    const snapshot = await sender.openSnapshot();
    const installing = await target.beginInstall(snapshot.start, 7);
    for await (const { keys, values } of snapshot.pages()) await installing.addPage(keys, values);
    await installing.abort();
    expect([target.receipts.count, target.lastEntry.position]).toEqual([0, 9]);
    await snapshot.close();
    await Promise.all([sender.close(), target.close()]);
  });

  test('says how many discarded entries are in no receipt, because they had left the log', async () => {
    const sender = await makeSender();
    const world = new FakeWorld();
    await (await makeRelative(world)).close();
    const target = await world.open({ segmentBytes: 100, retentionBytes: 0, retentionBytesMax: 0 });
    target.setRetention({ oldestFollowerPosition: 1000, oldestLosablePosition: 1000 });
    write(target, 'key-9', 'own', 2);
    target.setVisible(10);
    await target.flush();
    await expect.poll(() => target.firstPosition, { interval: 1 }).toBeGreaterThan(5);
    const missingEntries = target.firstPosition - 1 - 2;
    const written: Receipt[] = [];
    target.receipts.onWritten((receipt) => written.push(receipt));
    const snapshot = await sender.openSnapshot();
    const installing = await target.beginInstall(snapshot.start, 2);
    for await (const { keys, values } of snapshot.pages()) await installing.addPage(keys, values);
    await installing.finish();
    expect(written).toMatchObject([{ missingEntries, operationCount: 10 - 2 - missingEntries }]);
    await snapshot.close();
    await Promise.all([sender.close(), target.close()]);
  });

  test('that ends before what both logs have is refused when the own log does not go on there', async () => {
    const sender = await makeSender();
    const world = new FakeWorld();
    const target = await makeRelative(world);
    const snapshot = await sender.openSnapshot();
    await target.close();
    const again = await world.open({ segmentBytes: 100, retentionBytes: 0, retentionBytesMax: 0 });
    again.setRetention({ oldestFollowerPosition: 1000, oldestLosablePosition: 1000 });
    write(again, 'key-9', 'own', 2);
    again.setVisible(10);
    await again.flush();
    await expect.poll(() => again.firstPosition, { interval: 1 }).toBeGreaterThan(5);
    await expect(again.beginInstall(snapshot.start, 7)).rejects.toMatchObject({ code: 'unreachable' });
    expect(again.lastEntry.position).toBe(10);
    await snapshot.close();
    await again.close();
  });

  test('that ends before what both logs are said to have is refused when it ends with another entry', async () => {
    const sender = await new FakeWorld().open();
    for (let index = 0; index < 4; index++) write(sender, `key-${index}`, 'sender', index < 3 ? 1 : 7);
    sender.setVisible(4);
    await sender.flush();
    const world = new FakeWorld();
    const target = await makeRelative(world);
    const snapshot = await sender.openSnapshot();
    await expect(target.beginInstall(snapshot.start, 7)).rejects.toMatchObject({ code: 'unreachable' });
    await target.close();
    const again = await world.open({ segmentBytes: 300 });
    expect([again.lastEntry, again.viewPosition]).toEqual([{ epoch: 2, position: 9 }, 9]);
    await snapshot.close();
    await Promise.all([sender.close(), again.close()]);
  });

  test('reads are answered from the old state until the takeover, and an abort leaves it', async () => {
    const source = await makeSource();
    const world = new FakeWorld();
    const target = await makeTarget(world);
    const snapshot = await source.openSnapshot();
    const installing = await target.beginInstall(snapshot.start);
    for await (const { keys, values } of snapshot.pages()) {
      await installing.addPage(keys, values);
      expectOld(target);
    }
    await installing.abort();
    await expect(installing.finish()).rejects.toMatchObject({ code: 'closed' });
    expectOld(target);
    await target.close();
    const again = await world.open();
    expectOld(again);
    await again.close();
    await snapshot.close();
    await source.close();
  });

  test('a snapshot that lacks a row, or has a damaged or foreign one, is refused', async () => {
    const source = await makeSource();
    const target = await makeTarget(new FakeWorld());
    const snapshot = await source.openSnapshot();
    const rows: { key: Uint8Array; value: Uint8Array }[] = [];
    for await (const { keys, values } of snapshot.pages()) {
      for (const [index, key] of keys.entries()) rows.push({ key, value: values[index] ?? new Uint8Array() });
    }
    // Before the records come the rows of keyspaces.
    const place = rows.findIndex((row) => row.key[0] === recordPrefix);
    const first = rows[place] ?? { key: new Uint8Array(), value: new Uint8Array() };
    const flipped = Uint8Array.from(first.value, (byte, index) => (index === 12 ? byte ^ 1 : byte));
    const lacking = await target.beginInstall(snapshot.start);
    const others = rows.filter((row) => row !== first);
    await lacking.addPage(
      others.map((row) => row.key),
      others.map((row) => row.value),
    );
    await expect(lacking.finish()).rejects.toThrow(/48 records .* announced 49/);
    for (const [key, value] of [
      [first.key, flipped],
      [Buffer.from('\u0001state'), first.value],
      [first.key, new Uint8Array(3)],
    ]) {
      const installing = await target.beginInstall(snapshot.start);
      await expect(installing.addPage([key ?? first.key], [value ?? flipped])).rejects.toMatchObject({
        code: 'protocol',
      });
      await installing.abort();
    }
    expectOld(target);
    await snapshot.close();
    await target.close();
    await source.close();
  });
});
