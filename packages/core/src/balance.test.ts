import { expect, it } from 'vitest';
import { balanceOf, slotDeviations } from './balance.ts';

it('the balance of 2, 4, 4, 4, 5, 5, 7, 9 is a standard deviation of 2 around 5', () => {
  expect(balanceOf([2, 4, 4, 4, 5, 5, 7, 9])).toEqual({
    total: 40,
    expected: 5,
    standardDeviation: 2,
    coefficientOfVariation: 0.4,
  });
});

it('the balance of 100, 200, 300 is the root of 20000 / 3', () => {
  const { total, expected, standardDeviation, coefficientOfVariation } = balanceOf([100, 200, 300]);
  expect({ total, expected }).toEqual({ total: 600, expected: 200 });
  expect(standardDeviation).toBeCloseTo(81.649_658, 6);
  expect(coefficientOfVariation).toBeCloseTo(0.408_248, 6);
});

it('equal parts are perfect, and so is nothing', () => {
  expect(balanceOf([7, 7, 7])).toEqual({ total: 21, expected: 7, standardDeviation: 0, coefficientOfVariation: 0 });
  expect(balanceOf([0, 0])).toEqual({ total: 0, expected: 0, standardDeviation: 0, coefficientOfVariation: 0 });
  expect(balanceOf([])).toEqual({ total: 0, expected: 0, standardDeviation: 0, coefficientOfVariation: 0 });
});

it('a shard with half the slots is expected to have half the records', () => {
  expect(slotDeviations([60, 20, 20], [8192, 4096, 4096])).toEqual([10, -5, -5]);
});

it('a shard without slots is expected to have nothing', () => {
  expect(slotDeviations([90, 10], [16_384, 0])).toEqual([-10, 10]);
  expect(slotDeviations([3, 4], [0, 0])).toEqual([3, 4]);
});
