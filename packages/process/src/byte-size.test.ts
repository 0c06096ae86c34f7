import { EdisError } from '@edis/core';
import { describe, expect, test } from 'vitest';
import { formatBytes, parseBytes } from './byte-size.ts';

describe('sizes', () => {
  test.each([
    ['4096', 4096],
    ['1B', 1],
    ['1kB', 1000],
    ['64MiB', 67_108_864],
    ['1.5GiB', 1_610_612_736],
    ['500MB', 500_000_000],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  test.each(['', 'MiB', '-1', '1 MiB', '1mib', '1XB', '99999999TiB'])('%j is refused', (text) => {
    expect(() => parseBytes(text)).toThrow(EdisError);
  });

  test('what was formatted reads back as the same number', () => {
    for (const bytes of [0, 1, 1024, 1536, 67_108_864, 5 * 1024 ** 4])
      expect(parseBytes(formatBytes(bytes))).toBe(bytes);
    expect(formatBytes(67_108_864)).toBe('64MiB');
  });
});
