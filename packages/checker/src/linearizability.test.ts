import { describe, expect, test } from 'vitest';
import { checkLinearizability, type LinearizabilityOptions } from './linearizability.ts';
import {
  absent,
  append,
  found,
  get,
  increment,
  put,
  putIfAbsent,
  putIfVersion,
  refused,
  remove,
  removed,
  type SampleOperation,
  sampleHistory,
  summed,
  written,
} from './testing/sample-history.ts';

const faultsOf = (samples: readonly SampleOperation[], options?: LinearizabilityOptions) =>
  checkLinearizability(sampleHistory(samples), options).findings.map(({ message }) => message);

describe('these hold', () => {
  test.each<[string, SampleOperation[]]>([
    ['no operation at all', []],
    [
      'a read beside a write sees the old or the new record',
      [
        { call: put('a'), at: [0, 1], answer: written(1) },
        { call: put('b'), at: [2, 9], answer: written(2) },
        { call: get, at: [3, 4], answer: found('a', 1) },
        { call: get, at: [3, 5], answer: found('b', 2) },
        { call: get, at: [4.5, 6], answer: found('b', 2) },
      ],
    ],
    [
      'a write of unknown outcome takes effect long after its caller gave up',
      [
        { call: put('a'), at: [0, 1], answer: written(1) },
        { call: put('b'), at: [2, 3], answer: 'unknown' },
        { call: get, at: [4, 5], answer: found('a', 1) },
        { call: get, at: [6, 7], answer: found('b', 2) },
      ],
    ],
    [
      'a write of unknown outcome never takes effect',
      [
        { call: put('a'), at: [0, 1], answer: 'unknown' },
        { call: get, at: [2, 3], answer: absent },
      ],
    ],
    [
      'a write that failed had no effect',
      [
        { call: put('a'), at: [0, 1], answer: 'failed' },
        { call: get, at: [2, 3], answer: absent },
      ],
    ],
    [
      'conditions meet what is there',
      [
        { call: putIfAbsent('a'), at: [0, 5], answer: written(1) },
        { call: putIfAbsent('b'), at: [0, 5], answer: refused(1) },
        { call: putIfVersion('c', 1), at: [6, 7], answer: written(2) },
        { call: putIfVersion('d', 1), at: [8, 9], answer: refused(2) },
        { call: remove, at: [10, 11], answer: removed(3) },
        { call: putIfVersion('e', 3), at: [12, 13], answer: refused() },
      ],
    ],
    [
      'an unknown increment is counted by a later one',
      [
        { call: increment(2), at: [0, 1], answer: 'unknown' },
        { call: increment(1), at: [2, 3], answer: summed(3, 7) },
        { call: append('0'), at: [4, 5], answer: { kind: 'appended', length: 2, version: 8 } },
        { call: get, at: [6, 7], answer: found('30', 8) },
      ],
    ],
    [
      'old reads that are not strong are no matter here',
      [
        { call: put('a'), at: [0, 1], answer: written(1) },
        { call: get, at: [2, 3], answer: absent, consistency: 'eventual' },
        { call: get, at: [2, 3], answer: absent, consistency: 'session' },
      ],
    ],
  ])('%s', (_, samples) => {
    expect(faultsOf(samples)).toEqual([]);
  });
});

