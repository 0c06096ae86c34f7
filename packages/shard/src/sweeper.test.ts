import type { EdisError } from '@edis/core';
import { defaultKeyspaceSettings } from '@edis/core';
import { realTimers } from '@edis/process';
import { encodeKeyspaceValue } from '@edis/store';
import { afterEach, describe, expect, test } from 'vitest';
import { ownOperation } from './keyspace-sync.ts';
import { Ownership } from './ownership.ts';
import type { PrimaryBedOptions } from './primary-fixture.ts';
import { batchOf, expire, get, PrimaryBed, put, RecordingSink, topologyOf, turns } from './primary-fixture.ts';
import type { SweeperParts } from './sweeper.ts';
import { removalsPerPass, removalsPerTurn, Sweeper } from './sweeper.ts';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Bed {
  readonly bed: PrimaryBed;
  readonly sweeper: Sweeper;
  readonly errors: EdisError[];
}

async function open(options: PrimaryBedOptions = {}, parts: Partial<SweeperParts> = {}): Promise<Bed> {
  const bed = await PrimaryBed.open(options);
  const errors: EdisError[] = [];
  const sweeper = new Sweeper({
    store: bed.store,
    timers: realTimers,
    overlayBytesMax: 64 * 1024 * 1024,
    active: () => bed.side.active,
    log: (operations) => bed.side.writer.log(operations),
    wallMs: () => bed.wallMs,
    onExpired: (count) => {
      bed.counters.expired += count;
    },
    onError: (error) => errors.push(error),
    ...parts,
  });
  closers.push(async () => {
    await sweeper.stop();
    bed.gate.open();
    await bed.store.close();
  });
  return { bed, sweeper, errors };
}

/** Puts that many records, with the same deadline, into the log at once. */
function fill(bed: PrimaryBed, count: number, change: { readonly keyspace?: number; readonly ttlMs?: number }): void {
  const { keyspace = 1, ttlMs } = change;
  const expiresAtMs = ttlMs === undefined ? 0 : bed.wallMs + ttlMs;
  for (let from = 0; from < count; from += 4096) {
    const length = Math.min(4096, count - from);
    bed.side.writer.log(
      Array.from({ length }, (_, index) => {
        return { ...ownOperation, kind: 'put', keyspace, key: `k${from + index}`, value: 'v', expiresAtMs } as const;
      }),
    );
  }
}

function createKeyspace(bed: PrimaryBed, keyspace: number): void {
  const value = encodeKeyspaceValue(`n${keyspace}`, defaultKeyspaceSettings);
  bed.side.writer.log([{ ...ownOperation, kind: 'keyspace', keyspace, value }]);
}

