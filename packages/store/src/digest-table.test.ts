import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DigestTable } from './digest-table.ts';
import type { Digest } from './record-row.ts';

const step = fc.record({
  key: fc.integer({ min: 0, max: 9000 }),
  remove: fc.boolean(),
  size: fc.integer({ min: 1, max: 2 ** 29 }),
});

function digest(size: number, highLane: number, lowLane: number): Digest {
  return { size, highLane, lowLane, derives: size % 3 === 0 };
}

describe('the digest table', () => {
  test('knows what a map knows while it is complete', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 400 }), fc.integer(), (steps, seed) => {
        const table = new DigestTable(10_000_000, seed, true);
        const known = new Map<string, number>();
        // Enough others that it has to grow.
        for (let index = 0; index < 5000; index++) table.set(`other-${index}`, digest(1, index, ~index));
        for (const { key, remove, size } of steps) {
          const name = `key-${key % 50}`;
          if (remove) {
            table.delete(name);
            known.delete(name);
          } else {
            table.set(name, digest(size, -size | 0, size ^ 5));
            known.set(name, size);
          }
        }
        for (let key = 0; key < 50; key++) {
          const size = known.get(`key-${key}`);
          expect(table.find(`key-${key}`)).toBe(size !== undefined);
          if (size !== undefined) expect(table).toMatchObject(digest(size, -size | 0, size ^ 5));
        }
        expect(table.count).toBe(5000 + known.size);
        expect(table.complete).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  test('at its bound it forgets others, says so, and never errs about what it has', () => {
    const table = new DigestTable(4096 * 24, 1, true);
    for (let index = 0; index < 20_000; index++) table.set(`key-${index}`, digest(index + 1, index, index));
    expect(table.complete).toBe(false);
    expect(table.bytes).toBe(4096 * 24);
    let found = 0;
    for (let index = 0; index < 20_000; index++) {
      if (!table.find(`key-${index}`)) continue;
      expect([table.size, table.highLane]).toEqual([index + 1, index]);
      found++;
    }
    expect(found).toBe(table.count);
    expect(found).toBe(3072);
  });

  test('a large one is filled evenly and stays complete until one of its parts is nearly full', () => {
    const table = new DigestTable(200_000 * 24, 7, true);
    let count = 0;
    while (table.expect(100)) {
      for (let index = 0; index < 100; index++, count++) table.set(`key:${count}`, digest(1, count, ~count));
    }
    expect(count).toBeGreaterThan(200_000 * 0.67);
    expect(table.count).toBe(count);
    for (let index = 0; index < count; index++) {
      expect(table.find(`key:${index}`) && table.highLane === index, `key:${index}`).toBe(true);
    }
    expect(table.bytes).toBeLessThanOrEqual(200_000 * 24);
  });

  test('says before a batch whether it will stay complete', () => {
    const table = new DigestTable(4096 * 24, 1, true);
    expect(table.expect(3000)).toBe(true);
    expect(table.expect(3072)).toBe(false);
    expect(table.complete).toBe(false);
  });
});
