import { expect, it } from 'vitest';
import { parseOptions, sectionNames } from './options.ts';

it('without flags everything is measured at full length, with floors', () => {
  expect(parseOptions([])).toMatchObject({
    sections: sectionNames,
    rounds: 3,
    durationMs: 3000,
    largeKeys: 1_000_000,
    callers: [1, 64, 512],
    floors: true,
  });
});

it('an unknown section, an unknown flag and a number below 1 are refused', () => {
  expect(() => parseOptions(['--only', 'small,huge'])).toThrow(/huge/);
  expect(() => parseOptions(['--fast'])).toThrow(/fast/);
  expect(() => parseOptions(['--rounds', '0'])).toThrow(/rounds/);
});
