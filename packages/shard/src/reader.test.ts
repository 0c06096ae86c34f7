import type { GetOperation, Outcome, ReaderState } from '@edis/core';
import { EdisError } from '@edis/core';
import { realTimers } from '@edis/process';
import type { Store } from '@edis/store';
import { entryOf, FakeWorld, putOf } from '@edis/store/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { maxWaitingResults } from './acknowledgements.ts';
import { Counters } from './counters.ts';
import { GroupBed } from './group-fixture.ts';
import { del, get, PrimaryBed, put, RecordingSink, turns } from './primary-fixture.ts';
import type { ReaderParts } from './reader.ts';
import { Reader } from './reader.ts';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const consistencies = ['eventual', 'session', 'bounded', 'strong'] as const;

function readerOf(parts: Pick<ReaderParts, 'store' | 'role'> & Partial<ReaderParts>): Reader {
  const reader = new Reader({
    counters: new Counters(),
    sessionWaitMs: 60_000,
    timers: realTimers,
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    onDamaged: () => {},
    ...parts,
  });
  closers.push(async () => reader.close());
  return reader;
}

/** Of roles that never let anybody wait. */
const deliverWhenReached = (): boolean => false;

/** Reads, and returns where the answer is or will be. */
function ask(reader: Reader, operation: GetOperation): RecordingSink {
  const sink = new RecordingSink();
  reader.read(operation, sink);
  sink.flush();
  return sink;
}

function answer(reader: Reader, operation: GetOperation): Outcome | undefined {
  return ask(reader, operation).sent[0]?.outcome;
}

