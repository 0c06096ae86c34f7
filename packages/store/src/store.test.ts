import type { Configuration } from '@edis/core';
import { EdisError } from '@edis/core';
import { describe, expect, test } from 'vitest';
import type { Entry, LoggedOperation } from './logged-operation.ts';
import type { Receipt } from './receipt.ts';
import type { Store } from './store.ts';
import { deleteOf, entryOf, FakeWorld, putOf } from './testing.ts';

const client = '0123456789abcdef';

function write(store: Store, operations: readonly LoggedOperation[], change: Partial<Entry> = {}): number {
  const position = store.lastEntry.position + 1;
  store.append(entryOf(position, operations, { timestamp: store.lastTimestamp + 1000, ...change }));
  return position;
}

function valueOf(store: Store, key: string, upTo: 'newest' | 'visible' = 'newest', keyspace = 1): unknown {
  return store.lookup(keyspace, key, upTo).record?.value;
}

async function fold(store: Store): Promise<void> {
  store.setVisible(store.lastEntry.position);
  await store.flush();
}

describe('a store', () => {
  test('shows a write at once to the newest reader, and to others once it is visible', async () => {
    const store = await new FakeWorld().open();
    write(store, [putOf('a', '1')]);
    expect(store.lookup(1, 'a', 'newest')).toMatchObject({ record: { value: '1', version: 1000 }, position: 1 });
    expect(valueOf(store, 'a', 'visible')).toBeUndefined();
    store.setVisible(1);
    expect(valueOf(store, 'a', 'visible')).toBe('1');
    write(store, [putOf('a', '2')]);
    write(store, [deleteOf('a')]);
    expect(valueOf(store, 'a', 'visible')).toBe('1');
    store.setVisible(2);
    expect(valueOf(store, 'a', 'visible')).toBe('2');
    expect(store.lookup(1, 'a', 'newest')).toEqual({ record: undefined, position: 3 });
    await store.close();
  });

  test('answers the same from overlay, cache and view', async () => {
    const world = new FakeWorld();
    const store = await world.open({ cacheBytes: 0 });
    const large = Uint8Array.from({ length: 9000 }, (_, index) => index % 251);
    write(store, [
      putOf('text', 'x', { metadata: { b: 'ü', a: '' }, expiresAtMs: 12 }),
      putOf('bytes', '', { value: large }),
      putOf('k\u00ff\u0000', '\u0080', { keyspace: 9 }),
    ]);
    const before = ['text', 'bytes'].map((key) => store.lookup(1, key, 'newest').record);
    await fold(store);
    expect(store.overlayBytes).toBe(0);
    for (const [index, key] of ['text', 'bytes'].entries()) {
      const { value, metadata, version, expiresAtMs } = before[index] ?? {};
      expect(store.lookup(1, key, 'visible')).toEqual({
        record: { value, metadata, version, expiresAtMs },
        position: 0,
      });
    }
    expect(valueOf(store, 'k\u00ff\u0000', 'visible', 9)).toBe('\u0080');
    expect(valueOf(store, 'k\u00ff\u0000')).toBeUndefined();
    expect(store.recordCount).toBe(3);
    await store.close();
  });

  test('never shows a visible reader what is above, however much of it is folded', async () => {
    const store = await new FakeWorld().open();
    write(store, [putOf('a', 'old')]);
    await fold(store);
    write(store, [putOf('a', 'new')]);
    await expect(store.flush()).resolves.toBeUndefined();
    expect(store.viewPosition).toBe(1);
    expect(valueOf(store, 'a', 'visible')).toBe('old');
    expect(valueOf(store, 'a', 'newest')).toBe('new');
    await store.close();
  });

  test('takes up where a killed process left', async () => {
    const world = new FakeWorld();
    const first = await world.open();
    write(first, [putOf('a', '1'), putOf('b', '1')]);
    await fold(first);
    write(first, [putOf('a', '2', { client, sequence: 4 })], { epoch: 3, completed: new Map([[client, 2]]) });
    await world.kill();
    const second = await world.open();
    expect(second.lastEntry).toEqual({ epoch: 3, position: 2 });
    expect([second.syncedPosition, second.visiblePosition, second.viewPosition]).toEqual([2, 1, 1]);
    expect(second.lastTimestamp).toBe(first.lastTimestamp);
    expect(second.identity.store).toBe(first.identity.store);
    expect(second.epochs).toEqual([
      { epoch: 1, firstPosition: 1 },
      { epoch: 3, firstPosition: 2 },
    ]);
    expect([second.epochAt(1), second.epochAt(2), second.epochAt(3)]).toEqual([1, 3, undefined]);
    expect(valueOf(second, 'a')).toBe('2');
    expect(valueOf(second, 'a', 'visible')).toBe('1');
    expect(second.operationIds.find(client, 4)).toMatchObject({ kind: 'remembered', operation: { position: 2 } });
    expect(second.operationIds.find(client, 1)).toEqual({ kind: 'forgotten' });
    await second.close();
  });

  test('remembers operation ids that only the view has', async () => {
    const world = new FakeWorld();
    const first = await world.open();
    write(first, [putOf('a', '1', { client, sequence: 1 }), deleteOf('a', { client, sequence: 2 })]);
    await fold(first);
    await first.close();
    const second = await world.open();
    expect(second.operationIds.find(client, 2)).toEqual({
      kind: 'remembered',
      operation: { answer: 0n, sequence: 2, slot: 5, kind: 'delete', version: 1001, position: 1, existed: true },
    });
    await second.close();
  });

  test('a follower that appends the same bytes has the same content', async () => {
    const primary = await new FakeWorld().open();
    const follower = await new FakeWorld().open();
    for (let round = 0; round < 5; round++) {
      write(primary, [putOf(`k${round}`, 'v'), putOf('same', `${round}`, { metadata: { round: `${round}` } })]);
    }
    const read = await primary.readEntries(1, 1e6);
    const entries = follower.appendEncoded(1, read?.bodies ?? [], read?.checksums ?? []);
    expect(entries).toHaveLength(5);
    await fold(primary);
    await fold(follower);
    expect(follower.contentHash).toBe(primary.contentHash);
    expect(follower.lastTimestamp).toBe(primary.lastTimestamp);
    expect(follower.recordBytes).toBe(primary.recordBytes);
    expect(await follower.readEntries(1, 1e6)).toEqual(read);
    await primary.close();
    await follower.close();
  });

  test('entries of a peer that are damaged or out of order are refused whole', async () => {
    const primary = await new FakeWorld().open();
    write(primary, [putOf('a', '1')]);
    write(primary, [putOf('a', '2')]);
    const { bodies, checksums } = (await primary.readEntries(1, 1e6)) ?? { bodies: [], checksums: [] };
    const follower = await new FakeWorld().open();
    const refused = (from: number, some: readonly Uint8Array[], sums: readonly number[]): void => {
      expect(() => follower.appendEncoded(from, some, sums)).toThrow(EdisError);
      expect(follower.lastEntry.position).toBe(0);
    };
    refused(1, bodies, [checksums[0] ?? 0, 1]);
    refused(1, bodies.slice(1), checksums.slice(1));
    refused(2, bodies.slice(1), checksums.slice(1));
    refused(1, bodies, checksums.slice(1));
    expect(follower.failure).toBeUndefined();
    await follower.close();
    await primary.close();
  });

  test('an entry that becomes visible only after the timer of its append is folded all the same', async () => {
    const world = new FakeWorld();
    const store = await world.open();
    const position = write(store, [putOf('a', '1')]);
    world.fireTimers();
    await expect.poll(() => store.syncedPosition, { interval: 1 }).toBe(position);
    expect(store.viewPosition).toBe(0);
    store.setVisible(position);
    world.fireTimers();
    await expect.poll(() => store.viewPosition, { interval: 1 }).toBe(position);
    await store.close();
  });

  test('what nobody asked to sync is synced when its timer is due, and folded', async () => {
    const world = new FakeWorld();
    const store = await world.open();
    const position = write(store, [putOf('a', '1')]);
    store.setVisible(position);
    expect(store.syncedPosition).toBe(0);
    world.fireTimers();
    await expect.poll(() => store.viewPosition, { interval: 1 }).toBe(position);
    expect(store.syncedPosition).toBe(position);
    await store.close();
  });

  test('says when the overlay is full, and folds by itself long before', async () => {
    const store = await new FakeWorld().open({ overlayBytesMax: 20_000 });
    while (store.hasRoom()) write(store, [putOf('a', 'x'.repeat(1000))]);
    expect(store.viewPosition).toBe(0);
    store.setVisible(store.lastEntry.position);
    await expect.poll(() => store.hasRoom(), { interval: 1 }).toBe(true);
    expect(store.recordCount).toBe(1);
    await store.close();
  });

  test('what a fold of its own has left is folded with the timer after the next', async () => {
    const world = new FakeWorld();
    const store = await world.open({ overlayBytesMax: 20_000 });
    while (store.hasRoom()) write(store, [putOf('a', 'x'.repeat(1000))]);
    store.setVisible(store.lastEntry.position);
    await expect.poll(() => store.viewPosition, { interval: 1 }).toBe(store.lastEntry.position);
    const position = write(store, [putOf('a', 'left')]);
    store.setVisible(position);
    world.fireTimers();
    await expect.poll(() => store.syncedPosition, { interval: 1 }).toBe(position);
    expect(store.viewPosition).toBe(position - 1);
    world.fireTimers();
    await expect.poll(() => store.viewPosition, { interval: 1 }).toBe(position);
    await store.close();
  });

  test('takes the entries above a position back, with a receipt', async () => {
    const world = new FakeWorld();
    const store = await world.open();
    write(store, [putOf('a', '1')]);
    await fold(store);
    write(store, [putOf('a', '2', { client, sequence: 9 }), putOf('b', '\u00ff')], { epoch: 2 });
    write(store, [deleteOf('a')], { epoch: 4 });
    const written: Receipt[] = [];
    store.receipts.onWritten((receipt) => written.push(receipt));
    await store.truncateAfter(1);
    expect(written).toEqual([{ path: 'data/receipts/2-3-epoch-4.ndjson', operationCount: 3, missingEntries: 0 }]);
    expect(store.lastEntry).toEqual({ epoch: 1, position: 1 });
    expect(valueOf(store, 'a')).toBe('1');
    expect(store.operationIds.find(client, 9)).toEqual({ kind: 'new' });
    expect(store.epochs).toHaveLength(1);
    await expect(store.truncateAfter(0)).rejects.toMatchObject({ code: 'internal' });
    const lines = world.disk.bytesOf('data/receipts/2-3-epoch-4.ndjson').toString().trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { kind: 'put', key: 'a', value: '2', position: 2, epoch: 2, sequence: 9 },
      { kind: 'put', key: 'b', value: { base64: '/w==' } },
      { kind: 'delete', key: 'a', position: 3 },
    ]);
    write(store, [putOf('a', '3')], { epoch: 5 });
    await fold(store);
    expect(valueOf(store, 'a', 'visible')).toBe('3');
    await store.close();
    const again = await world.open();
    expect(again.receipts).toMatchObject({ count: 1, operationCount: 3 });
    await again.close();
  });

  test('takes in entries that are older than those that were cut; its own clock stays ahead of both', async () => {
    const store = await new FakeWorld().open();
    write(store, [putOf('a', '1')]);
    write(store, [putOf('a', 'lost')], { epoch: 2, timestamp: 90_000 });
    const other = await new FakeWorld().open();
    write(other, [putOf('a', '1')]);
    write(other, [putOf('a', '2')]);
    write(other, [putOf('a', '3')], { epoch: 3 });
    await store.truncateAfter(1);
    const { bodies = [], checksums = [] } = (await other.readEntries(2, 1e6)) ?? {};
    expect(store.appendEncoded(2, bodies, checksums)).toHaveLength(2);
    expect([store.lastEntry, store.lastTimestamp]).toEqual([other.lastEntry, 90_000]);
    await fold(store);
    await fold(other);
    expect(store.contentHash).toBe(other.contentHash);
    await store.close();
    await other.close();
  });

  test('a cut that discards no write leaves no receipt', async () => {
    const world = new FakeWorld();
    const store = await world.open();
    write(store, [putOf('a', '1')]);
    await fold(store);
    write(store, [{ ...putOf('', ''), kind: 'open' }], { epoch: 2 });
    await store.truncateAfter(1);
    expect(await world.disk.list('data/receipts')).toEqual([]);
    expect(store.receipts).toMatchObject({ count: 0, operationCount: 0 });
    await store.close();
  });

  test('segments go when view, followers and retention allow, up to the cap', async () => {
    const world = new FakeWorld();
    const settings = { segmentBytes: 2000, retentionBytes: 6000, retentionBytesMax: 20_000 };
    const store = await world.open(settings);
    store.setRetention({ oldestFollowerPosition: 1, oldestLosablePosition: 1000 });
    const fill = async (): Promise<void> => {
      for (let index = 0; index < 40; index++) write(store, [putOf('a', 'x'.repeat(200))]);
      await fold(store);
    };
    await fill();
    expect(store.firstPosition).toBe(1);
    await fill();
    await fill();
    await expect.poll(() => store.logBytes, { interval: 1 }).toBeLessThan(20_001);
    expect(store.logBytes).toBeGreaterThan(15_000);
    const snapshot = await store.openSnapshot();
    await fill();
    store.setRetention({ oldestFollowerPosition: 1000, oldestLosablePosition: 1000 });
    expect(store.firstPosition).toBeLessThanOrEqual(snapshot.start.position.position + 1);
    await snapshot.close();
    await expect.poll(() => store.logBytes, { interval: 1 }).toBeLessThan(6001);
    await world.crash();
    const again = await world.open(settings);
    expect(valueOf(again, 'a')).toBe('x'.repeat(200));
    await again.close();
  });

  test('close is idempotent, and what comes after it is refused', async () => {
    const store = await new FakeWorld().open();
    await Promise.all([store.close(), store.close()]);
    expect(() => write(store, [putOf('a', '1')])).toThrow(/closed/);
    await expect(store.flush()).rejects.toMatchObject({ code: 'closed' });
  });
});

