import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PositionQueue } from './position-queue.ts';

test('it is a set of rising positions that loses its beginning, however long it gets', () => {
  const step = fc.record({ gap: fc.integer({ min: 1, max: 3 }), count: fc.nat(900), dropBehind: fc.nat(1500) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const queue = new PositionQueue();
      const expected: number[] = [];
      let last = 0;
      for (const { gap, count, dropBehind } of steps) {
        for (let index = 0; index < count; index += 1) {
          last += gap;
          queue.push(last);
          expected.push(last);
        }
        queue.dropUpTo(last - dropBehind);
        while (expected.length > 0 && (expected[0] ?? 0) <= last - dropBehind) expected.shift();
        expect(queue.first).toBe(expected[0] ?? Number.POSITIVE_INFINITY);
        for (const position of [last - dropBehind, last - 1, last, last + 1]) {
          expect(queue.has(position)).toBe(expected.includes(position));
        }
      }
    }),
    { numRuns: 50 },
  );
});
