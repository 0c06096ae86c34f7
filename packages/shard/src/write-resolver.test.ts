import type { Outcome } from '@edis/core';
import { defaultKeyspaceSettings, noExpiry } from '@edis/core';
import { encodeKeyspaceValue } from '@edis/store';
import { afterEach, describe, expect, test } from 'vitest';
import { ownOperation } from './keyspace-sync.ts';
import type { PrimaryBedOptions } from './primary-fixture.ts';
import { append, del, expire, increment, PrimaryBed, put, turns } from './primary-fixture.ts';

const beds: PrimaryBed[] = [];

afterEach(async () => {
  for (const bed of beds.splice(0)) {
    bed.gate.open();
    await bed.store.close();
  }
});

async function open(options: PrimaryBedOptions = {}): Promise<PrimaryBed> {
  const bed = await PrimaryBed.open(options);
  beds.push(bed);
  return bed;
}

function deadlineIn(bed: PrimaryBed, key: string): number | undefined {
  const record = bed.store.lookup(1, key, 'newest').record;
  return record === undefined || record.expiresAtMs === 0 ? undefined : record.expiresAtMs - bed.wallMs;
}

describe('writes of one hot key within a turn', () => {
  test('are one entry, whatever they add', async () => {
    const bed = await open();
    await bed.settle(put('sum', '40', { ack: 'disk' }));
    const before = bed.store.lastEntry.position;
    const sums = Array.from({ length: 100 }, () => bed.write(increment('sum', 2n)));
    const texts = Array.from({ length: 100 }, () => bed.write(append('text', 'x')));
    await turns();
    expect(bed.store.lastEntry.position).toBe(before + 1);
    expect(bed.sink.of(sums[99] ?? 0)).toMatchObject({ kind: 'incremented', value: 240n, position: before + 1 });
    expect(bed.sink.of(texts[99] ?? 0)).toMatchObject({ kind: 'appended', length: 100 });
    expect([bed.valueOf('sum'), bed.valueOf('text')]).toEqual(['240', 'x'.repeat(100)]);
  });

  test('go on from a put of the same turn, with its metadata and its deadline', async () => {
    const bed = await open();
    bed.write({ ...put('a', '1'), metadata: { tier: 'gold' }, ttlMs: 500 });
    bed.write(increment('a', 4n));
    bed.write(append('a', '0'));
    const request = bed.write(expire('a', 900));
    await turns();
    expect(bed.sink.of(request)).toMatchObject({ kind: 'expiring', expiresAtMs: bed.wallMs + 900 });
    expect(bed.store.lookup(1, 'a', 'newest').record).toMatchObject({ value: '50', metadata: { tier: 'gold' } });
    expect(deadlineIn(bed, 'a')).toBe(900);
  });

  test('see a delete, a failure and each other in the order of the turn', async () => {
    const bed = await open();
    const requests = [
      put('a', '5'),
      del('a'),
      increment('a'),
      append('a', 'x'),
      increment('a'),
      expire('nobody', 5),
      put('a', '7'),
      increment('a'),
    ].map((operation) => bed.write(operation));
    await turns();
    const outcomes = requests.map((request) => bed.sink.of(request));
    expect(outcomes.map((outcome) => outcome?.kind)).toEqual([
      'put',
      'deleted',
      'incremented',
      'appended',
      'invalid',
      'not-found',
      'put',
      'incremented',
    ]);
    expect(outcomes[2]).toMatchObject({ value: 1n });
    expect(outcomes[4]).toMatchObject({ cause: 'not-an-integer' });
    expect(bed.valueOf('a')).toBe('8');
  });

  test('of different keyspaces do not see each other', async () => {
    const bed = await open();
    const value = encodeKeyspaceValue('other', defaultKeyspaceSettings);
    bed.side.writer.log([{ ...ownOperation, kind: 'keyspace', keyspace: 2, value }]);
    for (const keyspace of [0, 2, 0, 2, 2]) bed.write(increment('n', 1n, { keyspace }));
    await turns();
    expect(bed.valueOf('n')).toBe('2');
    expect(bed.store.lookup(2, 'n', 'newest').record?.value).toBe('3');
  });
});

describe('the answer of an increment', () => {
  test('waits for the disk write that it went on from, in its own entry and in an earlier one', async () => {
    const bed = await open();
    bed.gate.close();
    bed.write(put('a', '1', { ack: 'disk' }));
    const same = bed.write(increment('a'));
    const unrelated = bed.write(increment('b'));
    await turns();
    const later = bed.write(increment('a'));
    const chained = bed.write(increment('a'));
    await turns();
    expect([same, unrelated, later, chained].map((request) => bed.sink.of(request)?.kind)).toEqual([
      undefined,
      'incremented',
      undefined,
      undefined,
    ]);
    bed.gate.open();
    await turns();
    expect([same, later, chained].map((request) => bed.sink.of(request))).toMatchObject([
      { value: 2n },
      { value: 3n },
      { value: 4n },
    ]);
  });
});