describe('a store whose disk fails', () => {
  test('takes itself out of service after a failed sync; nothing later counts as synced', async () => {
    const world = new FakeWorld();
    const store = await world.open();
    const failures: string[] = [];
    store.onFailed((error) => failures.push(error.message));
    write(store, [putOf('a', '1')]);
    world.disk.failSync();
    const flushed = store.flush();
    await expect(flushed).rejects.toMatchObject({ code: 'disk' });
    expect(() => write(store, [putOf('b', '1')])).toThrow(/cannot sync data\/log\/\d+\.log/);
    store.requestSync();
    expect([failures.length, store.syncedPosition]).toEqual([1, 0]);
    await store.close();
    await world.crash();
    const again = await world.open();
    expect(again.lastEntry.position).toBe(0);
    await again.close();
  });

  test('a full disk is named, and what was acknowledged before is there afterwards', async () => {
    const world = new FakeWorld();
    const store = await world.open();
    write(store, [putOf('a', '1')]);
    await fold(store);
    world.disk.fillUp(30);
    expect(() => write(store, [putOf('b', '1')])).toThrow(
      /cannot write to data\/log\/\d+\.log: no space left on device/,
    );
    expect(valueOf(store, 'b')).toBeUndefined();
    expect(() => write(store, [putOf('c', '1')])).toThrow(/no space left/);
    await store.close();
    await world.kill();
    world.disk.fillUp(1e9);
    const again = await world.open();
    expect(again.lastEntry.position).toBe(1);
    expect(valueOf(again, 'a')).toBe('1');
    write(again, [putOf('b', '2')]);
    await fold(again);
    await again.close();
  });

  test('a failed batch of the view is a failure of the store, and the log has what the view lacks', async () => {
    const world = new FakeWorld();
    const store = await world.open();
    const position = write(store, [putOf('a', '1')]);
    store.setVisible(position);
    world.views.failWrite();
    await expect(store.flush()).rejects.toMatchObject({ code: 'disk' });
    expect(store.failure).toMatchObject({ code: 'disk' });
    await store.close();
    await world.crash();
    const again = await world.open();
    expect([again.viewPosition, again.lastEntry.position]).toEqual([0, 1]);
    expect(valueOf(again, 'a')).toBe('1');
    await again.close();
  });
});

