import type { Outcome } from '@edis/core';
import { EdisError, limits, logicalSteps, timestampOfMs } from '@edis/core';
import { afterEach, describe, expect, test } from 'vitest';
import { GroupBed } from './group-fixture.ts';
import type { PrimaryBedOptions } from './primary-fixture.ts';
import { clientId, del, PrimaryBed, put, RecordingSink, turns } from './primary-fixture.ts';

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

const id = { client: clientId };

function versionOf(outcome: Outcome | undefined): number {
  if (outcome?.kind !== 'put' && outcome?.kind !== 'deleted') throw new Error(`not written: ${outcome?.kind}`);
  return outcome.version;
}

describe('a commit group', () => {
  test('holds all writes of one turn, in one entry and in their order', async () => {
    const bed = await open();
    const before = bed.store.lastEntry.position;
    const requests = ['1', '2', '3'].map((value) => bed.write(put('a', value)));
    bed.write(put('b', '4'));
    await turns();
    expect(bed.store.lastEntry.position).toBe(before + 1);
    expect(bed.valueOf('a')).toBe('3');
    const versions = requests.map((request) => versionOf(bed.sink.of(request)));
    expect(versions).toEqual([...versions].sort((left, right) => left - right));
    expect(new Set(versions).size).toBe(3);
  });

  test('is committed at the end of the turn at once when there are few clients', async () => {
    const bed = await open({ parts: { clientCount: () => 1 } });
    const before = bed.store.lastEntry.position;
    bed.write(put('a', '1'));
    bed.write(put('b', '1'));
    await turns();
    expect(bed.store.lastEntry.position).toBe(before + 1);
    expect(bed.sink.kinds()).toEqual(['put', 'put']);
  });

  test('ends at its limits, so that an entry always fits into a message', async () => {
    const bed = await open();
    const before = bed.store.lastEntry.position;
    const metadata = { big: 'm'.repeat(limits.maxMetadataBytes - 3) };
    for (let index = 0; index < 200; index += 1) bed.write({ ...put(`k${index}`, ''), metadata });
    await turns();
    const read = await bed.store.readEntries(before + 1, Number.MAX_SAFE_INTEGER);
    expect(read?.bodies.length).toBeGreaterThan(2);
    for (const body of read?.bodies ?? []) {
      expect(body.length).toBeLessThan(limits.maxBatchBytes + limits.maxMetadataBytes + 1024);
    }
  });

  test('lets conditions see the earlier writes of the turn', async () => {
    const bed = await open();
    const first = bed.write(put('a', '1', { condition: { kind: 'absent' } }));
    const second = bed.write(put('a', '2', { condition: { kind: 'absent' } }));
    await turns();
    const version = versionOf(bed.sink.of(first));
    expect(bed.sink.of(second)).toMatchObject({ kind: 'condition-failed', version });
    const third = bed.write(put('a', '3', { condition: { kind: 'version', version } }));
    const fourth = bed.write(put('a', '4', { condition: { kind: 'version', version } }));
    const fifth = bed.write(del('a'));
    const sixth = bed.write(put('a', '6', { condition: { kind: 'absent' } }));
    await turns();
    expect(bed.sink.of(third)?.kind).toBe('put');
    expect(bed.sink.of(fourth)).toMatchObject({ kind: 'condition-failed', version: versionOf(bed.sink.of(third)) });
    expect(bed.sink.of(fifth)).toMatchObject({ kind: 'deleted', existed: true });
    expect(bed.sink.of(sixth)?.kind).toBe('put');
    expect(bed.valueOf('a')).toBe('6');
  });

  test('has nothing of a delete that finds no record', async () => {
    const bed = await open();
    const before = bed.store.lastEntry.position;
    const request = bed.write(del('nobody'));
    await turns();
    expect(bed.sink.of(request)).toMatchObject({ kind: 'deleted', existed: false, version: 0 });
    expect(bed.store.lastEntry.position).toBe(before);
  });
});

