import { expect, it } from 'vitest';
import { InsertCounter, runMix } from './mix.ts';
import type { Target } from './target.ts';
import type { MixName } from './work.ts';

/** Answers at once and counts. */
class CountingTarget implements Target {
  readonly records = undefined;
  readonly keys: Set<string>;
  gets = 0;
  puts = 0;

  constructor(keys: number) {
    this.keys = new Set(Array.from({ length: keys }, (_, index) => `key:${index}`));
  }

  async put(key: string): Promise<void> {
    await new Promise(setImmediate);
    this.puts += 1;
    this.keys.add(key);
  }

  async get(key: string): Promise<boolean> {
    await new Promise(setImmediate);
    this.gets += 1;
    return this.keys.has(key);
  }

  putMany = (): Promise<unknown> => Promise.reject(new Error('no mix calls it'));
  getMany = (): Promise<number> => Promise.reject(new Error('no mix calls it'));
  load = (): Promise<unknown> => Promise.resolve();
  settle = (): Promise<void> => Promise.resolve();
  close = (): Promise<void> => Promise.resolve();
}

const loaded = 500;

async function run(mix: MixName): Promise<CountingTarget> {
  const target = new CountingTarget(loaded);
  const work = { kind: 'mix', mix, callers: 32, keys: loaded, durationMs: 150 } as const;
  await runMix(target, work, 5, new InsertCounter(loaded));
  return target;
}

it('a mix has the shares of its definition', async () => {
  const [a, b, c, f] = [await run('A'), await run('B'), await run('C'), await run('F')];
  expect(a.puts / (a.gets + a.puts)).toBeCloseTo(0.5, 1);
  expect(b.puts / (b.gets + b.puts)).toBeCloseTo(0.05, 1);
  expect(c.puts).toBe(0);
  // Each read-modify-write is a read too.
  expect(f.puts / f.gets).toBeCloseTo(0.5, 1);
  expect([a, b, c, f].every((target) => target.keys.size === loaded)).toBe(true);
});

it('mix D inserts new records and reads only what was acknowledged', async () => {
  const target = await run('D');
  expect(target.keys.size).toBe(loaded + target.puts);
  expect(target.puts).toBeGreaterThan(0);
});

it('an insert becomes readable when it and all before it are acknowledged', () => {
  const inserts = new InsertCounter(10);
  const [first, second] = [inserts.take(), inserts.take()];
  inserts.acknowledge(second);
  expect(inserts.acknowledged).toBe(10);
  inserts.acknowledge(first);
  expect(inserts.acknowledged).toBe(12);
});
