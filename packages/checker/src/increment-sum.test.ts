import { expect, test } from 'vitest';
import { checkIncrementSums } from './increment-sum.ts';
import { increment, put, type SampleOperation, sampleHistory, summed, written } from './testing/sample-history.ts';

const faultsOf = (sum: string | undefined, samples: readonly SampleOperation[], losses = noLosses) =>
  checkIncrementSums(
    sampleHistory(samples),
    new Map([['k', sum === undefined ? undefined : { value: sum, version: 9 }]]),
    { losses },
  ).findings.map(({ message }) => message);

const noLosses = [{ writes: [{ key: 'k', value: '', version: 0 }], fromMs: 0, toMs: undefined }].slice(1);
const two: SampleOperation = { call: increment(2), at: [0, 1], answer: summed(2, 1) };
const three: SampleOperation = { call: increment(3), at: [2, 3], answer: summed(5, 2) };
const unknown = (by: number): SampleOperation => ({ call: increment(by), at: [4, 5], answer: 'unknown' });

test('the sum is that of the acknowledged increments and of some of the unknown ones', () => {
  expect(faultsOf('5', [two, three])).toEqual([]);
  for (const sum of ['5', '9', '15', '19']) expect(faultsOf(sum, [two, three, unknown(4), unknown(10)])).toEqual([]);
  expect(faultsOf(undefined, [unknown(1)])).toEqual([]);
});

test('a sum that is too small has lost an increment, one that is too large has one twice', () => {
  expect(faultsOf('3', [two, three])).toEqual(['the sum is 3, acknowledged increments make 5, and none is unknown']);
  expect(faultsOf('7', [two, three])).toHaveLength(1);
  expect(faultsOf('13', [two, three, unknown(4)])).toHaveLength(1);
  expect(faultsOf(undefined, [two])).toHaveLength(1);
  expect(faultsOf('five', [two, three])).toHaveLength(1);
});

test('no two callers are told the same sum', () => {
  const twin: SampleOperation = { ...two, answer: summed(2, 2) };
  expect(faultsOf('4', [two, twin])).toEqual([expect.stringMatching(/#1 and #2 were both told the sum 2/)]);
});

test('an increment that is on record as lost does not count', () => {
  const losses = [{ writes: [{ key: 'k', value: '5', version: 2 }], fromMs: 0, toMs: undefined }];
  expect(faultsOf('2', [two, three], losses)).toEqual([]);
});

test('keys with other writes are left alone', () => {
  expect(faultsOf('100', [two, { call: put('98'), at: [2, 3], answer: written(2) }])).toEqual([]);
});