describe('an acknowledgement', () => {
  test('of a memory write leaves before any sync, of a disk write after the sync that covers it', async () => {
    const bed = await open();
    bed.gate.close();
    const memory = bed.write(put('a', '1'));
    const disk = bed.write(put('b', '1', { ack: 'disk' }));
    await turns();
    expect(bed.sink.of(memory)?.kind).toBe('put');
    expect(bed.sink.of(disk)).toBeUndefined();
    // The running sync began before this write: its return says nothing about it.
    const later = bed.write(put('c', '1', { ack: 'disk' }));
    await turns();
    bed.gate.open();
    bed.gate.close();
    await turns();
    expect(bed.sink.of(disk)?.kind).toBe('put');
    expect(bed.sink.of(later)).toBeUndefined();
    bed.gate.open();
    await turns();
    expect(bed.sink.of(later)?.kind).toBe('put');
    expect(bed.side.writer.idle).toBe(true);
  });

  test('never comes once a sync has failed: who waits or comes later learns that the outcome is unknown', async () => {
    const bed = await open();
    bed.gate.close();
    const waiting = bed.write(put('a', '1', { ack: 'disk', sequence: 1 }), id);
    await turns();
    const observing = bed.write(put('a', '2', { condition: { kind: 'absent' } }));
    await turns();
    bed.world.disk.failSync();
    bed.gate.open();
    await turns();
    expect(bed.sink.of(waiting)?.kind).toBe('unavailable');
    expect(bed.sink.of(observing)?.kind).toBe('unavailable');
    const later = [
      bed.write(put('a', '3')),
      bed.write(put('a', '1', { ack: 'disk', sequence: 1, firstSentTimestamp: bed.side.timestamp }), id),
      bed.write(put('a', '4', { condition: { kind: 'absent' } })),
    ];
    await turns();
    expect(later.map((request) => bed.sink.of(request)?.kind)).toEqual(['unavailable', 'unavailable', 'unavailable']);
    const late = new RecordingSink();
    bed.side.deliverWhenReached(99, late, 7, { kind: 'not-found', position: 99 });
    late.flush();
    expect(late.of(7)?.kind).toBe('unavailable');
    expect(bed.side.writer.idle).toBe(true);
  });

  test('never comes once a write to the log has failed', async () => {
    const bed = await open();
    const requests = [bed.write(put('a', '1')), bed.write(put('b', '1', { ack: 'disk' }))];
    bed.world.disk.failWrite();
    await turns();
    requests.push(bed.write(put('c', '1')));
    expect(requests.map((request) => bed.sink.of(request)?.kind)).toEqual([
      'unavailable',
      'unavailable',
      'unavailable',
    ]);
  });

  test('of a failed condition waits for the sync of the disk write that it saw', async () => {
    const bed = await open();
    bed.gate.close();
    bed.write(put('a', '1', { ack: 'disk' }));
    await turns();
    const failed = bed.write(put('a', '2', { condition: { kind: 'absent' } }));
    const passed = bed.write(put('a', '3', { condition: { kind: 'version', version: bed.side.timestamp } }));
    const unrelated = bed.write(put('b', '1'));
    await turns();
    expect([failed, passed, unrelated].map((request) => bed.sink.of(request)?.kind)).toEqual([
      undefined,
      undefined,
      'put',
    ]);
    bed.gate.open();
    await turns();
    expect(bed.sink.of(failed)?.kind).toBe('condition-failed');
    expect(bed.sink.of(passed)?.kind).toBe('put');
  });

  test('of a delete that sees an unsynced disk delete waits for it', async () => {
    const bed = await open();
    await bed.settle(put('a', '1'));
    bed.gate.close();
    const first = bed.write(del('a', { ack: 'disk' }));
    await turns();
    const second = bed.write(del('a'));
    await turns();
    expect([bed.sink.of(first), bed.sink.of(second)]).toEqual([undefined, undefined]);
    bed.gate.open();
    await turns();
    expect(bed.sink.of(first)).toMatchObject({ existed: true });
    expect(bed.sink.of(second)).toMatchObject({ existed: false });
  });

  test('of quorum is refused while a shard of two has one member', async () => {
    const bed = await open();
    const before = bed.store.lastEntry.position;
    expect(await bed.settle(put('a', '1', { ack: 'quorum' }))).toEqual({ kind: 'no-quorum', members: 1, needed: 2 });
    expect(bed.store.lastEntry.position).toBe(before);
  });

  test('of quorum is refused with how many members it would take: of five four, though three are most', async () => {
    const bed = await GroupBed.open({ others: ['f1', 'f2'], configuration: { configuredSize: 5 } });
    try {
      const outcome = await bed.primary.settle(put('a', '1', { ack: 'quorum' }));
      expect(outcome).toEqual({ kind: 'no-quorum', members: 3, needed: 4 });
    } finally {
      await bed.close();
    }
  });
});