describe('the sweep', () => {
  test('removes through the log what is expired, and nothing else', async () => {
    const { bed, sweeper } = await open();
    for (const [key, ttlMs] of [
      ['a', 50],
      ['b', 51],
      ['c', 0],
      ['d', 50],
      ['e', 50],
    ] as const) {
      await bed.settle({ ...put(key, '1'), ttlMs });
    }
    await bed.store.flush();
    bed.wallMs += 50;
    // Newer than what the view says of them.
    await bed.settle(put('d', '2'));
    await bed.settle({ ...put('e', '2'), ttlMs: 100 });
    const before = bed.store.lastEntry.position;
    await sweeper.sweep();
    expect(['a', 'b', 'c', 'd', 'e'].map((key) => bed.valueOf(key))).toEqual([undefined, '1', '1', '2', '2']);
    expect(bed.store.lastEntry.position).toBe(before + 1);
    expect(bed.counters.expired).toBe(1);
    await sweeper.sweep();
    expect(bed.store.lastEntry.position).toBe(before + 1);
    await bed.store.flush();
    expect(bed.store.recordCount).toBe(4);
  });

  test('opens the view only when a deadline may have come', async () => {
    const { bed, sweeper } = await open();
    let opened = 0;
    const openView = bed.store.openView.bind(bed.store);
    bed.store.openView = (position) => {
      opened += 1;
      return openView(position);
    };
    const looks = async (): Promise<number> => {
      const before = opened;
      await sweeper.sweep();
      return opened - before;
    };
    await bed.settle(put('a', '1'));
    await bed.store.flush();
    expect([await looks(), await looks()]).toEqual([1, 0]);
    await bed.settle({ ...put('b', '1'), ttlMs: 50 });
    await bed.settle({ ...put('c', '1'), ttlMs: 90 });
    await bed.store.flush();
    expect(await looks()).toBe(0);
    bed.wallMs += 50;
    expect(await looks()).toBe(1);
    expect([bed.valueOf('b'), bed.valueOf('c')]).toEqual([undefined, '1']);
    // The first look finds nothing more, and when there will be something.
    expect([await looks(), await looks()]).toEqual([1, 0]);
    bed.wallMs += 40;
    await sweeper.sweep();
    expect(bed.valueOf('c')).toBeUndefined();
  });

  test('follows a deadline that was moved', async () => {
    const { bed, sweeper } = await open();
    await bed.settle({ ...put('a', '1'), ttlMs: 50 });
    await bed.settle(expire('a', 80));
    await bed.store.flush();
    bed.wallMs += 79;
    await sweeper.sweep();
    expect(bed.valueOf('a')).toBe('1');
    bed.wallMs += 1;
    await sweeper.sweep();
    expect(bed.valueOf('a')).toBeUndefined();
  });

  test('removes the records of dropped keyspaces, and only theirs', async () => {
    const { bed, sweeper } = await open();
    for (const keyspace of [2, 3]) createKeyspace(bed, keyspace);
    fill(bed, 1000, { keyspace: 2 });
    fill(bed, 10, { keyspace: 3 });
    fill(bed, 10, {});
    bed.side.writer.log([{ ...ownOperation, kind: 'drop', keyspace: 2 }]);
    await bed.store.flush();
    await sweeper.sweep();
    await bed.store.flush();
    expect(bed.store.recordCount).toBe(20);
    expect(bed.counters.expired).toBe(0);
    const { position } = bed.store.lastEntry;
    await sweeper.sweep();
    expect(bed.store.lastEntry.position).toBe(position);
  });

  test('waits while the overlay is more than half full, also in the middle of a pass', async () => {
    let overlayBytesMax = 1;
    const { bed, sweeper } = await open();
    fill(bed, 3 * removalsPerTurn, { ttlMs: 10 });
    await bed.store.flush();
    bed.wallMs += 10;
    const crowded = new Sweeper({
      store: bed.store,
      timers: realTimers,
      get overlayBytesMax() {
        return overlayBytesMax;
      },
      active: () => true,
      log: (operations) => {
        overlayBytesMax = 1;
        return bed.side.writer.log(operations);
      },
      wallMs: () => bed.wallMs,
      onExpired: (count) => {
        bed.counters.expired += count;
      },
      onError: () => {},
    });
    await bed.settle(put('a', '1'));
    await crowded.sweep();
    expect(bed.counters.expired).toBe(0);
    overlayBytesMax = 1024 * 1024;
    await crowded.sweep();
    expect(bed.counters.expired).toBe(removalsPerTurn);
    await sweeper.sweep();
    expect(bed.counters.expired).toBe(3 * removalsPerTurn);
  });

  test('does nothing while the shard is not to write, and after its stop', async () => {
    let active = false;
    const { bed, sweeper } = await open({}, { active: () => active });
    fill(bed, 2 * removalsPerTurn, { ttlMs: 10 });
    await bed.store.flush();
    bed.wallMs += 10;
    await sweeper.sweep();
    expect(bed.counters.expired).toBe(0);
    active = true;
    const sweep = sweeper.sweep();
    await sweeper.stop();
    await sweep;
    expect(bed.counters.expired).toBeLessThanOrEqual(removalsPerTurn);
    bed.side.writer.stop();
    expect(bed.side.writer.log([{ ...ownOperation, kind: 'drop', keyspace: 9 }])).toBeUndefined();
  });

  test('runs by itself from start to stop, and goes on after an error', async () => {
    let failures = 2;
    const { bed, sweeper, errors } = await open();
    const lookup = bed.store.lookup.bind(bed.store);
    bed.store.lookup = (keyspace, key, upTo) => {
      if (failures > 0) {
        failures -= 1;
        throw new Error('the disk is old');
      }
      return lookup(keyspace, key, upTo);
    };
    fill(bed, 2, { ttlMs: 10 });
    bed.wallMs += 10;
    await bed.store.flush();
    sweeper.start();
    while (bed.counters.expired < 2) await turns(1);
    expect(errors.length).toBe(2);
    await sweeper.stop();
  });
});

const emptyBatch = batchOf();

function ownsAll(): Ownership {
  const ownership = new Ownership();
  ownership.onShard('s1');
  ownership.onTopology(topologyOf(1));
  return ownership;
}

test('200 000 keys that expire at one moment leave every read and write its turn', { timeout: 60_000 }, async () => {
  const count = 200_000;
  const { bed, sweeper } = await open();
  fill(bed, count, { ttlMs: 10 });
  await bed.store.flush();
  expect(bed.store.recordCount).toBe(count);
  bed.wallMs += 10;
  const runner = bed.runner(ownsAll());
  let isDone = false;
  const sweep = (async () => {
    while (bed.counters.expired < count) await sweeper.sweep();
    isDone = true;
  })();
  let slowestTurns = 0;
  let mostRemoved = 0;
  let asked = 0;
  while (!isDone) {
    asked += 1;
    const sink = new RecordingSink();
    const origin = { sink, batch: emptyBatch };
    const expiredBefore = bed.counters.expired;
    runner.run({ ...put(`live${asked % 100}`, `${asked}`), request: 1 }, origin);
    runner.run({ ...get(`k${(asked * 7919) % count}`), request: 2 }, origin);
    sink.flush();
    expect(sink.of(2)?.kind).toBe('not-found');
    let waited = 0;
    while (sink.of(1) === undefined) {
      waited += 1;
      await turns(1);
    }
    expect(sink.of(1)?.kind).toBe('put');
    slowestTurns = Math.max(slowestTurns, waited);
    mostRemoved = Math.max(mostRemoved, (bed.counters.expired - expiredBefore) / waited);
  }
  await sweep;
  expect(slowestTurns).toBeLessThanOrEqual(3);
  expect(mostRemoved).toBeLessThanOrEqual(removalsPerTurn);
  expect(asked).toBeGreaterThan(count / removalsPerTurn / 3);
  await bed.store.flush();
  expect(bed.store.recordCount).toBe(Math.min(asked, 100));
  expect(removalsPerPass).toBeGreaterThan(removalsPerTurn);
});
