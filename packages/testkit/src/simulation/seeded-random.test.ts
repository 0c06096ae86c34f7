import { describe, expect, it } from 'vitest';
import { SeededRandom } from './seeded-random.ts';

const draws = 20_000;

describe('seeded randomness', () => {
  it('is the same for the same seed and another one for another', () => {
    const of = (seed: number): number[] => {
      const random = new SeededRandom(seed);
      return Array.from({ length: 10 }, () => random.next());
    };
    expect(of(1)).toEqual(of(1));
    const firsts = Array.from({ length: 1000 }, (_, seed) => of(seed)[0]);
    expect(new Set(firsts).size).toBe(1000);
  });

  it('splits into streams that do not depend on what the others draw', () => {
    const left = new SeededRandom(1);
    const right = new SeededRandom(1);
    right.next();
    right.split('other').next();
    expect(left.split('name').next()).toBe(right.split('name').next());
    expect(left.split('a').next()).not.toBe(left.split('b').next());
  });

  it('is spread evenly', () => {
    const random = new SeededRandom(5);
    const counts = Array.from({ length: 10 }, () => 0);
    for (let draw = 0; draw < draws; draw++) {
      const place = random.below(10);
      counts[place] = (counts[place] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - draws / 10)).toBeLessThan(draws / 50);
  });

  it('keeps to its bounds', () => {
    const random = new SeededRandom(6);
    for (let draw = 0; draw < draws; draw++) {
      const between = random.between(-2, 3);
      expect(between >= -2 && between < 3).toBe(true);
    }
    expect(random.shuffle([1, 2, 3, 4]).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4]);
    expect([random.chance(0), random.chance(1), random.pick([]), random.hex(5).length]).toEqual([
      false,
      true,
      undefined,
      5,
    ]);
  });
});
