import type { AtomicOperation, Operation, Outcome, Topology } from '@edis/core';
import { slotCount, slotOf } from '@edis/core';
import { afterEach, describe, expect, test } from 'vitest';
import type { BatchRunner } from './batch-runner.ts';
import { Ownership } from './ownership.ts';
import {
  atomic,
  batchOf,
  get,
  increment,
  PrimaryBed,
  put,
  RecordingSink,
  topologyOf,
  turns,
} from './primary-fixture.ts';

const beds: PrimaryBed[] = [];

afterEach(async () => {
  for (const bed of beds.splice(0)) {
    bed.gate.open();
    await bed.store.close();
  }
});

async function open(topology: Topology = topologyOf(5)): Promise<{ bed: PrimaryBed; runner: BatchRunner }> {
  const bed = await PrimaryBed.open();
  beds.push(bed);
  const ownership = new Ownership();
  ownership.onShard('s1');
  ownership.onTopology(topology);
  return { bed, runner: bed.runner(ownership) };
}

async function run(runner: BatchRunner, operation: Operation, epoch = 0): Promise<Outcome | undefined> {
  const sink = new RecordingSink();
  runner.run(operation, { sink, batch: batchOf({ epoch }) });
  sink.flush();
  await turns();
  return sink.of(operation.request);
}

/** s1 has the lower half of the slots. */
function halfTopology(): Topology {
  const whole = topologyOf(5);
  const middle = slotCount / 2;
  const slots = [
    { from: 0, to: middle - 1, shard: 's1' },
    { from: middle, to: slotCount - 1, shard: 's2' },
  ];
  const [shard] = whole.shards;
  if (shard === undefined) throw new Error('no shard');
  const other = { ...shard, shard: 's2', primary: 'store-2', members: [] };
  return { ...whole, keyspaces: whole.keyspaces.map((each) => ({ ...each, slots })), shards: [shard, other] };
}

function keysOf(isOwned: boolean, count: number): string[] {
  const keys: string[] = [];
  for (let index = 0; keys.length < count; index += 1) {
    if (slotOf(`k${index}`) < slotCount / 2 === isOwned) keys.push(`k${index}`);
  }
  return keys;
}

describe('an atomic batch', () => {
  test('is carried out when all of its keys are here, each in its slot', async () => {
    const { bed, runner } = await open(halfTopology());
    const keys = keysOf(true, 3);
    const outcome = await run(runner, atomic(keys.map((key) => put(key, '1'))));
    expect(outcome).toMatchObject({ kind: 'atomic', applied: true });
    expect(keys.map((key) => bed.valueOf(key))).toEqual(['1', '1', '1']);
  });

  test('is for another shard as a whole when one of its keys is', async () => {
    const { bed, runner } = await open(halfTopology());
    const before = bed.store.lastEntry.position;
    const [foreign = ''] = keysOf(false, 1);
    const writes = [...keysOf(true, 2), foreign].map((key) => put(key, '1'));
    expect(await run(runner, atomic(writes))).toMatchObject({ kind: 'wrong-shard', topology: { revision: 5 } });
    expect(bed.store.lastEntry.position).toBe(before);
  });

  test('needs a primary that knows the epoch of the client', async () => {
    const { bed, runner } = await open();
    const batch: AtomicOperation = atomic([put('a', '1')]);
    expect(await run(runner, batch, bed.side.epoch + 1)).toEqual({ kind: 'not-primary', epoch: bed.side.epoch });
    expect(await run(runner, batch, bed.side.epoch)).toMatchObject({ applied: true });
    const ownership = new Ownership();
    ownership.onShard('s1');
    ownership.onTopology(topologyOf(5));
    const replica = bed.runner(ownership, false);
    expect(await run(replica, batch)).toEqual({ kind: 'not-primary', epoch: bed.side.epoch });
  });

  test('that is malformed is refused before anything is looked at', async () => {
    const { runner } = await open();
    expect(await run(runner, atomic([put('a', '1'), put('a', '2')]))).toMatchObject({ cause: 'malformed' });
    expect(await run(runner, atomic([]))).toMatchObject({ kind: 'invalid', cause: 'malformed' });
    expect(await run(runner, { ...put('a', '1'), ttlMs: 1e15 })).toMatchObject({ cause: 'ttl-out-of-range' });
    expect(await run(runner, { kind: 'malformed', request: 0 })).toMatchObject({ cause: 'malformed' });
  });
});

test('an increment and the read behind it go the same way', async () => {
  const { runner } = await open();
  expect(await run(runner, increment('n', 5n))).toMatchObject({ kind: 'incremented', value: 5n });
  expect(await run(runner, get('n'))).toMatchObject({ kind: 'found', value: '5', expiresAtMs: 0 });
});
