import { afterEach, describe, expect, test } from 'vitest';
import { Ownership } from './ownership.ts';
import { batchOf, keyspaceOf, PrimaryBed, put, RecordingSink, topologyOf, turns } from './primary-fixture.ts';

const beds: PrimaryBed[] = [];

afterEach(async () => {
  for (const bed of beds.splice(0)) {
    bed.gate.open();
    await bed.store.close();
  }
});

async function open(options: Parameters<typeof PrimaryBed.open>[0] = {}): Promise<PrimaryBed> {
  const bed = await PrimaryBed.open(options);
  beds.push(bed);
  return bed;
}

const users = keyspaceOf(2, 'users');
const carts = keyspaceOf(3, 'carts');

function known(bed: PrimaryBed): unknown {
  return [...bed.store.keyspaces.values()]
    .filter(({ dropped }) => !dropped)
    .map(({ id, name, settings }) => [id, name, settings.defaultTtlMs]);
}

describe('the keyspaces of the topology', () => {
  test('are in the log before a write of them is taken, and once', async () => {
    const bed = await open();
    expect(await bed.settle(put('a', '1', { keyspace: 2 }))).toEqual({ kind: 'wrong-shard', topology: undefined });
    const before = bed.store.lastEntry.position;
    bed.side.onTopology(topologyOf(2, [users, carts]), true);
    expect(bed.store.lastEntry.position).toBe(before + 1);
    expect(await bed.settle(put('a', '1', { keyspace: 2 }))).toMatchObject({ kind: 'put' });
    bed.side.onTopology(topologyOf(3, [users, carts]), true);
    expect(bed.store.lastEntry.position).toBe(before + 2);
    expect(known(bed)).toEqual([
      [1, 'default', 0],
      [2, 'users', 200],
      [3, 'carts', 300],
    ]);
  });

  test('are logged when the shard begins to write, if they came before', async () => {
    const first = await open();
    await first.store.close();
    const gate = first.gate;
    const next = await PrimaryBed.open({ world: first.world, gate, epoch: 2, topology: topologyOf(2, [users]) });
    beds.push(next);
    expect(known(next)).toContainEqual([2, 'users', 200]);
    expect(await next.settle(put('a', '1', { keyspace: 2 }))).toMatchObject({ kind: 'put' });
  });

  test('are known after a restart from the log alone', async () => {
    const bed = await open();
    bed.side.onTopology(topologyOf(2, [users]), true);
    await bed.settle(put('a', '1', { keyspace: 2, ack: 'disk' }));
    await bed.store.close();
    const next = await open({ world: bed.world, gate: bed.gate });
    expect(known(next)).toContainEqual([2, 'users', 200]);
    expect(next.store.lookup(2, 'a', 'newest').record?.value).toBe('1');
  });

  test('are dropped on the word of info, and their writes are refused from then on', async () => {
    const bed = await open();
    bed.side.onTopology(topologyOf(2, [users, carts]), true);
    const taken = bed.write(put('a', '1', { keyspace: 2 }));
    bed.side.onTopology(topologyOf(3, [carts]), true);
    await turns();
    expect(bed.sink.of(taken)).toMatchObject({ kind: 'invalid', cause: 'no-such-keyspace' });
    expect(await bed.settle(put('a', '1', { keyspace: 2 }))).toMatchObject({ cause: 'no-such-keyspace' });
    expect(await bed.settle(put('a', '1', { keyspace: 3 }))).toMatchObject({ kind: 'put' });
  });

  test('are not dropped for what a restarted node remembers, nor for an older revision', async () => {
    const bed = await open();
    bed.side.onTopology(topologyOf(5, [users]), true);
    bed.side.onTopology(topologyOf(4), true);
    expect(known(bed)).toContainEqual([2, 'users', 200]);
    await bed.settle(put('a', '1', { keyspace: 2, ack: 'disk' }));
    await bed.store.close();
    const next = await open({ world: bed.world, gate: bed.gate });
    next.side.onTopology(topologyOf(4), false);
    expect(known(next)).toContainEqual([2, 'users', 200]);
    next.side.onTopology(topologyOf(6), true);
    expect(known(next)).toEqual([[1, 'default', 0]]);
  });
});

describe('an unknown keyspace', () => {
  test('is foreign to a node with an older map than the one who asks, and does not exist otherwise', () => {
    const ownership = new Ownership();
    ownership.onShard('s1');
    expect(ownership.standing(2, 'a', 9)).toBe('foreign');
    ownership.onTopology(topologyOf(5, [users]));
    expect(ownership.standing(2, 'a', 9)).toBeTypeOf('number');
    expect(ownership.standing(3, 'a', 6)).toBe('foreign');
    expect(ownership.standing(3, 'a', 5)).toBe('no-such-keyspace');
    expect(ownership.standing(3, 'a')).toBe('no-such-keyspace');
    ownership.onTopology(topologyOf(6));
    expect(ownership.standing(2, 'a', 6)).toBe('no-such-keyspace');
    expect(ownership.standing(2, 'a', 7)).toBe('foreign');
  });

  test('is answered with wrong-shard and no map, or as missing', async () => {
    const bed = await open();
    const ownership = new Ownership();
    ownership.onShard('s1');
    ownership.onTopology(topologyOf(5));
    const runner = bed.runner(ownership);
    const outcomes = [6, 5].map((revision) => {
      const sink = new RecordingSink();
      runner.run(put('a', '1', { keyspace: 2 }), { sink, batch: batchOf({ revision }) });
      sink.flush();
      return sink.of(0);
    });
    expect(outcomes).toMatchObject([
      { kind: 'wrong-shard', topology: undefined },
      { kind: 'invalid', cause: 'no-such-keyspace' },
    ]);
  });
});
