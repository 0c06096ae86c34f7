import { describe, expect, it } from 'vitest';
import { mayLose } from './store-loss.ts';

const nobody: ReadonlySet<string> = new Set();

function group(...members: readonly string[]) {
  return { members, primary: members[0] ?? '', quorum: Math.floor(members.length / 2) + 1 };
}

describe('a group may lose a store', () => {
  it('when it is left with as many as a promotion needs', () => {
    expect(mayLose(group('a', 'b', 'c'), 'b', nobody)).toBe(true);
    expect(mayLose(group('a', 'b', 'c'), 'a', nobody)).toBe(true);
    expect(mayLose(group('a', 'b'), 'b', nobody)).toBe(true);
  });

  it('but not its only one, nor the primary of two, which may just have asked for the removal of the other', () => {
    expect(mayLose(group('a'), 'a', nobody)).toBe(false);
    expect(mayLose(group('a', 'b'), 'a', nobody)).toBe(false);
  });

  it('one after the other only', () => {
    expect(mayLose(group('a', 'b', 'c', 'd', 'e'), 'b', new Set(['c']))).toBe(false);
    expect(mayLose(group('a', 'b', 'c', 'd', 'e'), 'b', new Set(['z']))).toBe(true);
  });

  it('that is a member', () => {
    expect(mayLose(group('a', 'b', 'c'), 'z', nobody)).toBe(false);
  });
});