describe('a repeated write', () => {
  const first = put('a', '1', { sequence: 5 });

  test('is answered with the outcome of the first attempt, and not carried out', async () => {
    const bed = await open();
    const outcome = await bed.settle(first, id);
    await bed.settle(put('a', '2', { sequence: 6 }), id);
    const again = { ...first, firstSentTimestamp: bed.side.timestamp };
    expect(await bed.settle(again, id)).toEqual(outcome);
    expect(bed.valueOf('a')).toBe('2');
    expect(bed.counters.repeated).toBe(1);
    const deleted = await bed.settle(del('a', { sequence: 7 }), id);
    expect(await bed.settle(del('a', { sequence: 7, firstSentTimestamp: 1e15 }), id)).toEqual(deleted);
  });

  test.each([
    ['first the original', [0, 1e15]],
    ['first the repetition', [1e15, 0]],
    ['unmarked', [0, 0]],
  ])('of the same turn is carried out once (%s)', async (_title, stamps) => {
    const bed = await open();
    const before = bed.side.timestamp;
    const [left, right] = stamps.map((firstSentTimestamp) => bed.write({ ...first, firstSentTimestamp }, id));
    await turns();
    expect(bed.sink.of(left ?? 0)).toMatchObject({ kind: 'put' });
    expect(bed.sink.of(right ?? 0)).toEqual(bed.sink.of(left ?? 0));
    expect(bed.counters.writes).toBe(1);
    expect(bed.side.timestamp).toBeGreaterThan(before);
  });

  test('that comes before its late original makes that a repetition', async () => {
    const bed = await open();
    const outcome = await bed.settle({ ...first, firstSentTimestamp: bed.side.timestamp }, id);
    expect(await bed.settle(first, id)).toEqual(outcome);
    expect(bed.counters.writes).toBe(1);
  });

  test('is too old once its client has called it finished', async () => {
    const bed = await open();
    await bed.settle(first, id);
    await bed.settle(put('b', '1', { sequence: 9 }), { ...id, completedBelow: 9 });
    const again = await bed.settle({ ...first, firstSentTimestamp: bed.side.timestamp }, id);
    expect(again).toEqual({ kind: 'too-old', windowMs: limits.operationIdWindowMs });
    expect(await bed.settle(first, id)).toMatchObject({ kind: 'too-old' });
  });

  test('is too old when the first attempt lies before the window, whether it is remembered or not', async () => {
    const bed = await open();
    const sent = bed.side.timestamp;
    const inTime = put('b', '1', { sequence: 1, firstSentTimestamp: sent });
    bed.wallMs += limits.operationIdWindowMs - 1;
    const outcome = await bed.settle(inTime, id);
    expect(outcome).toMatchObject({ kind: 'put' });
    bed.wallMs += 2;
    expect(await bed.settle(inTime, id)).toMatchObject({ kind: 'too-old' });
    // It is still remembered: by its id alone it would be answered.
    expect(await bed.settle({ ...inTime, firstSentTimestamp: bed.side.timestamp }, id)).toEqual(outcome);
    expect(await bed.settle({ ...inTime, sequence: 2 }, id)).toMatchObject({ kind: 'too-old' });
    expect(await bed.settle(put('b', '2', { sequence: 3, firstSentTimestamp: 1 }), id)).toMatchObject({
      kind: 'too-old',
    });
    expect(bed.counters.writes).toBe(1);
    expect(timestampOfMs(bed.wallMs) - sent).toBeGreaterThanOrEqual(limits.operationIdWindowMs * logicalSteps);
  });

  test('waits for the sync like its first attempt', async () => {
    const bed = await open();
    bed.gate.close();
    const disk = put('a', '1', { sequence: 5, ack: 'disk' });
    const requests = [bed.write(disk, id)];
    await turns();
    requests.push(bed.write({ ...disk, firstSentTimestamp: bed.side.timestamp }, id));
    await turns();
    expect(bed.sink.sent).toEqual([]);
    bed.gate.open();
    await turns();
    expect(requests.map((request) => bed.sink.of(request)?.kind)).toEqual(['put', 'put']);
  });

  test('of a memory write waits for the disk write that the first attempt saw', async () => {
    const bed = await open();
    bed.gate.close();
    bed.write(put('a', '1', { ack: 'disk' }));
    await turns();
    const conditional = put('a', '2', { condition: { kind: 'version', version: bed.side.timestamp }, sequence: 5 });
    bed.write(conditional, id);
    await turns();
    bed.write({ ...conditional, firstSentTimestamp: bed.side.timestamp }, id);
    await turns();
    expect(bed.sink.sent).toEqual([]);
    bed.gate.open();
    await turns();
    expect(bed.sink.kinds()).toEqual(['put', 'put', 'put']);
  });

  test('does not cost each repetition an entry of its own', async () => {
    const bed = await open();
    const before = bed.store.lastEntry.position;
    for (let sequence = 1; sequence <= 50; sequence += 1) {
      bed.write(put(`k${sequence}`, '1', { sequence, firstSentTimestamp: bed.side.timestamp }), id);
    }
    await turns();
    expect(bed.store.lastEntry.position).toBe(before + 1);
  });
});

