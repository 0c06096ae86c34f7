import type { Topology } from '@edis/core';
import { expect, test } from 'vitest';
import { outageAdvice, promoteAdvice, stuckShards, thinShards } from './group-advice.ts';
import { sampleTopology } from './testing/sample-cluster.ts';

/** s1 of w (the primary), a and b, which vote, and a learner l; s2 of x alone. */
function clusterWith(...down: readonly string[]): Topology {
  const member = (node: string, role: 'primary' | 'replica' | 'learner') =>
    ({ node, store: `store-${node}`, role, alive: !down.includes(node), endpoints: [], host: '', pid: 0 }) as const;
  const shard = (name: string, members: readonly ReturnType<typeof member>[]) => ({
    shard: name,
    epoch: 4,
    primary: members[0]?.store ?? '',
    configuredSize: members.filter(({ role }) => role !== 'learner').length,
    members,
    voters: members.filter(({ role }) => role !== 'learner').map(({ store }) => store),
  });
  const s1 = [member('w', 'primary'), member('a', 'replica'), member('b', 'replica'), member('l', 'learner')];
  return { ...sampleTopology, shards: [shard('s1', s1), shard('s2', [member('x', 'primary')])] };
}

test.each([
  [[], []],
  // The two that are left promote one of them by themselves.
  [['w'], []],
  [['a', 'b'], []],
  [['w', 'a'], ['s1 takes no writes: start w, a again; if lost for good, `edis promote --unsafe s1` goes on without']],
  [['w', 'a', 'b', 'l'], ['s1 takes no writes: start w, a, b again']],
  [['x'], ['s2 takes no writes: start x again']],
])('a shard that cannot go on by itself is told with what to do: %j down', (down, lines) => {
  expect(stuckShards(clusterWith(...down))).toEqual(lines);
});

test.each([
  ['s9', undefined, [], 'the shards are s1, s2'],
  ['s1', 'nobody', [], 'the members of s1 are w, a, b, l'],
  ['s1', 'x', [], 'it is of s2; the members of s1 are w, a, b, l'],
  ['s1', 'l', [], 'wait until `edis topology` shows that it votes'],
  ['s1', 'a', ['a'], 'start a again, or name another one'],
  ['s1', undefined, ['a', 'b'], 'start one of these again: a, b'],
  ['s2', undefined, [], 'its primary alone votes; `edis topology` shows the others'],
  ['s1', 'a', [], undefined],
  ['s1', undefined, ['a'], undefined],
])('a promotion of %s to %s that was refused with %j down', (shard, node, down, advice) => {
  expect(promoteAdvice(clusterWith(...down), shard, node)).toBe(advice);
});

test('shards are named in the order of their numbers, whichever came first', () => {
  const { shards } = clusterWith();
  expect(promoteAdvice({ ...sampleTopology, shards: shards.toReversed() }, 's9', undefined)).toBe(
    'the shards are s1, s2',
  );
});

test('a shard with too few members for quorum writes says so, and what to do about the one that is missing', () => {
  const whole = clusterWith('b');
  const [s1] = whole.shards;
  if (s1 === undefined) throw new Error('there is no s1');
  const voters = ['store-w'];
  const thin = { ...whole, shards: [{ ...s1, voters, configuredSize: 3 }] };
  expect(thinShards(whole)).toEqual([]);
  const lines = thinShards(thin);
  expect(lines).toEqual([expect.stringMatching(/^s1 is meant to have 3 members and has 1: no quorum writes; start b/)]);
  expect(lines[0]).toMatch(/if it never comes back, start info with --forget b$/);
});

test('a call that nobody answered names who is down, and nothing when nobody is', () => {
  expect(outageAdvice(clusterWith())).toBeUndefined();
  expect(outageAdvice(clusterWith('a'))).toBe('down: a; `edis topology` says what is waited for');
  expect(outageAdvice(clusterWith('x'))).toBe('s2 takes no writes: start x again');
});