describe('at the primary', () => {
  async function openPrimary(): Promise<{ bed: PrimaryBed; reader: Reader }> {
    const bed = await PrimaryBed.open();
    closers.push(async () => {
      bed.gate.open();
      await bed.store.close();
    });
    const { store, side } = bed;
    return { bed, reader: readerOf({ store, role: side }) };
  }

  test('a read of any consistency shows the newest write', async () => {
    const { bed, reader } = await openPrimary();
    const written = await bed.settle(put('a', '1'));
    for (const consistency of consistencies) {
      const position = bed.store.lastEntry.position;
      expect(answer(reader, get('a', { consistency }))).toMatchObject({ kind: 'found', value: '1', position });
      expect(answer(reader, get('nobody', { consistency }))).toEqual({ kind: 'not-found', position });
    }
    expect(answer(reader, get('a', { omitValue: true }))).toMatchObject({ value: '', version: expect.any(Number) });
    expect(written.kind).toBe('put');
  });

  test('a record is hidden from its deadline on, and told with it before', async () => {
    const { bed } = await openPrimary();
    const { store, side } = bed;
    const reader = readerOf({ store, role: side, wallMs: () => bed.wallMs });
    await bed.settle({ ...put('a', '1'), ttlMs: 100 });
    const expiresAtMs = bed.wallMs + 100;
    bed.wallMs += 99;
    expect(answer(reader, get('a'))).toMatchObject({ kind: 'found', value: '1', expiresAtMs });
    bed.wallMs += 1;
    for (const omitValue of [false, true]) {
      const { position } = bed.store.lastEntry;
      expect(answer(reader, get('a', { omitValue }))).toEqual({ kind: 'not-found', position });
    }
    expect(bed.valueOf('a')).toBe('1');
  });

  test('a read of an unsynced disk write waits for the sync, others do not', async () => {
    const { bed, reader } = await openPrimary();
    await bed.settle(put('gone', '1'));
    bed.gate.close();
    bed.write(put('a', '1', { ack: 'disk' }));
    bed.write(del('gone', { ack: 'disk' }));
    await turns();
    bed.write(put('b', '1'));
    await turns();
    const waiting = [...consistencies.map((consistency) => get('a', { consistency })), get('gone')];
    const sinks = waiting.map((operation) => ask(reader, operation));
    expect(sinks.flatMap((sink) => sink.sent)).toEqual([]);
    expect(answer(reader, get('b'))).toMatchObject({ value: '1', position: bed.store.lastEntry.position });
    bed.gate.open();
    await turns();
    expect(sinks.map((sink) => sink.kinds())).toEqual([['found'], ['found'], ['found'], ['found'], ['not-found']]);
  });

  test('a read of a disk write whose sync fails shows it to nobody', async () => {
    const { bed, reader } = await openPrimary();
    bed.gate.close();
    bed.write(put('a', '1', { ack: 'disk' }));
    await turns();
    const waiting = ask(reader, get('a'));
    bed.world.disk.failSync();
    bed.gate.open();
    await turns();
    expect(waiting.kinds()).toEqual(['unavailable']);
    expect(ask(reader, get('a')).kinds()).toEqual(['unavailable']);
  });

  test('what would have to wait for a sync is busy while very much waits already', async () => {
    const { bed, reader } = await openPrimary();
    bed.gate.close();
    bed.write(put('a', '1', { ack: 'disk' }));
    await turns();
    const crowd = new RecordingSink();
    const { position } = bed.store.lastEntry;
    let waiting = 0;
    while (bed.side.deliverWhenReached(position, crowd, 1, { kind: 'not-found', position })) waiting += 1;
    // The write itself waits, too.
    expect(waiting).toBe(maxWaitingResults - 1);
    expect(answer(reader, get('a'))).toMatchObject({ kind: 'busy' });
    expect(answer(reader, get('nobody'))).toMatchObject({ kind: 'not-found' });
    expect(bed.sink.of(bed.write(put('b', '1')))).toMatchObject({ kind: 'busy' });
    bed.gate.open();
    await turns();
    expect(answer(reader, get('a'))).toMatchObject({ kind: 'found' });
  });

  /** Behind a quorum write that hangs, `a` was written anew and acknowledged: what is visible is older. */
  async function openBehindQuorum(): Promise<GroupBed> {
    const group = await GroupBed.open({ others: ['f1', 'f2'] });
    closers.push(() => group.close());
    const bed = group.primary;
    await bed.settle(put('a', 'old'));
    bed.write(put('slow', '1', { ack: 'quorum' }));
    await turns();
    expect(await bed.settle(put('a', 'new', { ack: 'disk' }))).toMatchObject({ kind: 'put' });
    expect(bed.store.visiblePosition).toBeLessThan(group.last - 1);
    return group;
  }

  /** The primary says in turn whether it may act, and always the same afterwards. Returns how often it was asked. */
  function sayActive(group: GroupBed, looks: readonly boolean[]): () => number {
    const asked = vi.spyOn(group.primary.side, 'active', 'get');
    for (const look of looks) asked.mockReturnValueOnce(look);
    return () => asked.mock.calls.length;
  }

  // The lease ends between two looks at the clocks, or a wall clock that is set back brings it back.
  test.each([
    ['strong', [true, false, false, false], { kind: 'found', value: 'new' }],
    ['bounded', [true, false, false, false], { kind: 'found', value: 'new' }],
    ['session', [true, false, false, false], { kind: 'found', value: 'new' }],
    ['eventual', [true, false, false, false], { kind: 'found', value: 'new' }],
    ['strong', [false, true, true, true], { kind: 'not-primary' }],
    ['bounded', [false, true, true, true], { kind: 'not-primary' }],
    ['session', [false, true, true, true], { kind: 'too-stale', applied: { position: 2 } }],
    ['eventual', [false, true, true, true], { kind: 'found', value: 'old', position: 2 }],
  ] as const)('a %s read goes by one look at whether it may act, of %j', async (consistency, looks, expected) => {
    const group = await openBehindQuorum();
    const { store, side } = group.primary;
    const reader = readerOf({ store, role: side, sessionWaitMs: 0 });
    const after = { epoch: side.epoch, position: group.last };
    const askedCount = sayActive(group, looks);
    expect(answer(reader, get('a', { consistency, after }))).toMatchObject(expected);
    expect(askedCount()).toBe(1);
  });

  test('session reads that waited are all answered by one look', async () => {
    const group = await openBehindQuorum();
    const { store, side } = group.primary;
    const reader = readerOf({ store, role: side });
    const read = get('a', { consistency: 'session', after: { epoch: side.epoch, position: group.last } });
    const askedCount = sayActive(group, [false, false, true, false, false, false]);
    const sinks = [ask(reader, read), ask(reader, read)];
    expect(sinks.flatMap((sink) => sink.sent)).toEqual([]);
    reader.onApplied();
    expect(sinks.map((sink) => sink.of(0))).toMatchObject([{ value: 'new' }, { value: 'new' }]);
    expect(askedCount()).toBe(3);
  });

  test('a primary that may not act yet answers eventual reads alone', async () => {
    const world = new FakeWorld();
    const store = await world.open();
    closers.push(() => store.close());
    store.append(entryOf(1, [putOf('a', '1')]));
    const state: ReaderState = {
      role: 'primary',
      active: false,
      applied: { epoch: 0, position: 0 },
      stalenessMs: 0,
    };
    const reader = readerOf({ store, role: { state: () => state, isReached: () => false, deliverWhenReached } });
    // What it inherited and nobody may have seen is not shown.
    expect(answer(reader, get('a', { consistency: 'eventual' }))).toEqual({ kind: 'not-found', position: 0 });
    for (const consistency of ['bounded', 'strong'] as const) {
      expect(answer(reader, get('a', { consistency }))).toEqual({ kind: 'not-primary', epoch: 0 });
    }
  });
});

