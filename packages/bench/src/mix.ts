import { runCallers } from './loop.ts';
import type { Random } from './random.ts';
import { keyOf, plainValue } from './record-text.ts';
import type { Target } from './target.ts';
import type { Measurement, MixName, MixWork } from './work.ts';
import { scatter, Zipfian } from './zipfian.ts';

/** One of the core mixes of YCSB (Cooper et al., 2010). */
interface Mix {
  /** Share of plain reads. */
  readonly reads: number;
  readonly otherwise: 'update' | 'insert' | 'read-modify-write';
  readonly popular: 'scattered' | 'latest';
}

/** In the order in which YCSB runs them: the one that inserts comes last. */
const mixes: Readonly<Record<MixName, Mix>> = {
  A: { reads: 0.5, otherwise: 'update', popular: 'scattered' },
  B: { reads: 0.95, otherwise: 'update', popular: 'scattered' },
  C: { reads: 1, otherwise: 'update', popular: 'scattered' },
  F: { reads: 0.5, otherwise: 'read-modify-write', popular: 'scattered' },
  D: { reads: 0.95, otherwise: 'insert', popular: 'latest' },
};

const zipfianTheta = 0.99;

/** Numbers of inserted records: all below `acknowledged` can be read. */
export class InsertCounter {
  #next: number;
  #acknowledged: number;
  readonly #ahead = new Set<number>();

  constructor(loaded: number) {
    this.#next = loaded;
    this.#acknowledged = loaded;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  take(): number {
    this.#next += 1;
    return this.#next - 1;
  }

  acknowledge(index: number): void {
    this.#ahead.add(index);
    while (this.#ahead.delete(this.#acknowledged)) this.#acknowledged += 1;
  }
}

export function runMix(target: Target, work: MixWork, seed: number, inserts: InsertCounter): Promise<Measurement> {
  const mix = mixes[work.mix];
  const zipfian = new Zipfian(work.keys, zipfianTheta);
  const choose = (random: Random): string => {
    const rank = zipfian.rank(random.fraction());
    return keyOf(mix.popular === 'latest' ? inserts.acknowledged - 1 - rank : scatter(rank, work.keys));
  };
  const read = async (key: string): Promise<void> => {
    if (!(await target.get(key, 'memory'))) throw new Error(`the loaded key ${key} is not there`);
  };
  const insert = async (): Promise<void> => {
    const index = inserts.take();
    await target.put(keyOf(index), plainValue, 'memory');
    inserts.acknowledge(index);
  };
  return runCallers(work, seed, async (random) => {
    if (random.fraction() < mix.reads) return read(choose(random));
    if (mix.otherwise === 'insert') return insert();
    const key = choose(random);
    if (mix.otherwise === 'read-modify-write') await read(key);
    await target.put(key, plainValue, 'memory');
  });
}