describe('a deadline', () => {
  test('hides the record from conditions, deletes and increments before it is removed', async () => {
    const bed = await open();
    const outcomes: Outcome[] = [];
    for (const key of ['a', 'b', 'c', 'd']) await bed.settle({ ...put(key, '5'), ttlMs: 100 });
    bed.wallMs += 100;
    outcomes.push(await bed.settle(put('a', '6', { condition: { kind: 'absent' } })));
    outcomes.push(await bed.settle(del('b')));
    outcomes.push(await bed.settle(increment('c')));
    outcomes.push(await bed.settle(expire('d', noExpiry)));
    expect(outcomes).toMatchObject([
      { kind: 'put' },
      { kind: 'deleted', existed: false },
      { kind: 'incremented', value: 1n },
      { kind: 'not-found' },
    ]);
    expect(deadlineIn(bed, 'a')).toBeUndefined();
  });

  test('that a put names is kept as it is, and one that has passed writes nothing', async () => {
    const bed = await open();
    expect(await bed.settle({ ...put('a', '1'), expiresAtMs: bed.wallMs + 40 })).toMatchObject({ kind: 'put' });
    expect(deadlineIn(bed, 'a')).toBe(40);
    for (const condition of [undefined, { kind: 'absent' } as const]) {
      const late = { ...put('b', '1', { condition }), expiresAtMs: bed.wallMs };
      expect(await bed.settle(late)).toMatchObject({ kind: 'invalid', cause: 'deadline-passed' });
    }
    expect(bed.store.lookup(1, 'b', 'newest').record).toBeUndefined();
  });

  test('is set, moved and removed by expire, and a put without one has none', async () => {
    const bed = await open();
    await bed.settle({ ...put('a', '1'), ttlMs: 100 });
    expect(deadlineIn(bed, 'a')).toBe(100);
    expect(await bed.settle(expire('a', 700))).toMatchObject({ kind: 'expiring', expiresAtMs: bed.wallMs + 700 });
    expect(deadlineIn(bed, 'a')).toBe(700);
    expect(await bed.settle(expire('a', noExpiry))).toMatchObject({ kind: 'expiring', expiresAtMs: 0 });
    expect(deadlineIn(bed, 'a')).toBeUndefined();
    await bed.settle({ ...put('a', '1'), ttlMs: 100 });
    await bed.settle(put('a', '2'));
    expect(deadlineIn(bed, 'a')).toBeUndefined();
  });
});

test('appends to a large value are refused as busy before the overlay is far beyond its bound', async () => {
  const bed = await open({ store: { overlayBytesMax: 4 * 1024 * 1024 } });
  await bed.settle(put('large', new Uint8Array(1024 * 1024)));
  const requests = Array.from({ length: 50 }, () => bed.write(append('large', 'x')));
  await turns(1);
  expect(bed.store.overlayBytes).toBeLessThan(8 * 1024 * 1024);
  const outcomes = requests.map((request) => bed.sink.of(request));
  const done = outcomes.filter((outcome) => outcome?.kind === 'appended');
  expect(outcomes.filter((outcome) => outcome?.kind === 'busy').length).toBe(50 - done.length);
  expect(done.length).toBeGreaterThan(0);
  expect(done.length).toBeLessThan(50);
});

test('a keyspace has its limits, its default TTL and its fields of numbers', async () => {
  const bed = await open();
  const settings = {
    ...defaultKeyspaceSettings,
    defaultTtlMs: 300,
    maxKeyBytes: 3,
    maxValueBytes: 4,
    indexedFields: [{ field: 'age', kind: 'number' } as const],
  };
  const value = encodeKeyspaceValue('narrow', settings);
  bed.side.writer.log([{ ...ownOperation, kind: 'keyspace', keyspace: 7, value }]);
  const change = { keyspace: 7 };
  expect(await bed.settle(put('a', '1', change))).toMatchObject({ kind: 'put' });
  expect(bed.store.lookup(7, 'a', 'newest').record?.expiresAtMs).toBe(bed.wallMs + 300);
  expect(await bed.settle({ ...put('b', '1', change), ttlMs: noExpiry })).toMatchObject({ kind: 'put' });
  expect(bed.store.lookup(7, 'b', 'newest').record?.expiresAtMs).toBe(0);
  expect(await bed.settle(put('long', '1', change))).toMatchObject({ cause: 'key-too-large' });
  expect(await bed.settle(put('a', '12345', change))).toMatchObject({ cause: 'value-too-large' });
  expect(await bed.settle(append('a', '2345', change))).toMatchObject({ cause: 'value-too-large' });
  const metadata = { age: 'x' };
  expect(await bed.settle({ ...put('a', '1', change), metadata })).toMatchObject({ cause: 'not-a-number' });
});
