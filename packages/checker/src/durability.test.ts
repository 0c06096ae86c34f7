import { describe, expect, test } from 'vitest';
import { checkDurability, type DurabilityOptions, type FinalRecord } from './durability.ts';
import { put, remove, removed, type SampleOperation, sampleHistory, written } from './testing/sample-history.ts';

const faultsOf = (
  final: FinalRecord | undefined,
  samples: readonly SampleOperation[],
  options?: DurabilityOptions,
): string[] =>
  checkDurability(sampleHistory(samples), new Map([['k', final]]), options).findings.map(({ message }) => message);

const quorum: SampleOperation = { call: put('a'), at: [0, 1], answer: written(1), ack: 'quorum' };
const disk: SampleOperation = { call: put('b'), at: [2, 3], answer: written(2), ack: 'disk' };
const removal: SampleOperation = { call: remove, at: [4, 5], answer: removed(3), ack: 'quorum' };
const losses = [{ writes: [{ key: 'k', value: 'b', version: 2 }], fromMs: 0, toMs: undefined }];

describe('an acknowledged write', () => {
  test('is there at the end, or replaced, or removed', () => {
    expect(faultsOf({ value: 'a', version: 1 }, [quorum])).toEqual([]);
    expect(faultsOf({ value: 'b', version: 2 }, [quorum, disk])).toEqual([]);
    expect(faultsOf(undefined, [quorum, disk, removal])).toEqual([]);
    expect(faultsOf(undefined, [quorum, { ...removal, answer: 'unknown' }])).toEqual([]);
    expect(faultsOf({ value: 'b', version: 2 }, [quorum, { ...disk, answer: 'unknown' }])).toEqual([]);
  });

  test('is found missing', () => {
    expect(faultsOf(undefined, [quorum])).toEqual([expect.stringMatching(/no record, though nobody removed it/)]);
    expect(faultsOf({ value: 'a', version: 1 }, [quorum, disk])).toEqual([
      expect.stringMatching(/#2 was acknowledged \(disk\) with version 2, and the record at the end is version 1/),
    ]);
    expect(faultsOf(undefined, [quorum, { ...removal, answer: 'failed' }])).toHaveLength(1);
  });

  test('of disk may stand in a receipt, one of quorum may not', () => {
    expect(faultsOf({ value: 'a', version: 1 }, [quorum, disk], { losses })).toEqual([]);
    const lost: SampleOperation = { ...disk, ack: 'quorum' };
    const inReceipt = expect.stringMatching(/#2 was acknowledged \(quorum\) with version 2, and stands in a receipt/);
    expect(faultsOf({ value: 'a', version: 1 }, [quorum, lost], { losses })).toContainEqual(inReceipt);
    const newer: SampleOperation = { call: put('c'), at: [4, 5], answer: written(3), ack: 'disk' };
    expect(faultsOf({ value: 'c', version: 3 }, [quorum, lost, newer], { losses })).toEqual([inReceipt]);
  });

  test('of memory is not held to, unless that is asked for', () => {
    const memory: SampleOperation = { ...disk, ack: 'memory' };
    expect(faultsOf({ value: 'a', version: 1 }, [quorum, memory])).toEqual([]);
    expect(faultsOf({ value: 'a', version: 1 }, [quorum, memory], { acks: ['memory'] })).toHaveLength(1);
  });
});

describe('the record at the end', () => {
  test('is not one that was removed', () => {
    expect(faultsOf({ value: 'a', version: 1 }, [quorum, removal])).toEqual([
      expect.stringMatching(/the record that it removed is back/),
    ]);
  });

  test('is none of a write that failed, and none that nobody wrote', () => {
    const failed: SampleOperation = { ...disk, answer: 'failed' };
    expect(faultsOf({ value: 'b', version: 9 }, [quorum, failed])).toEqual([
      expect.stringMatching(/which #2 was told it had not written/),
    ]);
    expect(faultsOf({ value: 'x', version: 9 }, [quorum])).toEqual([expect.stringMatching(/which nobody wrote/)]);
    expect(faultsOf({ value: 'x', version: 1 }, [quorum])).toEqual([expect.stringMatching(/but #1 wrote "a"/)]);
  });
});

test('keys that nobody read at the end are not judged', () => {
  expect(checkDurability(sampleHistory([quorum]), new Map()).writeCount).toBe(0);
});
