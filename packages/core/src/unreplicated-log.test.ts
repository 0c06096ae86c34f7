import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UnreplicatedLog } from './unreplicated-log.ts';

const stepBytes = 100;

test('what no quorum has is counted to a step and an entry, and found to a step', () => {
  const events = fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 250 }), reached: fc.nat(300) }));
  fc.assert(
    fc.property(events, fc.nat(2000), (entries, lagBytes) => {
      const log = new UnreplicatedLog(stepBytes);
      let quorum = 0;
      const bytesAbove = (position: number, last: number): number =>
        entries.slice(position, last).reduce((sum, { bytes }) => sum + bytes, 0);
      for (const [index, { bytes, reached }] of entries.entries()) {
        const last = index + 1;
        log.onAppended(last, bytes);
        quorum = Math.max(quorum, Math.min(reached, last));
        log.onQuorum(quorum);
        const exact = bytesAbove(quorum, last);
        expect(log.bytes).toBeGreaterThanOrEqual(exact);
        expect(log.bytes - exact).toBeLessThan(stepBytes + 250);
        const below = log.positionBelow(lagBytes);
        if (below > 0) expect(bytesAbove(below, last)).toBeGreaterThanOrEqual(lagBytes);
        if (below <= quorum) expect(exact).toBeLessThan(lagBytes + stepBytes + 250);
      }
    }),
  );
});
