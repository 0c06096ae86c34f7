import type { Outcome } from '@edis/core';
import { limits } from '@edis/core';
import { afterEach, describe, expect, test } from 'vitest';
import type { PrimaryBedOptions } from './primary-fixture.ts';
import { append, atomic, clientId, del, expire, increment, PrimaryBed, put, turns } from './primary-fixture.ts';

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

function outcomesOf(outcome: Outcome): readonly Outcome[] {
  if (outcome.kind !== 'atomic') throw new Error(`no batch: ${outcome.kind}`);
  return outcome.outcomes;
}

describe('an atomic batch', () => {
  test('is one entry, and each of its writes has its own outcome', async () => {
    const bed = await open();
    await bed.settle(put('n', '1'));
    await bed.settle(put('gone', '1'));
    const before = bed.store.lastEntry.position;
    const writes = [put('a', '1'), increment('n', 4n), append('t', 'xy'), del('gone'), del('nobody'), expire('n2', 5)];
    await bed.settle(put('n2', '1'));
    const outcome = await bed.settle(atomic(writes));
    const position = before + 2;
    expect(outcome).toMatchObject({ kind: 'atomic', applied: true, position });
    expect(outcomesOf(outcome)).toMatchObject([
      { kind: 'put', position },
      { kind: 'incremented', value: 5n, position },
      { kind: 'appended', length: 2, position },
      { kind: 'deleted', existed: true, position },
      { kind: 'deleted', existed: false, version: 0, position },
      { kind: 'expiring', expiresAtMs: bed.wallMs + 5, position },
    ]);
    expect(bed.store.lastEntry.position).toBe(position);
  });

  test('is not done at all when one write can not be, and says which', async () => {
    const bed = await open();
    await bed.settle(put('text', 'x'));
    const before = bed.store.lastEntry.position;
    const writes = [
      put('a', '1'),
      put('text', '2', { condition: { kind: 'absent' } }),
      increment('text'),
      expire('nobody', 5),
    ].map((write, index) => ({ ...write, key: index === 2 ? 'text2' : write.key }));
    await bed.settle(put('text2', 'x'));
    const outcome = await bed.settle(atomic(writes));
    expect(outcome).toMatchObject({ kind: 'atomic', applied: false });
    expect(outcomesOf(outcome)).toMatchObject([
      { kind: 'not-done' },
      { kind: 'condition-failed' },
      { kind: 'invalid', cause: 'not-an-integer' },
      { kind: 'not-found' },
    ]);
    expect(bed.store.lastEntry.position).toBe(before + 1);
    expect(bed.valueOf('a')).toBeUndefined();
  });

  test('sees the earlier writes of its turn and is seen by the later ones', async () => {
    const bed = await open();
    bed.write(increment('n', 5n));
    const batch = bed.write(atomic([increment('n'), put('a', '1', { condition: { kind: 'absent' } })]));
    const second = bed.write(atomic([put('a', '2', { condition: { kind: 'absent' } }), increment('n')]));
    const after = bed.write(increment('n'));
    await turns();
    expect(bed.sink.of(batch)).toMatchObject({ applied: true, outcomes: [{ value: 6n }, { kind: 'put' }] });
    expect(bed.sink.of(second)).toMatchObject({ applied: false, outcomes: [{}, { kind: 'not-done' }] });
    expect(bed.sink.of(after)).toMatchObject({ value: 7n });
  });

  test('that deletes nothing is done, without an entry', async () => {
    const bed = await open();
    const before = bed.store.lastEntry.position;
    expect(await bed.settle(atomic([del('a'), del('b')]))).toMatchObject({ applied: true });
    expect(bed.store.lastEntry.position).toBe(before);
  });

  test('of the largest size is one entry beside whatever else the turn brings', async () => {
    const bed = await open();
    const many = Array.from({ length: limits.maxAtomicOperations }, (_, index) => put(`k${index}`, 'x'.repeat(900)));
    for (let index = 0; index < 200; index += 1) bed.write(put(`p${index}`, 'x'.repeat(1000)));
    const request = bed.write(atomic(many));
    bed.write(put('last', '1'));
    await turns();
    const outcome = bed.sink.of(request);
    const positions =
      outcome?.kind === 'atomic' ? outcome.outcomes.map((each) => 'position' in each && each.position) : [];
    expect(positions.length).toBe(limits.maxAtomicOperations);
    expect(new Set(positions).size).toBe(1);
    expect(bed.side.queueOperations).toBe(0);
  });

  test('is refused when its appends would make an entry that no follower could be sent', async () => {
    const bed = await open();
    for (const key of ['a', 'b', 'c']) await bed.settle(put(key, new Uint8Array(4 * 1024 * 1024)));
    const before = bed.store.lastEntry.position;
    const refused = await bed.settle(atomic([append('a', 'x'), append('b', 'x'), append('c', 'x')]));
    expect(refused).toMatchObject({ kind: 'invalid', cause: 'value-too-large' });
    expect(bed.store.lastEntry.position).toBe(before);
    expect(await bed.settle(atomic([append('a', 'x'), append('b', 'x')]))).toMatchObject({ applied: true });
  });

  test('is acknowledged by its own ack, and after the disk write that it saw', async () => {
    const bed = await open();
    bed.gate.close();
    const disk = bed.write(atomic([put('a', '1'), put('b', '1')], { ack: 'disk' }));
    await turns();
    const memory = bed.write(atomic([put('c', '1'), increment('a')], { ack: 'memory' }));
    const failed = bed.write(atomic([put('b', '2', { condition: { kind: 'absent' } })].map((write) => ({ ...write }))));
    await turns();
    expect([disk, memory, failed].map((request) => bed.sink.of(request))).toEqual([undefined, undefined, undefined]);
    bed.gate.open();
    await turns();
    expect([disk, memory, failed].map((request) => bed.sink.of(request))).toMatchObject([
      { applied: true },
      { applied: true, outcomes: [{ kind: 'put' }, { kind: 'incremented', value: 2n }] },
      { applied: false },
    ]);
    expect(bed.side.writer.idle).toBe(true);
    const quorum = await bed.settle(atomic([put('a', '1')], { ack: 'quorum' }));
    expect(quorum).toMatchObject({ kind: 'no-quorum' });
  });

  test('is unknown as a whole when the log can not be written', async () => {
    const bed = await open();
    const request = bed.write(atomic([put('a', '1'), put('b', '1')]));
    bed.world.disk.failWrite();
    await turns();
    expect(bed.sink.of(request)?.kind).toBe('unavailable');
    expect(bed.sink.sent.filter((result) => result.request === request).length).toBe(1);
  });
});

