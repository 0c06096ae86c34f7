import type { Outcome, SnapshotRequest, SnapshotResponse } from '@edis/core';
import { realTimers } from '@edis/process';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { GroupBedOptions } from './group-fixture.ts';
import { GroupBed, leaseMs, ScriptedStream } from './group-fixture.ts';
import { get, put, RecordingSink, turns } from './primary-fixture.ts';
import { Reader } from './reader.ts';

const beds: GroupBed[] = [];

afterEach(async () => {
  for (const bed of beds.splice(0)) await bed.close();
});

async function begin(others: readonly string[], options: Omit<GroupBedOptions, 'others'> = {}): Promise<GroupBed> {
  const bed = await GroupBed.begin({ others, ...options });
  beds.push(bed);
  return bed;
}

async function open(...others: readonly string[]): Promise<GroupBed> {
  const bed = await GroupBed.open({ others });
  beds.push(bed);
  return bed;
}

function outcomes(bed: GroupBed, ...requests: readonly number[]): (Outcome['kind'] | undefined)[] {
  return requests.map((request) => bed.primary.sink.of(request)?.kind);
}

function read(bed: GroupBed, key: string): RecordingSink {
  const { store, side, counters } = bed.primary;
  const now = { sessionWaitMs: 0, timers: realTimers, monotonicMs: () => 0, wallMs: () => 0, onDamaged: () => {} };
  const sink = new RecordingSink();
  new Reader({ store, role: side, counters, ...now }).read(get(key), sink);
  sink.flush();
  return sink;
}

const disk = { ack: 'disk' } as const;
const quorum = { ack: 'quorum' } as const;

describe('a new primary', () => {
  test('acts once its opening entry is safe on a quorum and its lease is granted, and not before', async () => {
    const bed = await begin(['f1']);
    const { side, store } = bed.primary;
    expect([bed.last, store.syncedPosition, store.lastEntry.epoch]).toEqual([1, 1, 1]);
    expect(outcomes(bed, bed.primary.write(put('a', '1')))).toEqual(['not-primary']);
    expect(read(bed, 'a').kinds()).toEqual(['not-primary']);
    bed.grant();
    expect([side.leaseHeld, side.active]).toEqual([true, false]);
    bed.acknowledge();
    expect(side.active).toBe(true);
    expect(store.visiblePosition).toBe(1);
    expect(await bed.primary.settle(put('a', '1'))).toMatchObject({ kind: 'put' });
  });

  test('does not act with its opening entry safe but without a lease', async () => {
    const bed = await begin(['f1']);
    bed.acknowledge();
    expect(bed.primary.side.active).toBe(false);
    const waiting = bed.primary.write(put('a', '1'));
    await turns();
    expect(outcomes(bed, waiting)).toEqual([undefined]);
    bed.grant();
    await turns();
    expect(outcomes(bed, waiting)).toEqual(['put']);
  });

  test('counts as synced by a follower what it says on its stream, not what its log ends with', async () => {
    const bed = await begin(['f1'], { followers: [] });
    bed.join('f1', { lastEntry: { epoch: 1, position: 1 } });
    bed.grant();
    expect(bed.primary.side.active).toBe(false);
    bed.acknowledge(1);
    expect(bed.primary.side.active).toBe(true);
  });

  test('counts nothing that a follower says whose log is not its own', async () => {
    const bed = await begin(['f1'], { followers: [] });
    const diverged = bed.join('f1', { lastEntry: { epoch: 0, position: 40 } });
    expect(diverged.follow.sent).toMatchObject([{ message: { kind: 'snapshot-needed', cause: 'diverged' } }]);
    bed.grant();
    bed.acknowledge(40);
    expect(bed.primary.side.active).toBe(false);
    bed.join('f1');
    await turns();
    bed.grant();
    bed.acknowledge(1);
    expect(bed.primary.side.active).toBe(true);
  });
});

