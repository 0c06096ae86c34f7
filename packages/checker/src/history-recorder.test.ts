import { EdisError } from '@edis/core';
import { expect, test } from 'vitest';
import { HistoryRecorder } from './history-recorder.ts';
import { get, put, written } from './testing/sample-history.ts';

const planned = {
  session: 'a',
  key: 'k',
  call: put('v'),
  ack: undefined,
  consistency: undefined,
  maxStalenessMs: undefined,
};

function newRecorder() {
  let nowMs = 0;
  return new HistoryRecorder({ nowMs: () => (nowMs += 1) });
}

test.each<[string, Error, string]>([
  ['an error that knows of no effect', new EdisError('busy', 'no room'), 'failed'],
  ['an unknown outcome', new EdisError('deadline', 'late', { outcomeUnknown: true }), 'unknown'],
  ['an error of nobody knows what', new TypeError('odd'), 'unknown'],
])('%s of a write stays what it is', async (_, error, status) => {
  const { ending } = await newRecorder().record(planned, () => Promise.reject(error));
  expect(ending.status).toBe(status);
});

test('a read without an answer has had no effect', async () => {
  const error = new EdisError('deadline', 'late');
  const { ending } = await newRecorder().record({ ...planned, call: get }, () => Promise.reject(error));
  expect(ending.status).toBe('failed');
});

test('what has not ended when the history is taken is unknown, and an answer has its times', async () => {
  const recorder = newRecorder();
  let answer: (() => void) | undefined;
  const pending = recorder.record(planned, async () => {
    await new Promise<void>((resolve) => {
      answer = resolve;
    });
    return { answer: written(1), place: undefined };
  });
  expect(recorder.history().map(({ ending }) => ending.status)).toEqual(['unknown']);
  answer?.();
  expect(await pending).toMatchObject({ id: 1, callMs: 1, ending: { status: 'ok', returnMs: 2 } });
  expect(recorder.history()).toHaveLength(1);
});
