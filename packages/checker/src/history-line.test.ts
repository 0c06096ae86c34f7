import { expect, test } from 'vitest';
import { decodeHistory, encodeCall, encodeEnding } from './history-line.ts';
import { found, get, put, sampleHistory } from './testing/sample-history.ts';

const [write, read] = sampleHistory([
  { call: put('a'), at: [0, 1], answer: 'unknown', ack: 'quorum' },
  {
    call: get,
    at: [2, 3],
    answer: found('a', 5),
    consistency: 'bounded',
    maxStalenessMs: 50,
    place: [1, 9],
    stalenessMs: 4,
  },
]);
if (write === undefined || read === undefined) throw new Error('two samples make two operations');
const text = encodeCall(write) + encodeCall(read) + encodeEnding(2, read.ending) + encodeEnding(1, write.ending);

test('lines of operations that overlap are read as they were written', () => {
  expect(decodeHistory(text)).toEqual([write, read]);
});

test('an operation without an ending has an unknown outcome, also where the last line was cut off', () => {
  const [cut] = decodeHistory(text.slice(0, -5));
  expect(cut?.ending).toEqual({ status: 'unknown', returnMs: undefined, code: 'no-answer' });
});

test.each([
  ['no JSON', '{"call":1,\n', /line 1 of a history is not JSON/],
  ['another document', '{"kind":"put"}\n', /line 1 of a history is neither/],
  ['an ending without its call', encodeEnding(7, read.ending), /ends operation 7/],
  ['an operation twice', encodeCall(read) + encodeCall(read), /line 2 of a history calls operation 2 again/],
  ['an unknown kind', encodeCall(read).replace('"get"', '"grab"'), /neither a call nor an ending/],
])('%s is refused', (_, damaged, message) => {
  expect(() => decodeHistory(damaged)).toThrow(message);
});
