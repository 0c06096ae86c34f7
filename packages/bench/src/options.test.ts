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

it('another build is measured beside this one alone, or together with what is named', () => {
  expect(parseOptions(['--against', 'there'])).toMatchObject({
    sections: ['against', 'against-replica'],
    against: 'there',
  });
  expect(parseOptions(['--against', 'there', '--only', 'against,small']).sections).toEqual(['small', 'against']);
  expect(() => parseOptions(['--only', 'against'])).toThrow(/against/);
});

it('an unknown section, an unknown flag and a number below 1 are refused', () => {
  expect(() => parseOptions(['--only', 'small,huge'])).toThrow(/huge/);
  expect(() => parseOptions(['--fast'])).toThrow(/fast/);
  expect(() => parseOptions(['--rounds', '0'])).toThrow(/rounds/);
});
