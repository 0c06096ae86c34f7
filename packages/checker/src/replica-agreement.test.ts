import { expect, test } from 'vitest';
import { checkReplicas, type MemberDump } from './replica-agreement.ts';

const dump = (node: string, position: number, rest: Partial<MemberDump> = {}): MemberDump => ({
  shard: 's1',
  node,
  applied: { epoch: 2, position },
  contentHash: 'same',
  ...rest,
});
const log = (...places: readonly (readonly [number, number, string?])[]) =>
  places.map(([epoch, position, hash]) => ({ epoch, position, ...(hash === undefined ? {} : { hash }) }));
const faultsOf = (dumps: readonly MemberDump[], settled = false) =>
  checkReplicas(dumps, settled).map(({ message }) => message);

test('members at the same place hold the same', () => {
  expect(faultsOf([dump('a', 5), dump('b', 5)], true)).toEqual([]);
  expect(faultsOf([dump('a', 5), dump('b', 5, { contentHash: 'other' })])).toEqual([
    'a and b (s1) are both at epoch 2, position 5 and hold different records',
  ]);
  expect(faultsOf([dump('a', 5), dump('b', 5, { contentHash: 'other', shard: 's2' })])).toEqual([]);
});

test('members may be at different places until all is settled', () => {
  const dumps = [dump('a', 5), dump('b', 4, { contentHash: 'other' })];
  expect(faultsOf(dumps)).toEqual([]);
  expect(faultsOf(dumps, true)).toEqual([expect.stringMatching(/end at different places/)]);
});

test('a log that agrees with another at one entry agrees with it at all below', () => {
  const left = dump('a', 3, { log: log([1, 1], [1, 2, 'x'], [2, 3, 'y']) });
  const shorter = dump('b', 2, { log: log([1, 1], [1, 2, 'x']) });
  const diverged = dump('b', 4, { log: log([1, 1], [1, 2, 'x'], [1, 3, 'z'], [1, 4]) });
  expect(faultsOf([left, shorter])).toEqual([]);
  expect(faultsOf([left, diverged])).toEqual([]);
  expect(faultsOf([left, dump('b', 2, { log: log([1, 1], [1, 2, 'other']) })])).toEqual([
    expect.stringMatching(/entries of epoch 1, position 2 differ/),
  ]);
  expect(faultsOf([left, dump('b', 4, { log: log([1, 1], [2, 2], [2, 3, 'y'], [2, 4]) })])).toEqual([
    expect.stringMatching(/position 2 is of epoch 1 here and of epoch 2 there/),
  ]);
});

test('a log has no gaps and its epochs never fall', () => {
  expect(faultsOf([dump('a', 3, { log: log([1, 1], [1, 3]) })])).toHaveLength(1);
  expect(faultsOf([dump('a', 2, { log: log([2, 1], [1, 2]) })])).toHaveLength(1);
});
