import { expect, test } from 'vitest';
import { leastMembersFor, quorumOf } from './quorum.ts';

const sizes = [1, 2, 3, 4, 5, 6, 7];

test('a quorum is more than half of the members', () => {
  expect(sizes.map(quorumOf)).toEqual([1, 2, 2, 3, 3, 4, 4]);
});

test('the least members that can be a quorum of the full size are those whose own quorum is as large', () => {
  expect(sizes.map(leastMembersFor)).toEqual([1, 2, 2, 4, 4, 6, 6]);
  for (const size of sizes) {
    const enough = sizes.filter((members) => quorumOf(members) >= quorumOf(size));
    expect(leastMembersFor(size)).toBe(Math.min(...enough));
  }
});
