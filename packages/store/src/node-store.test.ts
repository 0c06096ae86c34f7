import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual, promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openClassic } from './classic-view.ts';
import type { LoggedOperation } from './logged-operation.ts';
import { deleteOf, entryOf, putOf } from './sample-entries.ts';
import { Store } from './store.ts';
import type { StoreEnvironment } from './store-environment.ts';
import { diskEnvironment, ephemeralEnvironment } from './store-environment.ts';
import type { StoreOptions } from './store-options.ts';

let directory = '';
let storeCount = 0;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'edis-store-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

function open(environment: StoreEnvironment = diskEnvironment(), options: Partial<StoreOptions> = {}): Promise<Store> {
  return Store.open({ directory, environment, newStoreId: () => `store-${++storeCount}`, ...options });
}

function write(store: Store, operations: readonly LoggedOperation[]): void {
  const position = store.lastEntry.position + 1;
  store.append(entryOf(position, operations, { timestamp: store.lastTimestamp + 1000 }));
}

/** Thirty entries over a hundred keys, with deletes. */
async function fill(store: Store): Promise<void> {
  for (let round = 0; round < 30; round++) {
    const operations = Array.from({ length: 50 }, (_, index) => {
      const key = `key-${(round * 37 + index * 3) % 100}`;
      if ((round + index) % 7 === 0 && store.lookup(1, key, 'newest').record !== undefined) return deleteOf(key);
      return putOf(key, `${round}-${index}`, { keyspace: 1 + (index % 2) });
    });
    write(store, operations);
    store.setVisible(store.lastEntry.position);
    if (round % 5 === 4) await store.flush();
  }
}

function prototypeOf<Instance extends object>(instance: Instance): Instance {
  return Object.getPrototypeOf(instance);
}

describe('on real files', () => {
  test('memory, LevelDB and LevelDB after a restart have the same content', async () => {
    const disk = await open();
    const memory = await open(ephemeralEnvironment());
    await fill(disk);
    await fill(memory);
    const scrub = await disk.scrub();
    expect(await memory.scrub()).toEqual(scrub);
    expect(scrub.recordCount).toBeGreaterThan(50);
    await disk.close();
    const again = await open();
    await fill(again);
    await fill(memory);
    expect(await again.scrub()).toEqual(await memory.scrub());
    await again.close();
    await memory.close();
  });

  // LevelDB never syncs the log file that it has left for a new one.
  test('every batch of the view is synced: none can be missing below one that is safe', async () => {
    const store = await open();
    const level = await openClassic(join(directory, 'probe'));
    const probe = level.batch();
    const written = vi.spyOn(prototypeOf(probe), 'write');
    await probe.close();
    await level.close();
    await fill(store);
    await (await store.openView(store.visiblePosition)).close();
    await store.close();
    const calls: unknown[][] = written.mock.calls;
    written.mockRestore();
    expect(calls.length).toBeGreaterThan(2);
    expect(calls.filter(([options]) => !isDeepStrictEqual(options, { sync: true }))).toEqual([]);
  });

  test('a view whose directory can not be read is not taken for none', async () => {
    const path = join(directory, 'view');
    const { views } = diskEnvironment();
    expect(await views.exists(path)).toBe(false);
    await writeFile(path, '');
    await expect(views.exists(path)).rejects.toMatchObject({ code: 'disk' });
  });

  test('a copy whose log has lost what was synced is set aside, and the directory begins anew', async () => {
    const store = await open();
    await fill(store);
    const { store: former } = store.identity;
    const group = { shard: 's1', epoch: 1, primarySince: 1, primary: former, quorum: 2, configuredSize: 2 };
    await store.saveIdentity({
      configuration: { ...group, members: [former, 'other'], primaryEndpoints: [], leaseMs: 2000 },
    });
    await store.close();
    const log = join(directory, 'log');
    for (const name of await readdir(log)) await writeFile(join(log, name), '');
    const again = await open();
    expect(again.identity.store).not.toBe(former);
    expect([again.lastEntry.position, again.recordCount]).toEqual([0, 0]);
    await fill(again);
    await again.close();
    expect(await readdir(join(directory, 'set-aside', former))).toEqual(['log', 'view']);
    const third = await open();
    expect(third.setAside).toBeUndefined();
    await third.scrub();
    await third.close();
  });

  test('a snapshot moves from one store to another', async () => {
    const source = await open();
    await fill(source);
    const otherDirectory = join(directory, 'other');
    const target = await open(diskEnvironment(), { directory: otherDirectory });
    write(target, [putOf('old', '1')]);
    const snapshot = await source.openSnapshot();
    await fill(source);
    const installing = await target.beginInstall(snapshot.start);
    for await (const { keys, values } of snapshot.pages()) await installing.addPage(keys, values);
    await installing.finish();
    await snapshot.close();
    const read = await source.readEntries(target.lastEntry.position + 1, 1e8);
    target.appendEncoded(target.lastEntry.position + 1, read?.bodies ?? [], read?.checksums ?? []);
    target.setVisible(target.lastEntry.position);
    await target.flush();
    expect(await target.scrub()).toEqual(await source.scrub());
    expect((await readdir(otherDirectory)).sort()).toEqual(['lock', 'log', 'store.json', 'view']);
    await target.close();
    await source.close();
  });

  test('a damaged record is an error to its reader, never a wrong value', async () => {
    const store = await open(diskEnvironment(), { cacheBytes: 0 });
    write(store, [putOf('key', 'a value that is easy to find')]);
    store.setVisible(1);
    await store.flush();
    await store.close();
    // LevelDB replays its log with checks; a table it reads without.
    await damageTable(join(directory, 'view'));
    const again = await open(diskEnvironment(), { cacheBytes: 0 });
    expect(() => again.lookup(1, 'key', 'newest')).toThrow(/record of key "key" in .* fails its check/);
    await again.close();
  });

  test('another process is refused while this one lives', async () => {
    const store = await open();
    const script = join(directory, 'second.cjs');
    const classicLevel = createRequire(import.meta.url).resolve('classic-level');
    await writeFile(
      script,
      `const { ClassicLevel } = require(${JSON.stringify(classicLevel)});
       new ClassicLevel(${JSON.stringify(join(directory, 'lock'))}).open()
         .then(() => process.stdout.write('free'), (error) => process.stdout.write(error.cause.code));`,
    );
    const tryLock = async (): Promise<string> => (await promisify(execFile)(process.execPath, [script])).stdout;
    expect(await tryLock()).toBe('LEVEL_LOCKED');
    await expect(open()).rejects.toMatchObject({ code: 'data-directory' });
    await store.close();
    expect(await tryLock()).toBe('free');
  });
});

/** Rewrites LevelDB's files as one table, and flips a bit of a value in it. */
async function damageTable(view: string): Promise<void> {
  const { ClassicLevel } = await import('classic-level');
  const level = new ClassicLevel<Uint8Array, Uint8Array>(view, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    compression: false,
  });
  await level.open();
  await level.compactRange(Buffer.of(0), Buffer.of(255));
  await level.close();
  for (const name of await readdir(view)) {
    if (!name.endsWith('.ldb')) continue;
    const bytes = await readFile(join(view, name));
    const at = bytes.indexOf('easy to find');
    if (at < 0) continue;
    bytes[at] = 0x45;
    await writeFile(join(view, name), bytes);
  }
}