describe('a data directory', () => {
  test('is refused to a second user', async () => {
    const world = new FakeWorld();
    const store = await world.open();
    await expect(world.open()).rejects.toMatchObject({ code: 'data-directory' });
    await store.close();
    await (await world.open()).close();
  });

  test('of another cluster, shard or node is refused by name, and a new one takes the names', async () => {
    const world = new FakeWorld();
    const store = await world.open({ expected: { node: 'n1' } });
    await store.saveIdentity({ cluster: 'c1', shard: 's1' });
    await store.close();
    for (const expected of [{ cluster: 'c2' }, { shard: 's2' }, { node: 'n2' }]) {
      await expect(world.open({ expected })).rejects.toThrow(/belongs to (cluster c1|shard s1|node n1), not to .2/);
    }
    const again = await world.open({ expected: { cluster: 'c1', shard: 's1', node: 'n1' } });
    expect(again.identity).toMatchObject({ cluster: 'c1', shard: 's1', node: 'n1', configuration: undefined });
    await again.close();
  });

  test('is left alone by a store that was closed while it saved', async () => {
    const world = new FakeWorld();
    const store = await world.open();
    const saves = ['c1', 'c2', 'c3'].map((cluster) => store.saveIdentity({ cluster }));
    await store.close();
    const paths = world.disk.paths();
    expect(paths.filter((path) => path.includes('store.json'))).toEqual(['data/store.json']);
    await Promise.all(saves);
    const again = await world.open();
    await again.saveIdentity({ shard: 's1' });
    expect(again.identity).toMatchObject({ cluster: 'c3', shard: 's1' });
    await again.close();
  });

  test('keeps the configuration that was saved last, whole', async () => {
    const world = new FakeWorld();
    const store = await world.open();
    const configuration = {
      shard: 's1',
      epoch: 4,
      primarySince: 3,
      primary: 'p',
      members: ['p'],
      quorum: 1,
      configuredSize: 1,
      primaryEndpoints: [{ network: '', address: 'h:1' }],
      leaseMs: 2000,
    };
    await store.saveIdentity({ configuration });
    await world.crash();
    const again = await world.open();
    expect(again.identity.configuration).toEqual(configuration);
    await again.close();
  });

  test('of the version before primaries changed has promised nothing, and a primary since its epoch', async () => {
    const world = new FakeWorld();
    const store = await world.open();
    const former = { shard: 's1', epoch: 4, primary: 'p', members: ['p'], quorum: 1, configuredSize: 1 };
    const configuration = { ...former, primaryEndpoints: [], primarySince: 3, leaseMs: 2000 };
    await store.saveIdentity({ configuration, promisedEpoch: 7 });
    await store.close();
    const { promisedEpoch, ...saved } = JSON.parse(world.disk.bytesOf('data/store.json').toString());
    expect(promisedEpoch).toBe(7);
    const text = JSON.stringify({ ...saved, configuration: { ...former, primaryEndpoints: [] } });
    await world.disk.remove('data/store.json');
    world.disk.open('data/store.json').append([Buffer.from(text)]);
    const again = await world.open();
    expect(again.identity.promisedEpoch).toBe(0);
    expect(again.identity.configuration).toEqual({ ...configuration, primarySince: 4, leaseMs: 0 });
    await again.close();
  });

  const others: Configuration = {
    shard: 's1',
    epoch: 4,
    primarySince: 3,
    primary: 'store-1',
    members: ['store-1', 'other'],
    quorum: 2,
    configuredSize: 2,
    primaryEndpoints: [],
    leaseMs: 2000,
  };

  /** Its disk lied: the log has lost what was synced, and the view has it. */
  async function openAhead(configuration: Configuration | undefined): Promise<FakeWorld> {
    const world = new FakeWorld();
    const store = await world.open();
    write(store, [putOf('a', '1')]);
    await fold(store);
    await store.saveIdentity({ node: 'n1', shard: 's1', configuration, promisedEpoch: 7, serving: true });
    await store.close();
    for (const name of await world.disk.list('data/log')) await world.disk.remove(`data/log/${name}`);
    await world.disk.syncDirectory('data/log');
    return world;
  }

  test('whose view is ahead of its log becomes a new and empty one, and what it had is kept aside', async () => {
    const world = await openAhead(others);
    const store = await world.open();
    expect(store.identity).toMatchObject({
      store: 'store-2',
      node: 'n1',
      shard: 's1',
      promisedEpoch: 0,
      serving: false,
    });
    expect([store.identity.configuration, store.lastEntry.position, store.recordCount]).toEqual([undefined, 0, 0]);
    expect(store.setAside).toMatchObject({ store: 'store-1', path: 'data/set-aside/store-1' });
    expect(store.setAside?.why).toContain('the view is at entry 1');
    expect(await world.views.exists('data/set-aside/store-1/view')).toBe(true);
    write(store, [putOf('b', '1')]);
    await fold(store);
    await store.close();
    const again = await world.open();
    expect([again.setAside, again.identity.store, valueOf(again, 'b')]).toEqual([undefined, 'store-2', '1']);
    await again.close();
  });

  test('is another store before anything of a copy that is set aside is moved', async () => {
    const world = await openAhead(others);
    const { views } = world.environment;
    const rename = views.rename.bind(views);
    views.rename = async () => {
      throw new EdisError('disk', 'the power is off');
    };
    await expect(world.open()).rejects.toMatchObject({ code: 'disk' });
    views.rename = rename;
    await world.crash();
    const store = await world.open();
    expect([store.identity.store, store.identity.setAside, store.lastEntry.position]).toEqual(['store-2', '', 0]);
    expect(store.setAside).toMatchObject({ store: 'store-1', path: 'data/set-aside/store-1' });
    expect(await world.views.exists('data/set-aside/store-1/view')).toBe(true);
    await store.close();
  });

  test.each([undefined, { ...others, members: ['store-1'], quorum: 1 }])(
    'that may be the only copy is never set aside, whatever its log has lost',
    async (configuration) => {
      const world = await openAhead(configuration);
      await expect(world.open()).rejects.toMatchObject({ code: 'damaged' });
      expect(await world.views.exists('data/view')).toBe(true);
    },
  );

  test('of a newer format, of another kind, damaged, or with foreign files is refused and left alone', async () => {
    const cases: [string, string, RegExp][] = [
      ['data/store.json', '{"formatVersion":2,"kind":"shard"}', /format version 2, this program reads 1/],
      ['data/store.json', '{"formatVersion":1,"kind":"info"}', /process of another kind/],
      ['data/store.json', '{"formatVersion":1', /not readable as JSON/],
      ['data/photos.zip', 'x', /not empty \(photos\.zip\)/],
    ];
    for (const [path, text, message] of cases) {
      const world = new FakeWorld();
      world.disk.open(path).append([Buffer.from(text)]);
      await expect(world.open()).rejects.toThrow(message);
      expect(world.disk.paths()).toEqual([path]);
    }
  });
});
