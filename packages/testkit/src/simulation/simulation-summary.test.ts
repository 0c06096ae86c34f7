import { expect, it } from 'vitest';
import { addSummaries, emptySummary, isSound, parseSummary, summaryLine } from './simulation-summary.ts';

const thousand = { ...emptySummary(1), seeds: 1000 };

it('seeds about which nothing can be said count as passed in no run of fewer than a thousand for each', () => {
  expect(isSound(thousand)).toBe(true);
  expect(isSound({ ...thousand, undecided: [17] })).toBe(true);
  expect(isSound({ ...thousand, undecided: [17, 18] })).toBe(false);
  expect(isSound({ ...thousand, seeds: 500, undecided: [17] })).toBe(false);
  expect(isSound({ ...thousand, broken: [{ seed: 4, rules: ['sum'] }] })).toBe(false);
});

it('a summary of several processes names the seeds of all of them', () => {
  const sum = addSummaries({ ...thousand, undecided: [9] }, { ...thousand, from: 1001, undecided: [3] });
  expect([sum.seeds, sum.undecided]).toEqual([2000, [3, 9]]);
  expect(summaryLine(sum)).toContain('no rule was broken; undecided: 3, 9');
  expect(parseSummary(JSON.stringify(sum))).toEqual(sum);
});
