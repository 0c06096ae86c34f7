import { describe, expect, test } from 'vitest';
import { checkSessions, type SessionOrderOptions } from './session-order.ts';
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

const faultsOf = (samples: readonly SampleOperation[], options?: SessionOrderOptions) =>
  checkSessions(sampleHistory(samples.map((one) => ({ session: 'me', ...one }))), options).findings.map(
    ({ message }) => message,
  );

const wrote: SampleOperation = { call: put('b'), at: [0, 1], answer: written(2) };
const old = { call: get, answer: found('a', 1), consistency: 'session' } as const;

describe('a session', () => {
  test('may read what it wrote, and newer', () => {
    const newer: SampleOperation = { call: get, at: [2, 3], answer: found('c', 3), consistency: 'session' };
    expect(faultsOf([wrote, newer])).toEqual([]);
  });

  test('never reads older than it wrote', () => {
    expect(faultsOf([wrote, { ...old, at: [2, 3] }])).toEqual([expect.stringMatching(/#2 read version 1 after #1/)]);
  });

  test('never reads older than it read, at whatever level that was', () => {
    const seen: SampleOperation = { call: get, at: [0, 1], answer: found('b', 2), consistency: 'eventual' };
    expect(faultsOf([seen, { ...old, at: [2, 3] }])).toHaveLength(1);
  });

  test('never writes below what it wrote, or read', () => {
    const rewrites = (version: number): SampleOperation => ({ call: put('c'), at: [2, 3], answer: written(version) });
    const seen: SampleOperation = { call: get, at: [0, 1], answer: found('b', 2), consistency: 'eventual' };
    expect(faultsOf([wrote, rewrites(3)])).toEqual([]);
    expect(faultsOf([wrote, rewrites(1)])).toEqual([expect.stringMatching(/#2 wrote version 1 after #1 .* version 2/)]);
    expect(faultsOf([seen, rewrites(2)])).toHaveLength(1);
    expect(faultsOf([seen, { ...rewrites(1), session: 'you' }])).toEqual([]);
    expect(faultsOf([wrote, { ...rewrites(1), at: [0.5, 3] }])).toEqual([]);
    const losses = [{ writes: [{ key: 'k', value: 'b', version: 2 }], fromMs: 1, toMs: 2 }];
    expect(faultsOf([wrote, rewrites(1)], { losses })).toEqual([]);
  });

  test('promises nothing to reads that did not ask for it, to others, and to calls at the same time', () => {
    expect(faultsOf([wrote, { ...old, at: [2, 3], consistency: 'eventual' }])).toEqual([]);
    expect(faultsOf([wrote, { ...old, at: [2, 3], session: 'you' }])).toEqual([]);
    expect(faultsOf([wrote, { ...old, at: [0.5, 3] }])).toEqual([]);
  });

  test('finds no record only where somebody may have removed it', () => {
    const gone: SampleOperation = { call: get, at: [6, 7], answer: absent, consistency: 'session' };
    const removal: SampleOperation = { call: remove, at: [2, 3], answer: removed(5), session: 'you' };
    expect(faultsOf([wrote, gone])).toEqual([expect.stringMatching(/read no record/)]);
    expect(faultsOf([wrote, removal, gone])).toEqual([]);
    expect(faultsOf([wrote, { ...removal, answer: 'unknown' }, gone])).toEqual([]);
    expect(faultsOf([wrote, { ...removal, answer: 'failed' }, gone])).toHaveLength(1);
    expect(faultsOf([wrote, { ...removal, at: [8, 9] }, gone])).toHaveLength(1);
    expect(faultsOf([wrote, { ...removal, answer: removed(1) }, gone])).toHaveLength(1);
  });

  test('does not see a removed record again', () => {
    const removal: SampleOperation = { call: remove, at: [2, 3], answer: removed(5) };
    expect(faultsOf([wrote, removal, { ...old, at: [6, 7], answer: found('b', 2) }])).toHaveLength(1);
    // It saw that there was none; so it knows of the removal, whoever made it.
    const gone: SampleOperation = { call: get, at: [4, 5], answer: absent, consistency: 'session' };
    const theirs = { ...removal, session: 'you' };
    expect(faultsOf([wrote, theirs, gone, { ...old, at: [6, 7], answer: found('b', 2) }])).toHaveLength(1);
  });

  test('knows of no removal from a read that may be older than what it knows', () => {
    // Somebody's removal was called before the read, and was carried out after the session's next write.
    const theirs: SampleOperation = { call: remove, at: [2, 9], answer: removed(5), session: 'you' };
    const rewrites: SampleOperation = { call: put('c'), at: [6, 7], answer: written(4) };
    const gone = { call: get, at: [4, 5], answer: absent } as const;
    for (const consistency of ['eventual', 'bounded'] as const) {
      expect(faultsOf([wrote, theirs, { ...gone, consistency }, rewrites])).toEqual([]);
    }
    for (const consistency of ['session', 'strong'] as const) {
      const message = /wrote version 4 after #3 had told it of a removal of version 5/;
      expect(faultsOf([wrote, theirs, { ...gone, consistency }, rewrites])).toEqual([expect.stringMatching(message)]);
    }
  });

  test('may go back to before a write that is on record as lost', () => {
    const losses = [{ writes: [{ key: 'k', value: 'b', version: 2 }], fromMs: 1, toMs: 2 }];
    expect(faultsOf([wrote, { ...old, at: [2, 3] }], { losses })).toEqual([]);
  });

  test('is answered by replicas that have come as far as it has', () => {
    const first: SampleOperation = { call: put('b'), at: [0, 1], answer: written(2), place: [2, 10, 'primary'] };
    const read = (epoch: number, position: number): SampleOperation => ({
      key: 'other',
      call: get,
      at: [2, 3],
      answer: found('x', 1),
      consistency: 'session',
      place: [epoch, position],
    });
    expect(faultsOf([first, read(2, 10)])).toEqual([]);
    expect(faultsOf([first, read(3, 4)])).toEqual([]);
    expect(faultsOf([first, read(2, 9)])).toEqual([expect.stringMatching(/epoch 2, position 9 after #1/)]);
    expect(faultsOf([first, read(1, 99)])).toHaveLength(1);
  });
});
