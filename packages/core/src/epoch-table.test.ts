import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EpochTable } from './epoch-table.ts';

function tableOf(epochs: readonly number[]): EpochTable {
  const table = new EpochTable();
  for (const [index, epoch] of epochs.entries()) table.append(epoch, index + 1);
  return table;
}

describe('the epoch table', () => {
  test('tells the epoch of each position', () => {
    const table = tableOf([1, 1, 3, 3, 4]);
    expect([1, 2, 3, 4, 5].map((position) => table.epochAt(position))).toEqual([1, 1, 3, 3, 4]);
    expect(table.epochAt(0)).toBeUndefined();
    expect(table.starts).toHaveLength(3);
  });

  test('an epoch that falls is a broken invariant', () => {
    expect(() => tableOf([2, 1])).toThrow(/epochs rise/);
  });

  test('forgets the epochs of a log that is cut', () => {
    const table = tableOf([1, 1, 3, 3, 4]);
    table.truncateAfter(2);
    expect(table.starts).toEqual([{ epoch: 1, firstPosition: 1 }]);
    table.append(5, 3);
    expect(table.lastEpoch).toBe(5);
  });

  test('a follower whose log is a beginning of this one goes on after it', () => {
    const table = tableOf([1, 1, 3, 3]);
    expect(table.match({ epoch: 0, position: 0 }, 4)).toEqual({ kind: 'continue', fromPosition: 1 });
    expect(table.match({ epoch: 1, position: 2 }, 4)).toEqual({ kind: 'continue', fromPosition: 3 });
    expect(table.match({ epoch: 3, position: 4 }, 4)).toEqual({ kind: 'continue', fromPosition: 5 });
  });

  test('a follower with other entries has diverged', () => {
    const table = tableOf([1, 1, 3, 3]);
    expect(table.match({ epoch: 1, position: 5 }, 4)).toEqual({ kind: 'diverged' });
    expect(table.match({ epoch: 2, position: 3 }, 4)).toEqual({ kind: 'diverged' });
    expect(table.match({ epoch: 3, position: 9 }, 4)).toEqual({ kind: 'diverged' });
  });

  test('two logs agree up to their last common entry, whatever they hold', () => {
    const tail = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 8 });
    const epochsOf = (steps: number[], from: number): number[] => {
      let epoch = from;
      return steps.map((step) => (epoch += step === 1 ? 0 : 2));
    };
    fc.assert(
      fc.property(tail, tail, tail, (common, mine, other) => {
        // Within one epoch one primary writes: the branches use epochs of their own.
        const shared = epochsOf(common, 1);
        const from = shared.at(-1) ?? 1;
        const left = [...shared, ...epochsOf(mine, from).map((epoch) => (epoch === from ? from + 2 : epoch) * 2)];
        const right = [...shared, ...epochsOf(other, from).map((epoch) => (epoch === from ? from + 2 : epoch) * 2 + 1)];
        const agreed = tableOf(left).agreedPositionWith(left.length, tableOf(right), right.length);
        expect(agreed).toBe(shared.length);
      }),
    );
  });
});