describe('a repetition', () => {
  const writes = [increment('n', 5n), del('nobody'), append('t', 'ab'), put('a', '1')];

  test('of an atomic batch has the outcomes of the first attempt and changes nothing', async () => {
    const bed = await open();
    const first = await bed.settle(atomic(writes, { sequence: 3 }), id);
    await bed.settle(increment('n', 1n, { sequence: 7 }), id);
    await bed.settle(put('nobody', '1'));
    const before = bed.store.lastEntry.position;
    const again = atomic(writes, { sequence: 3, firstSentTimestamp: bed.side.timestamp });
    expect(await bed.settle(again, id)).toEqual(first);
    expect(bed.store.lastEntry.position).toBe(before);
    expect([bed.valueOf('n'), bed.valueOf('t'), bed.valueOf('nobody')]).toEqual(['6', 'ab', '1']);
    expect(bed.counters.repeated).toBe(1);
  });

  test.each([
    ['in the same turn', 0],
    ['in a later one', 4],
  ])('%s counts each kind of write once', async (_title, between) => {
    const bed = await open();
    await bed.settle(put('e', '1'));
    const operations = [
      increment('n', 5n, { sequence: 1 }),
      append('t', 'ab', { sequence: 2 }),
      expire('e', 500, { sequence: 3 }),
      atomic(writes, { sequence: 4 }),
    ];
    const first = operations.map((operation) => bed.write(operation, id));
    await turns(between);
    const second = operations.map((operation) => bed.write(operation, id));
    await turns();
    expect(second.map((request) => bed.sink.of(request))).toEqual(first.map((request) => bed.sink.of(request)));
    expect([bed.valueOf('n'), bed.valueOf('t')]).toEqual(['10', 'abab']);
  });

  test('has the first outcome also after a restart and after the view has taken the log in', async () => {
    const bed = await open();
    const operations = [
      increment('n', -7n, { sequence: 1, ack: 'disk' }),
      append('t', 'ab', { sequence: 2, ack: 'disk' }),
      expire('t', 500, { sequence: 3, ack: 'disk' }),
      atomic(writes, { sequence: 4, ack: 'disk' }),
    ];
    const outcomes: Outcome[] = [];
    for (const operation of operations) outcomes.push(await bed.settle(operation, id));
    for (const isFolded of [false, true]) {
      const previous = beds[beds.length - 1] ?? bed;
      if (isFolded) await previous.store.flush();
      await previous.store.close();
      const next = await open({ world: bed.world, gate: bed.gate });
      const firstSentTimestamp = next.side.timestamp;
      for (const [index, operation] of operations.entries()) {
        const repeated =
          operation.kind === 'atomic'
            ? atomic(writes, { sequence: 4, ack: 'disk', firstSentTimestamp })
            : { ...operation, firstSentTimestamp };
        expect(await next.settle(repeated, id)).toEqual(outcomes[index]);
      }
      expect([next.valueOf('n'), next.valueOf('t')]).toEqual(['-2', 'abab']);
      expect(next.counters.writes).toBe(0);
    }
  });

  test('of a finished atomic batch is too old', async () => {
    const bed = await open();
    await bed.settle(atomic(writes, { sequence: 3 }), id);
    await bed.settle(put('b', '1', { sequence: 9 }), { ...id, completedBelow: 9 });
    expect(await bed.settle(atomic(writes, { sequence: 3 }), id)).toMatchObject({ kind: 'too-old' });
  });
});