describe('at a replica', () => {
  interface Replica {
    readonly store: Store;
    readonly state: { -readonly [Name in keyof ReaderState]: ReaderState[Name] };
    readonly show: (position: number) => void;
    reader: Reader;
  }

  async function openReplica(parts: Partial<ReaderParts> = {}): Promise<Replica> {
    const store = await new FakeWorld().open();
    closers.push(() => store.close());
    const state: Replica['state'] = {
      role: 'replica',
      active: false,
      applied: { epoch: 1, position: 0 },
      stalenessMs: 50,
    };
    const reader = readerOf({
      store,
      role: { state: () => state, isReached: () => true, deliverWhenReached },
      ...parts,
    });
    const show = (position: number): void => {
      store.setVisible(position);
      state.applied = { epoch: 1, position };
      reader.onApplied();
    };
    for (let position = 1; position <= 5; position += 1) store.append(entryOf(position, [putOf('a', `${position}`)]));
    show(3);
    return { store, state, show, reader };
  }

  test('nothing above what is visible is shown', async () => {
    const { reader, show } = await openReplica();
    const read = get('a', { consistency: 'eventual' });
    expect(answer(reader, read)).toMatchObject({ value: '3', position: 3 });
    show(4);
    expect(answer(reader, read)).toMatchObject({ value: '4', position: 4 });
  });

  test('a strong read is sent to the primary', async () => {
    const { reader } = await openReplica();
    expect(answer(reader, get('a'))).toMatchObject({ kind: 'not-primary' });
  });

  test('a bounded read is answered while the replica knows itself to be within the bound', async () => {
    const { reader, state } = await openReplica();
    const read = get('a', { consistency: 'bounded', maxStalenessMs: 50 });
    expect(answer(reader, read)).toMatchObject({ value: '3' });
    state.stalenessMs = 51;
    expect(answer(reader, read)).toEqual({
      kind: 'too-stale',
      applied: { epoch: 1, position: 3 },
      stalenessMs: 51,
    });
  });

  test('a learner answers nothing', async () => {
    const { reader, state } = await openReplica();
    state.role = 'learner';
    for (const consistency of ['eventual', 'session', 'bounded'] as const) {
      expect(answer(reader, get('a', { consistency }))?.kind).toBe('too-stale');
    }
  });

  test('a session read waits until its token is applied, and not for a later one', async () => {
    const { reader, show } = await openReplica();
    const at = (position: number): GetOperation =>
      get('a', { consistency: 'session', after: { epoch: 1, position }, request: position });
    expect(answer(reader, at(3))).toMatchObject({ value: '3' });
    const fourth = ask(reader, at(4));
    const fifth = ask(reader, at(5));
    expect([fourth.sent, fifth.sent]).toEqual([[], []]);
    show(4);
    expect(fourth.of(4)).toMatchObject({ value: '4' });
    expect(fifth.sent).toEqual([]);
    show(5);
    expect(fifth.of(5)).toMatchObject({ value: '5' });
  });

  test('a session read that waited in vain is too stale', async () => {
    let nowMs = 1000;
    const { reader } = await openReplica({ sessionWaitMs: 100, monotonicMs: () => nowMs });
    const read = get('a', { consistency: 'session', after: { epoch: 2, position: 1 } });
    const early = ask(reader, read);
    nowMs = 1050;
    const late = ask(reader, read);
    nowMs = 1100;
    await vi.waitFor(() => expect(early.kinds()).toEqual(['too-stale']));
    expect(late.kinds()).toEqual([]);
    nowMs = 1150;
    await vi.waitFor(() => expect(late.kinds()).toEqual(['too-stale']));
  });

  test('without a wait, or after its end, a session read is too stale at once', async () => {
    const without = await openReplica({ sessionWaitMs: 0 });
    const read = get('a', { consistency: 'session', after: { epoch: 1, position: 4 } });
    expect(answer(without.reader, read)?.kind).toBe('too-stale');
    const closed = await openReplica();
    const waiting = ask(closed.reader, read);
    closed.reader.close();
    expect(waiting.kinds()).toEqual(['too-stale']);
    expect(answer(closed.reader, read)?.kind).toBe('too-stale');
  });

  test.each([
    ['damaged', 1],
    ['busy', 0],
  ] as const)('a record that can not be read (%s) is unavailable; damage is reported', async (code, reports) => {
    const onDamaged = vi.fn<(error: EdisError) => void>();
    const { reader, store } = await openReplica({ onDamaged });
    store.lookup = () => {
      throw new EdisError(code, 'not now');
    };
    expect(answer(reader, get('a', { consistency: 'eventual' }))).toEqual({ kind: 'unavailable', message: 'not now' });
    expect(onDamaged).toHaveBeenCalledTimes(reports);
  });
});
