import type { Fault } from './fault.ts';
import { SeededRandom } from './seeded-random.ts';

/** What an operator does who waits no longer: `edis promote --unsafe`, for a certain member or the best one. */
export const unsafeAct = 'promote-unsafe';

export interface UnsafePlanOptions {
  readonly seed: number;
  readonly members: readonly string[];
  /** Who may be cut off together with members. */
  readonly bystanders: readonly string[];
  readonly leaseMs: number;
  readonly fromMs: number;
  readonly safetyMs: number;
  /** Members may lose their power, and not only their processes. */
  readonly powerFails: boolean;
}

/** So many seeds have it: it takes rules out of force. */
const unsafeChance = 0.06;
const secondChance = 0.5;
const waysOfLoss = ['kill', 'crash', 'partition', 'partition', 'none'] as const;

/**
 * So many members go away that a safe promotion has to wait for them, and come back later, after the operator has
 * promoted one that is left; in some seeds nobody is away. Drawn beside the faults: seeds without it are as they were.
 */
export function planUnsafe(options: UnsafePlanOptions): Fault[] {
  const { seed, members, leaseMs, fromMs, safetyMs, powerFails } = options;
  const random = new SeededRandom(seed).split('unsafe');
  if (members.length < 2 || !random.chance(unsafeChance)) return [];
  const atMs = Math.round(random.between(fromMs, (fromMs + safetyMs) / 2));
  const forMs = Math.round(leaseMs * random.between(4, 12));
  const shuffled = random.shuffle(members);
  const leftCount = 1 + random.below(Math.max(1, Math.ceil(members.length / 2) - 1));
  const left = shuffled.slice(0, leftCount);
  const away = shuffled.slice(leftCount);
  const way = random.pick(waysOfLoss);
  const some = [...away, ...options.bystanders.filter(() => random.chance(0.5))];
  const others = ['info', ...left, ...options.bystanders.filter((name) => !some.includes(name))];
  const tear = random.chance(0.5);
  const act = (leases: number): Fault => {
    const process = random.chance(0.5) ? '' : (random.pick(left) ?? '');
    return { atMs: Math.round(atMs + leaseMs * leases), kind: 'act', act: unsafeAct, process };
  };
  const acts = [act(random.between(1, 5)), ...(random.chance(secondChance) ? [act(random.between(4, 12))] : [])];
  const end = { atMs, downMs: forMs, afterSteps: 0, of: 'any' } as const;
  switch (way) {
    case 'none':
      return acts;
    case 'partition':
      return [{ atMs, kind: 'partition', some, others, forMs }, ...acts];
    case 'crash':
    case 'kill': {
      const ends = away.map((process): Fault => {
        return way === 'crash' && powerFails
          ? { ...end, kind: 'crash', process, tear }
          : { ...end, kind: 'kill', process };
      });
      return [...ends, ...acts];
    }
  }
}
