import { expect, test } from 'vitest';
import { LineSplitter } from './line-splitter.ts';

function split(chunks: readonly Uint8Array[]): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return lines;
}

test('lines are the same wherever the bytes are cut', () => {
  const bytes = Buffer.from('first\nzwölf €\n\nlast without an end');
  for (let at = 0; at <= bytes.length; at += 1) {
    const lines = split([bytes.subarray(0, at), bytes.subarray(at)]);
    expect(lines).toEqual(['first', 'zwölf €', 'last without an end']);
  }
});

test('a line that never ends is cut once and its rest is dropped', () => {
  const long = Buffer.from('x'.repeat(100_000));
  const lines = split([long, long, Buffer.from('\nnext\n')]);
  expect(lines.map((line) => line.length)).toEqual([64 * 1024, 4]);
});
