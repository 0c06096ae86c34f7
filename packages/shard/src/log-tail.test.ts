import { expect, test } from 'vitest';
import { LogTail } from './log-tail.ts';

const entry = (bytes: number): { body: Uint8Array; checksum: number } => ({
  body: new Uint8Array(bytes),
  checksum: bytes,
});

test('entries are found by position, up to the asked size and at least one', () => {
  const tail = new LogTail(1000);
  for (let position = 5; position < 10; position += 1) tail.push(position, entry(100));
  expect(tail.from(6, 250)?.bodies).toHaveLength(2);
  expect(tail.from(9, 1)?.bodies).toHaveLength(1);
  expect(tail.from(10, 100)).toBeUndefined();
});

test('what fell out of the bound is not found', () => {
  const tail = new LogTail(300);
  for (let position = 1; position <= 2000; position += 1) tail.push(position, entry(100));
  expect(tail.from(1997, 1000)).toBeUndefined();
  expect(tail.from(1998, 1000)?.bodies).toHaveLength(3);
});

test('a cleared tail starts anew wherever the log goes on', () => {
  const tail = new LogTail(300);
  tail.push(1, entry(1));
  tail.clear();
  tail.push(7, entry(1));
  expect(tail.from(1, 100)).toBeUndefined();
  expect(tail.from(7, 100)?.bodies).toHaveLength(1);
});
