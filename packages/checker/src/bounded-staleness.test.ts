import { describe, expect, test } from 'vitest';
import { checkBoundedStaleness } from './bounded-staleness.ts';
import {
  absent,
  found,
  get,
  put,
  remove,
  removed,
  type SampleOperation,
  sampleHistory,
  written,
} from './testing/sample-history.ts';

const faultsOf = (...samples: readonly SampleOperation[]) =>
  checkBoundedStaleness(sampleHistory(samples), { toleranceMs: 10 }).findings.map(({ message }) => message);

const first: SampleOperation = { call: put('a'), at: [0, 1], answer: written(1) };
const second: SampleOperation = { call: put('b'), at: [100, 110], answer: written(2) };
const read = (callMs: number, answer: SampleOperation['answer']): SampleOperation => ({
  call: get,
  at: [callMs, callMs + 5],
  answer,
  consistency: 'bounded',
  maxStalenessMs: 50,
});

describe('a bounded read', () => {
  test('may miss what was acknowledged within its bound and the tolerance', () => {
    expect(faultsOf(first, second, read(169, found('a', 1)))).toEqual([]);
  });

  test('misses nothing that was acknowledged earlier', () => {
    expect(faultsOf(first, second, read(171, found('a', 1)))).toEqual([
      expect.stringMatching(/#3 may be 50 ms old and misses version 2 of #2, .* 61.0 ms before/),
    ]);
    expect(faultsOf(first, second, read(171, found('b', 2)))).toEqual([]);
    expect(faultsOf(first, second, read(171, found('c', 3)))).toEqual([]);
  });

  test('finds no record only where somebody may have removed it', () => {
    const removal: SampleOperation = { call: remove, at: [170, 180], answer: removed(3) };
    expect(faultsOf(first, second, read(171, absent))).toHaveLength(1);
    expect(faultsOf(first, second, removal, read(171, absent))).toEqual([]);
    expect(faultsOf(first, second, removal, read(500, found('b', 2)))).toHaveLength(1);
  });

  test('is not held to writes of unknown outcome', () => {
    expect(faultsOf(first, { ...second, answer: 'unknown' }, read(171, found('a', 1)))).toEqual([]);
  });

  test('is answered by a node that knew itself to be within the bound at some time of the read', () => {
    expect(faultsOf(first, { ...read(20, found('a', 1)), stalenessMs: 65 })).toEqual([]);
    expect(faultsOf(first, { ...read(20, found('a', 1)), stalenessMs: 66 })).toHaveLength(1);
  });
});