describe('these are found', () => {
  test.each<[string, SampleOperation[], RegExp]>([
    [
      'a stale read',
      [
        { call: put('a'), at: [0, 1], answer: written(1) },
        { call: put('b'), at: [2, 3], answer: written(2) },
        { call: get, at: [4, 5], answer: found('a', 1) },
      ],
      /#3 read "a" \(version 1\) of #1, which #2 had replaced before$/,
    ],
    [
      'a write that is lost after it was acknowledged',
      [
        { call: put('a'), at: [0, 1], answer: written(1) },
        { call: get, at: [2, 3], answer: absent },
      ],
      /#2 read no record, although #1 had written one before and nobody removed it/,
    ],
    [
      'a lost update: two increments on the same sum',
      [
        { call: increment(1), at: [0, 5], answer: summed(1, 1) },
        { call: increment(1), at: [0, 5], answer: summed(1, 2) },
      ],
      /both told the sum 1/,
    ],
    [
      'a lost update: two conditional writes over the same version',
      [
        { call: put('a'), at: [0, 1], answer: written(1) },
        { call: putIfVersion('b', 1), at: [2, 5], answer: written(2) },
        { call: putIfVersion('c', 1), at: [2, 5], answer: written(3) },
      ],
      /fits into no order/,
    ],
    [
      'a dirty read of a write that failed',
      [
        { call: put('a'), at: [0, 1], answer: 'failed' },
        { call: get, at: [2, 3], answer: found('a', 1) },
      ],
      /#2 read "a" \(version 1\), which #1 was told it had not written/,
    ],
    [
      'a read of what nobody wrote',
      [{ call: get, at: [2, 3], answer: found('x', 1) }],
      /which no operation can have written/,
    ],
    [
      'a read of what is written only afterwards',
      [
        { call: get, at: [0, 1], answer: found('a', 1) },
        { call: put('a'), at: [2, 3], answer: written(1) },
      ],
      /#1 read version 1 before #2 wrote 1/,
    ],
    [
      'a resurrected delete',
      [
        { call: put('a'), at: [0, 1], answer: written(1) },
        { call: remove, at: [2, 3], answer: removed(2) },
        { call: get, at: [4, 5], answer: found('a', 1) },
      ],
      /#3 read "a" \(version 1\) of #1, which #2 had removed before$/,
    ],
    [
      'two reads that see two writes in different orders',
      [
        { call: put('a'), at: [0, 9], answer: written() },
        { call: put('b'), at: [0, 9], answer: written() },
        { call: get, at: [1, 2], answer: found('a') },
        { call: get, at: [3, 4], answer: found('b') },
        { call: get, at: [5, 6], answer: found('a') },
      ],
      /#5 read "a"/,
    ],
    [
      'a write of unknown outcome that takes effect twice',
      [
        { call: increment(1), at: [0, 1], answer: 'unknown' },
        { call: get, at: [2, 3], answer: found('1', 1) },
        { call: get, at: [4, 5], answer: found('2', 2) },
      ],
      /#3 read "2" \(version 2\)/,
    ],
    [
      'a retry that is carried out twice though it was answered',
      [
        { call: increment(1), at: [0, 1], answer: summed(1, 1) },
        { call: get, at: [2, 3], answer: found('2', 2) },
      ],
      /#2 read "2" \(version 2\)/,
    ],
    [
      'a retry that replaces what came after its first try',
      [
        { call: put('a'), at: [0, 1], answer: written(1) },
        { call: put('b'), at: [2, 3], answer: written(2) },
        { call: get, at: [4, 5], answer: found('a', 3) },
      ],
      /#3 read "a" \(version 3\)/,
    ],
    [
      'a write of unknown outcome that is read again under another version',
      [
        { call: put('a'), at: [0, 1], answer: 'unknown' },
        { call: get, at: [2, 3], answer: found('a', 1) },
        { call: get, at: [4, 5], answer: found('a', 2) },
      ],
      /#3 read "a" \(version 2\)/,
    ],
    [
      'a write of unknown outcome that was read, and is read again after it was replaced',
      [
        { call: put('a'), at: [0, 1], answer: 'unknown' },
        { call: get, at: [2, 3], answer: found('a', 1) },
        { call: put('b'), at: [4, 5], answer: written(2) },
        { call: get, at: [6, 7], answer: found('a', 1) },
      ],
      /#4 read "a" \(version 1\)/,
    ],
    [
      'a removal that did not happen',
      [
        { call: put('a'), at: [0, 1], answer: written(1) },
        { call: remove, at: [2, 3], answer: removed(2) },
        { call: putIfAbsent('b'), at: [4, 5], answer: refused(1) },
      ],
      /#3 fits into no order/,
    ],
    [
      'a write of unknown outcome that comes back after it was replaced',
      [
        { call: put('a'), at: [0, 1], answer: 'unknown' },
        { call: get, at: [2, 3], answer: found('a', 1) },
        { call: put('b'), at: [4, 5], answer: written(2) },
        { call: get, at: [6, 7], answer: found('a', 3) },
      ],
      /#4 read "a" \(version 3\)/,
    ],
    [
      'two callers who both made a record that was not there',
      [
        { call: putIfAbsent('a'), at: [0, 9], answer: written(1) },
        { call: putIfAbsent('b'), at: [0, 9], answer: written(2) },
      ],
      /fits into no order/,
    ],
    [
      'a version that is not above an earlier one',
      [
        { call: put('a'), at: [0, 1], answer: written(5) },
        { call: put('b'), at: [2, 3], answer: written(4) },
      ],
      /#2 got version 4, which is not above what #1 was told before/,
    ],
  ])('%s', (_, samples, message) => {
    const faults = faultsOf(samples);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(message);
  });
});

