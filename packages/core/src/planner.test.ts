import { describe, expect, test } from 'vitest';
import { nextShardName, planFormation, planReadShard, shardNumber } from './planner.ts';
import type { Member, MemberRole, Shard } from './topology.ts';

function member(store: string, role: MemberRole, alive = true): Member {
  return { node: store, store, role, alive, endpoints: [{ network: '', address: 'a:1' }], host: '', pid: 0 };
}

function shard(name: string, ...replicas: readonly Member[]): Shard {
  const members = [member(`${name}-primary`, 'primary'), ...replicas];
  return { shard: name, epoch: 1, primary: `${name}-primary`, configuredSize: members.length, members, voters: [] };
}

describe('forming the cluster', () => {
  test('three shards get contiguous ranges of nearly equal size that cover all slots', () => {
    expect(planFormation(['s3', 's1', 's2'], 16_384)).toEqual([
      { from: 0, to: 5460, shard: 's1' },
      { from: 5461, to: 10_921, shard: 's2' },
      { from: 10_922, to: 16_383, shard: 's3' },
    ]);
  });

  test('any number of shards differs by at most one slot', () => {
    for (const count of [1, 2, 5, 7, 100, 1000]) {
      const ranges = planFormation(
        Array.from({ length: count }, (_, index) => `s${index + 1}`),
        16_384,
      );
      const sizes = ranges.map((range) => range.to - range.from + 1);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(16_384);
    }
  });

  test('shards are ordered by number, not by text', () => {
    const ranges = planFormation(['s10', 's2', 's1'], 30);
    expect(ranges.map((range) => range.shard)).toEqual(['s1', 's2', 's10']);
  });
});

describe('placing a read shard', () => {
  test('the shard with the fewest replicas gets it, and of equals the lowest number', () => {
    const [r1, r2] = [member('r1', 'replica'), member('r2', 'learner')];
    expect(planReadShard({ shards: [shard('s2'), shard('s10'), shard('s1', r1)] })).toBe('s2');
    expect(planReadShard({ shards: [shard('s2', r2), shard('s1', r1)] })).toBe('s1');
  });

  test('a dead replica counts less than a living one', () => {
    const dead = member('r1', 'replica', false);
    expect(planReadShard({ shards: [shard('s1', dead), shard('s2', member('r2', 'replica'))] })).toBe('s1');
    expect(planReadShard({ shards: [shard('s1', dead), shard('s2')] })).toBe('s2');
  });

  test('without shards there is no place', () => {
    expect(planReadShard({ shards: [] })).toBeUndefined();
  });
});

test('a new shard gets the lowest free number', () => {
  expect(nextShardName([])).toBe('s1');
  expect(nextShardName([{ shard: 's1' }, { shard: 's3' }])).toBe('s2');
  expect(nextShardName(Array.from({ length: 1024 }, (_, index) => ({ shard: `s${index + 1}` })))).toBeUndefined();
});

test('only s1 to s1024 are names of shards', () => {
  expect(shardNumber('s1024')).toBe(1024);
  for (const name of ['', 's', 's0', 's01', 's1025', 'S1', 'x1', 's1 ']) expect(shardNumber(name)).toBeUndefined();
});