describe('a primary without its lease', () => {
  test('lets writes wait in the queue, and carries them out when a grant comes', async () => {
    const bed = await open('f1');
    bed.loseLease();
    const before = bed.last;
    const waiting = [put('a', '1'), put('b', '1', disk)].map((operation) => bed.primary.write(operation));
    await turns();
    expect(outcomes(bed, ...waiting)).toEqual([undefined, undefined]);
    expect([bed.last, bed.primary.side.queueOperations, bed.primary.side.writer.idle]).toEqual([before, 2, false]);
    bed.grant();
    await turns();
    expect(outcomes(bed, ...waiting)).toEqual(['put', 'put']);
    expect(bed.primary.side.queueOperations).toBe(0);
  });

  test('withholds what it would say of writes that are safe by now', async () => {
    const bed = await open('f1');
    bed.primary.gate.close();
    const waiting = [put('a', '1', disk), put('b', '1', disk)].map((operation) => bed.primary.write(operation));
    await turns();
    const unsafe = bed.primary.write(put('c', '1', quorum));
    await turns();
    const sink = read(bed, 'a');
    bed.loseLease();
    bed.primary.gate.open();
    await turns();
    bed.acknowledge();
    expect(bed.primary.store.syncedPosition).toBe(bed.last);
    expect(outcomes(bed, ...waiting, unsafe)).toEqual([undefined, undefined, undefined]);
    expect(sink.kinds()).toEqual([]);
    bed.grant();
    expect(outcomes(bed, ...waiting, unsafe)).toEqual(['put', 'put', 'put']);
    expect(sink.kinds()).toEqual(['found']);
  });

  test('answers no strong read', async () => {
    const bed = await open('f1');
    await bed.primary.settle(put('a', '1', disk));
    bed.loseLease();
    expect(read(bed, 'a').kinds()).toEqual(['not-primary']);
    bed.grant();
    expect(read(bed, 'a').kinds()).toEqual(['found']);
  });

  test('says at its end that what it withheld is unknown, and that what it did not take is not done', async () => {
    const bed = await open('f1');
    const unsafe = bed.primary.write(put('a', '1', quorum));
    await turns();
    bed.loseLease();
    const queued = bed.primary.write(put('b', '1'));
    await turns();
    bed.acknowledge();
    bed.primary.side.abandon();
    expect(outcomes(bed, unsafe, queued)).toEqual(['unavailable', 'not-primary']);
    expect(outcomes(bed, bed.primary.write(put('c', '1')))).toEqual(['not-primary']);
    expect(bed.primary.side.writer.idle).toBe(true);
  });

  test('logs nothing of its own', async () => {
    const bed = await open('f1');
    bed.loseLease();
    expect(bed.primary.side.writer.log([])).toBeUndefined();
    bed.grant();
    expect(bed.primary.side.leaseHeld).toBe(true);
  });
});

describe('beacons', () => {
  test('ask for the lease, and echo the stamp of the follower only while it is held', async () => {
    const bed = await begin(['f1']);
    const follower = bed.follower('f1');
    const asked = { epoch: 1, since: 1, leaseMs, number: expect.any(Number) };
    expect(follower.beacon.sent).toEqual([{ ...asked, lastPosition: 1, stampMs: 0 }]);
    bed.grant();
    bed.acknowledge();
    follower.stamp(77, follower.lastBeacon?.number);
    bed.timers.pass(250);
    expect(follower.lastBeacon).toEqual({ ...asked, lastPosition: 1, stampMs: 77 });
    bed.loseLease();
    expect(follower.lastBeacon).toEqual({ ...asked, lastPosition: 1, stampMs: 0 });
    follower.grant();
    bed.timers.pass(250);
    expect(follower.lastBeacon).toMatchObject({ stampMs: 1 });
    const numbers = follower.beacon.sent.map(({ number }) => number);
    expect(numbers).toEqual([...new Set(numbers)].sort((left, right) => left - right));
  });

  test.each([100, 500, leaseMs])('leave often enough for a lease of %i ms to be held all the time', async (shortMs) => {
    const bed = await GroupBed.open({ others: ['f1'], configuration: { leaseMs: shortMs } });
    beds.push(bed);
    for (let passedMs = 0; passedMs < 5 * shortMs; passedMs += 10) {
      bed.timers.pass(10);
      expect(bed.primary.side.leaseHeld).toBe(true);
      bed.grant();
    }
    expect(bed.proposals).toEqual([]);
  });

  test('that a learner grants, or that were never sent, hold no lease', async () => {
    const bed = await GroupBed.open({ others: ['f1'], followers: ['f1', 'learner'] });
    beds.push(bed);
    bed.loseLease();
    bed.follower('learner').grant();
    bed.follower('f1').stamp(1, 1_000_000);
    bed.follower('f1').stamp(1, 0);
    expect(bed.primary.side.leaseHeld).toBe(false);
    bed.follower('f1').grant();
    expect(bed.primary.side.leaseHeld).toBe(true);
  });

  test('ask for no lease while a sync hangs for longer than one', async () => {
    const bed = await open('f1');
    bed.primary.gate.close();
    const hanging = bed.primary.write(put('a', '1', disk));
    await turns();
    bed.holdLease(leaseMs);
    expect(bed.follower('f1').lastBeacon).toMatchObject({ leaseMs });
    bed.holdLease(2 * leaseMs);
    expect(bed.follower('f1').lastBeacon).toMatchObject({ leaseMs: 0, number: 0 });
    expect(bed.primary.side.active).toBe(false);
    bed.primary.gate.open();
    await turns();
    bed.holdLease(300);
    expect(outcomes(bed, hanging)).toEqual(['put']);
    expect(bed.primary.side.active).toBe(true);
  });

  test('end with the primary, and are of one shard', async () => {
    const bed = await open('f1');
    const foreign = bed.join('f2');
    foreign.beacon.hear({ shard: 's2', store: 'f2', stampMs: 1, granted: 0 });
    expect([foreign.beacon.closed, bed.follower('f1').beacon.closed]).toEqual([true, false]);
    bed.primary.side.abandon();
    expect(bed.follower('f1').beacon.closed).toBe(true);
    expect(bed.follower('f1').follow.sent.at(-1)).toMatchObject({ message: { kind: 'refused', cause: 'not-primary' } });
  });
});

