import { expect, test } from 'vitest';
import { nearest } from './nearest.ts';

test('a misspelt word finds the one it meant', () => {
  const words = ['listen', 'advertise', 'data', 'initial-shards'];
  expect(nearest('lsiten', words)).toBe('listen');
  expect(nearest('initial-shard', words)).toBe('initial-shards');
  expect(nearest('dta', words)).toBe('data');
});

test('a word that is close to nothing gets no suggestion', () => {
  expect(nearest('colour', ['listen', 'advertise', 'data'])).toBeUndefined();
});
