import type { HistoryOperation } from '@edis/checker';
import { expect, test } from 'vitest';
import { countByAck, distributionOf, gapsOf, type RoundFigures } from '../soak/soak-figures.ts';
import { reportMarkdown, reportOf } from '../soak/soak-report.ts';

function write(shard: string, returnMs: number, status: 'ok' | 'unknown' | 'failed' = 'ok'): HistoryOperation {
  const place = { node: undefined, role: undefined, shard, position: undefined, stalenessMs: undefined };
  return {
    ...{ id: returnMs, session: 's', key: 'k', call: { kind: 'put', value: 'v' }, callMs: 0, ack: 'disk' },
    ...{ consistency: undefined, maxStalenessMs: undefined },
    ending:
      status === 'ok'
        ? { status, returnMs, answer: { kind: 'written', version: 1 }, place }
        : { status, returnMs, code: 'deadline' },
  };
}

const figures = {
  ...{ operations: 10, reads: 4, writes: 6, failed: 1, unknown: 1, ordered: 8, sessionReads: 3, boundedReads: 1 },
  ...{ durableWrites: 4, receipted: 1, sums: 2, members: 6 },
};

function round(seed: number, violations: readonly string[]): RoundFigures {
  const history = [write('s1', 1000), write('s1', 2500), write('s1', 3000, 'unknown')];
  return {
    ...{ seed, figures, violations, failovers: 2, convergedMs: 100 * seed, undecided: 0 },
    faults: [
      { atMs: 12, kind: 'pause', process: 'p', forMs: 1 },
      { atMs: 900, kind: 'act', act: 'hand-over', process: 'p' },
    ],
    writesByAck: countByAck(history),
    gapsMs: gapsOf(history),
  };
}

test('times without a write are counted for each shard, in the order of answers', () => {
  const history = [write('s1', 5000), write('s1', 1000), write('s2', 3000), write('s1', 3000, 'failed')];
  expect(gapsOf(history)).toEqual([4000]);
  expect(gapsOf([write('s1', 1000), write('s1', 1400)])).toEqual([]);
});

test('a distribution of nothing is zeros', () => {
  expect(distributionOf([])).toEqual({ count: 0, median: 0, p90: 0, longest: 0 });
  expect(distributionOf([30, 10, 20])).toEqual({ count: 3, median: 20, p90: 30, longest: 30 });
});

test('a report adds its rounds up, and names the seed of each violation', () => {
  const report = reportOf([round(7, []), round(8, ['durable k: gone'])], 1, { count: 3, writes: 9 });
  expect(report).toMatchObject({
    ...{ seed: 7, rounds: 2, failovers: 4, receipts: 3, receiptWrites: 9, undecided: 0 },
    faults: { pause: 2, 'hand-over': 2 },
    figures: { operations: 20, members: 6 },
    writesByAck: { disk: { acknowledged: 4, unknown: 2, failed: 0 } },
    gapsMs: { count: 2, median: 1500 },
    convergedMs: { longest: 800 },
    violations: ['seed 8: durable k: gone'],
  });
  const markdown = reportMarkdown(report);
  expect(markdown).toContain('| rounds, seeds | 2, 7–8 |');
  expect(markdown).toContain('| `disk` writes | 4 acknowledged, 2 of unknown outcome, 0 refused |');
  expect(markdown).toContain('| **violations** | **1** |');
});
