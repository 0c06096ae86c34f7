import { EdisError } from '@edis/core';
import { describe, expect, test } from 'vitest';
import { formatDurationMs, parseDurationMs } from './duration.ts';

describe('durations', () => {
  test.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5s', 1500],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['0ms', 0],
  ])('%s is %d ms', (text, milliseconds) => {
    expect(parseDurationMs(text)).toBe(milliseconds);
  });

  test.each(['', '5', 's', '-5s', '5 s', '5x', '1e3ms', '99999999999999999d'])('%j is refused', (text) => {
    expect(() => parseDurationMs(text)).toThrow(EdisError);
  });

  test('what was formatted reads back as the same number', () => {
    for (const milliseconds of [0, 1, 999, 1000, 1500, 60_000, 90_000, 3_600_000, 86_400_000]) {
      expect(parseDurationMs(formatDurationMs(milliseconds))).toBe(milliseconds);
    }
    expect(formatDurationMs(90_000)).toBe('90s');
    expect(formatDurationMs(86_400_000)).toBe('1d');
  });
});
