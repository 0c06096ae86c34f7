import { expect, it } from 'vitest';
import { Random } from './random.ts';
import { scatter, Zipfian } from './zipfian.ts';

it('a rank is chosen in proportion to 1 / n^theta', () => {
  const zipfian = new Zipfian(1000, 0.99);
  const random = new Random(7);
  const draws = 400_000;
  const counts = Array.from({ length: 1000 }, () => 0);
  for (let draw = 0; draw < draws; draw += 1) {
    const rank = zipfian.rank(random.fraction());
    counts[rank] = (counts[rank] ?? 0) + 1;
  }
  const sum = counts.reduce((total, _, index) => total + 1 / (index + 1) ** 0.99, 0);
  const share = (from: number, to: number): number => counts.slice(from, to).reduce((a, b) => a + b, 0) / draws;
  const expected = (from: number, to: number): number =>
    counts.slice(from, to).reduce((total, _, index) => total + 1 / (from + index + 1) ** 0.99, 0) / sum;
  expect(share(0, 1)).toBeCloseTo(expected(0, 1), 2);
  expect(share(1, 2)).toBeCloseTo(expected(1, 2), 2);
  expect(share(0, 10) / expected(0, 10)).toBeCloseTo(1, 1);
  expect(share(10, 100) / expected(10, 100)).toBeCloseTo(1, 1);
  expect(share(100, 1000) / expected(100, 1000)).toBeCloseTo(1, 1);
});

it('every fraction gives a rank of the distribution', () => {
  const zipfian = new Zipfian(30_000, 0.99);
  expect(zipfian.rank(0)).toBe(0);
  expect(zipfian.rank(1 - 2 ** -32)).toBeLessThan(30_000);
  expect(zipfian.rank(1 - 2 ** -32)).toBeGreaterThan(29_000);
});

it('popular ranks are scattered over the keys, each always to the same place', () => {
  const places = Array.from({ length: 1000 }, (_, rank) => scatter(rank, 30_000));
  expect(places).toEqual(Array.from({ length: 1000 }, (_, rank) => scatter(rank, 30_000)));
  expect(new Set(places).size).toBeGreaterThan(950);
  const firstHalf = places.filter((place) => place < 15_000).length;
  expect(firstHalf).toBeGreaterThan(400);
  expect(firstHalf).toBeLessThan(600);
});

it('a distribution that is none is refused', () => {
  expect(() => new Zipfian(1, 0.99)).toThrow(/at least 2/);
  expect(() => new Zipfian(10, 1)).toThrow(/theta/);
});
