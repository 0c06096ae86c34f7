import { expect, test } from 'vitest';
import { testingGauges } from './testing-section.ts';

test('a test cluster must be up within a second, by the median of several starts', () => {
  const [median, first] = testingGauges(1500, [400, 1200, 300]);
  expect(median).toMatchObject({ value: 400, bound: { kind: 'below', limit: 1000 }, passed: true });
  expect(first).toMatchObject({ value: 1500, passed: true });
  expect(testingGauges(300, [1200, 1100, 300])[0]?.passed).toBe(false);
});