test('what is shown begins at the last quiet moment and has the operations that explain it', () => {
  const quiet: SampleOperation[] = Array.from({ length: 40 }, (_, index) => ({
    call: put(`old ${index}`),
    at: [index, index + 0.5],
    answer: written(index + 1),
  }));
  const [finding] = checkLinearizability(
    sampleHistory([
      ...quiet,
      { call: put('new'), at: [50, 60], answer: written(100) },
      { call: get, at: [61, 70], answer: found('old 7', 8) },
      { call: get, at: [62, 63], answer: found('new', 100) },
      { call: get, at: [80, 81], answer: found('new', 100) },
    ]),
  ).findings;
  expect(finding?.evidence.map(({ id }) => id)).toEqual([8, 41, 42, 43]);
});

test('a search that takes too long is undecided, never held', () => {
  const samples: SampleOperation[] = Array.from({ length: 14 }, (_, index) => ({
    call: put(String(index)),
    at: [0, 100],
    answer: written(),
  }));
  const unread: SampleOperation = { call: get, at: [50, 99], answer: found('x') };
  const verdict = checkLinearizability(sampleHistory([...samples, unread]), { maxStepsPerKey: 100 });
  expect(verdict).toMatchObject({ findings: [], undecided: ['k'] });
});

describe('writes that are on record as lost', () => {
  const samples: SampleOperation[] = [
    { call: put('kept'), at: [0, 1], answer: written(1), ack: 'quorum' },
    { call: put('lost'), at: [2, 3], answer: written(2), ack: 'disk' },
    { call: get, at: [4, 5], answer: found('lost', 2) },
    { call: get, at: [20, 21], answer: found('kept', 1) },
    { call: put('new'), at: [22, 23], answer: written(30) },
    { call: get, at: [24, 25], answer: found('new', 30) },
  ];
  const loss = { writes: [{ key: 'k', value: 'lost', version: 2 }], fromMs: 10, toMs: 15 };

  test('may be seen before the change of epoch and must be gone after it', () => {
    expect(faultsOf(samples)).toHaveLength(1);
    expect(faultsOf(samples, { losses: [loss] })).toEqual([]);
    const back: SampleOperation = { call: get, at: [16, 17], answer: found('lost', 2) };
    expect(faultsOf([...samples, back], { losses: [loss] })).toHaveLength(1);
  });

  test('vanish when that happened, not earlier', () => {
    expect(faultsOf(samples, { losses: [{ ...loss, fromMs: 22.5, toMs: 30 }] })).toHaveLength(1);
    expect(faultsOf(samples, { losses: [{ ...loss, fromMs: 0, toMs: undefined }] })).toEqual([]);
  });

  test('take nothing with them that is not on record', () => {
    const other = { ...loss, writes: [{ key: 'other', value: 'lost', version: 2 }] };
    expect(faultsOf(samples, { losses: [other] })).toHaveLength(1);
    // What comes behind a lost write in the same log cannot have survived it.
    const between: SampleOperation = { call: put('behind'), at: [6, 7], answer: written(3), ack: 'quorum' };
    expect(faultsOf([...samples, between], { losses: [loss] })).toHaveLength(1);
  });

  test('are cut from a log several times, each time further down', () => {
    const twice: SampleOperation[] = [
      { call: put('kept'), at: [0, 1], answer: written(1), ack: 'quorum' },
      { call: put('lower'), at: [2, 3], answer: written(2), ack: 'disk' },
      { call: put('upper'), at: [4, 5], answer: written(3), ack: 'disk' },
      { call: get, at: [11, 12], answer: found('lower', 2) },
      { call: get, at: [21, 22], answer: found('kept', 1) },
    ];
    const write = (value: string, version: number) => ({ key: 'k', value, version });
    const losses = [
      { writes: [write('upper', 3)], fromMs: 6, toMs: 10 },
      { writes: [write('lower', 2)], fromMs: 13, toMs: 20 },
    ];
    expect(faultsOf(twice, { losses })).toEqual([]);
    // A member that was away the whole time discards both at once, and says so much later.
    const late = { writes: [write('lower', 2), write('upper', 3)], fromMs: 0, toMs: undefined };
    expect(faultsOf(twice, { losses: [...losses, late] })).toEqual([]);
    expect(faultsOf(twice, { losses: losses.slice(1) })).toHaveLength(1);
    expect(faultsOf(twice, { losses: losses.slice(0, 1) })).toHaveLength(1);
  });

  test('may be done anew when their caller never heard of them', () => {
    const repeated: SampleOperation[] = [
      { call: put('a'), at: [0, 30], answer: written(9) },
      { call: get, at: [2, 3], answer: found('a', 2) },
      { call: get, at: [20, 21], answer: absent },
      { call: get, at: [31, 32], answer: found('a', 9) },
    ];
    expect(faultsOf(repeated)).toHaveLength(1);
    expect(faultsOf(repeated, { losses: [{ ...loss, writes: [{ key: 'k', value: 'a', version: 2 }] }] })).toEqual([]);
  });
});
