import { expect, test } from 'vitest';
import { parseReceipt } from './receipt-line.ts';

const line =
  '{"kind":"put","keyspace":2,"key":"k","value":"v","version":77,"epoch":3,"position":12,"client":"0a","sequence":4}\n';
const removal = '{"kind":"delete","keyspace":2,"key":{"base64":"/w=="},"version":78,"epoch":3,"position":13}\n';

test('each line is a write that is gone', () => {
  expect(parseReceipt(line + removal)).toEqual([
    { keyspace: 2, key: 'k', value: 'v', version: 77, epoch: 3, position: 12 },
    { keyspace: 2, key: 'ÿ', value: undefined, version: 78, epoch: 3, position: 13 },
  ]);
});

test('a last line that was cut off is left out', () => {
  expect(parseReceipt(line + removal.slice(0, 20))).toHaveLength(1);
});

test.each([
  ['{"kind":\n', /line 1 of a receipt is not JSON/],
  ['[]\n', /is no object/],
  [line.replace('"version":77', '"version":"77"'), /lacks a number/],
  [line.replace('"value":"v",', ''), /lacks its key or value/],
])('%s is refused', (text, message) => {
  expect(() => parseReceipt(text)).toThrow(message);
});