describe('a write is refused', () => {
  test('as busy when the queue is full by count or by bytes, with a time to wait', async () => {
    const byCount = await open({ parts: { queueOperations: 2 } });
    const requests = ['a', 'b', 'c'].map((key) => byCount.write(put(key, '1')));
    const refused = byCount.sink.of(requests[2] ?? 0);
    expect(refused).toMatchObject({ kind: 'busy', cause: 'queue-operations' });
    expect(refused?.kind === 'busy' && refused.retryAfterMs).toBeGreaterThanOrEqual(1);
    await turns();
    expect(await byCount.settle(put('c', '1'))).toMatchObject({ kind: 'put' });

    const byBytes = await open({ parts: { queueBytes: 1000 } });
    byBytes.write(put('a', 'x'.repeat(600)));
    const large = byBytes.write({ ...put('b', ''), metadata: { note: 'y'.repeat(600) } });
    expect(byBytes.sink.of(large)).toMatchObject({ kind: 'busy', cause: 'queue-bytes' });
    expect(byBytes.counters.busy).toBe(1);
  });

  test('as busy when the overlay is full, until the view has followed', async () => {
    const bed = await open({ store: { overlayBytesMax: 4096 } });
    bed.gate.close();
    const outcomes = [];
    for (let index = 0; index < 10; index += 1) {
      const request = bed.write(put(`k${index}`, 'x'.repeat(1000)));
      await turns(2);
      outcomes.push(bed.sink.of(request));
    }
    const refused = outcomes.find((outcome) => outcome?.kind === 'busy');
    expect(refused).toMatchObject({ cause: 'overlay' });
    expect(refused?.retryAfterMs).toBeGreaterThanOrEqual(1);
    bed.gate.open();
    while (!bed.store.hasRoom()) await turns();
    expect(await bed.settle(put('later', '1'))).toMatchObject({ kind: 'put' });
  });

  test('after stop, while those that were taken are carried out', async () => {
    const bed = await open();
    const taken = bed.write(put('a', '1', { ack: 'disk' }));
    bed.side.writer.stop();
    const refused = bed.write(put('a', '2'));
    expect(bed.sink.of(refused)).toMatchObject({ kind: 'not-primary' });
    expect(bed.side.writer.idle).toBe(false);
    while (!bed.side.writer.idle) await turns();
    expect(bed.sink.of(taken)?.kind).toBe('put');
    expect(bed.valueOf('a')).toBe('1');
  });

  test('when the record that it must look at can not be read, and nothing else of the turn is', async () => {
    const bed = await open();
    const lookup = bed.store.lookup.bind(bed.store);
    bed.store.lookup = (keyspace, key, upTo) => {
      if (key === 'broken') throw new EdisError('damaged', 'its check fails');
      return lookup(keyspace, key, upTo);
    };
    const requests = [bed.write(put('a', '1')), bed.write(del('broken')), bed.write(put('b', '1'))];
    await turns();
    expect(requests.map((request) => bed.sink.of(request)?.kind)).toEqual(['put', 'unavailable', 'put']);
  });
});
