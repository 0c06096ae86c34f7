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

  it('besides one that it lost already and that is a member still, if the rest is enough without both', () => {
    expect(mayLose(group('a', 'b', 'c', 'd', 'e'), 'b', new Set(['c']))).toBe(true);
    expect(mayLose(group('a', 'b', 'c', 'd', 'e'), 'a', new Set(['c']))).toBe(true);
    expect(mayLose(group('a', 'b', 'c', 'd', 'e'), 'b', new Set(['c', 'd']))).toBe(false);
    expect(mayLose(group('a', 'b', 'c'), 'b', new Set(['c']))).toBe(false);
  });

  it('but not a second one of four, which may just have asked for the removal of a third', () => {
    expect(mayLose(group('a', 'b', 'c', 'd'), 'b', nobody)).toBe(true);
    expect(mayLose(group('a', 'b', 'c', 'd'), 'b', new Set(['c']))).toBe(false);
  });

  it('whatever was lost and is a member no more', () => {
    expect(mayLose(group('a', 'b', 'c'), 'b', new Set(['x', 'y', 'z']))).toBe(true);
  });

  it('that is a member, and once', () => {
    expect(mayLose(group('a', 'b', 'c'), 'z', nobody)).toBe(false);
    expect(mayLose(group('a', 'b', 'c', 'd', 'e'), 'b', new Set(['b']))).toBe(false);
  });
});