describe('a planned hand-over', () => {
  test('holds writes until the other is level, and sends them there afterwards', async () => {
    const bed = await open('f1');
    const taken = bed.primary.write(put('a', '1'));
    await turns();
    bed.primary.side.handOver(1, 'f1');
    const held = bed.primary.write(put('b', '1'));
    await turns();
    // What was taken must be durable on both; what came later waits.
    expect(bed.follower('f1').follow.sent.at(-1)).toMatchObject({ syncPosition: bed.last });
    expect(bed.primary.store.syncedPosition).toBe(bed.last);
    expect(outcomes(bed, taken, held)).toEqual(['put', undefined]);
    expect(bed.handedOver).toEqual([]);
    bed.acknowledge();
    expect(bed.handedOver).toEqual(['f1']);
    expect(read(bed, 'a').kinds()).toEqual(['found']);
    bed.primary.side.abandon();
    expect(outcomes(bed, held)).toEqual(['not-primary']);
    expect(read(bed, 'a').kinds()).toEqual(['not-primary']);
  });

  test('that takes too long is given up, and the writes are carried out', async () => {
    const bed = await open('f1');
    await bed.primary.settle(put('a', '1'));
    bed.primary.side.handOver(1, 'f1');
    const held = bed.primary.write(put('b', '1'));
    bed.holdLease(1000);
    await turns();
    expect(outcomes(bed, held)).toEqual([undefined]);
    bed.holdLease(100);
    await turns();
    expect(outcomes(bed, held)).toEqual(['put']);
    expect(bed.handedOver).toEqual([]);
  });

  test('is not begun to a store that is no member, nor on the word of another epoch', async () => {
    const bed = await open('f1');
    bed.join('learner');
    for (const [epoch, to] of [
      [1, 'learner'],
      [1, 'store-1'],
      [2, 'f1'],
    ] as const) {
      bed.primary.side.handOver(epoch, to);
      expect(await bed.primary.settle(put('a', '1'))).toMatchObject({ kind: 'put' });
    }
    bed.acknowledge();
    expect(bed.handedOver).toEqual([]);
  });
});

describe('members', () => {
  test('are asked for when a follower is level and answers beacons', async () => {
    const bed = await open();
    const follower = bed.join('f1');
    await turns();
    bed.timers.pass(300);
    expect(bed.proposals).toEqual([]);
    follower.grant();
    follower.acknowledge(bed.last);
    bed.timers.pass(50);
    expect(bed.proposals).toEqual([{ epoch: 1, change: 'add', store: 'f1' }]);
    bed.timers.pass(leaseMs);
    expect(bed.proposals).toHaveLength(1);
  });

  test('are given up when they are silent also with the shortest lease that info allows', async () => {
    const bed = await GroupBed.open({ others: ['f1', 'f2'], configuration: { leaseMs: 100 } });
    beds.push(bed);
    bed.follower('f1').acknowledge(bed.last);
    for (let beacon = 0; beacon < 12; beacon += 1) {
      bed.timers.pass(12);
      bed.follower('f1').grant();
    }
    expect(bed.proposals).toEqual([{ epoch: 1, change: 'remove', store: 'f2' }]);
  });

  test('are given up when they are silent, and both groups must agree until that is settled', async () => {
    const bed = await open('f1', 'f2');
    bed.follower('f1').grant();
    for (let beacon = 0; beacon < 3; beacon += 1) {
      bed.timers.pass(250);
      bed.follower('f1').grant();
    }
    bed.follower('f1').acknowledge(bed.last);
    expect(bed.proposals).toEqual([{ epoch: 1, change: 'remove', store: 'f2' }]);
    const unsafe = bed.primary.write(put('a', '1', quorum));
    await turns();
    // Of the three it would do, but not of the two that may be left.
    bed.follower('f2').acknowledge(bed.last);
    expect(outcomes(bed, unsafe)).toEqual([undefined]);
    bed.primary.side.onProposalRefused(1);
    expect(outcomes(bed, unsafe)).toEqual(['put']);
  });
});

describe('the snapshots of a primary', () => {
  const ask = ({ primary }: GroupBed): ScriptedStream<SnapshotResponse, SnapshotRequest> => {
    const stream = new ScriptedStream<SnapshotResponse, SnapshotRequest>();
    primary.side.snapshot(stream);
    return stream;
  };

  test('are two at a time; a follower that stands still gives its place up after a minute', async () => {
    const bed = await open('f1');
    await bed.primary.settle(put('a', '1'));
    const [first, second, third] = [ask(bed), ask(bed), ask(bed)];
    expect([first.closed, second.closed, third.closed]).toEqual([false, false, true]);
    second.hear({ kind: 'open', cluster: 'cluster-1', shard: 's1', store: 'f2' });
    await turns();
    await vi.waitFor(() => expect(second.sent).toMatchObject([{ kind: 'start', recordCount: 1 }]));
    bed.timers.pass(59_999);
    expect([first.closed, second.closed]).toEqual([false, false]);
    bed.timers.pass(1);
    expect([first.closed, second.closed, ask(bed).closed]).toEqual([true, true, false]);
  });
});
