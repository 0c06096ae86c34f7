import type { Fault } from './fault.ts';
import { SeededRandom } from './seeded-random.ts';

/** A member loses its disk, if the group is one that survives it. */
export const wipeAct = 'wipe';

export interface LossPlanOptions {
  readonly seed: number;
  readonly members: readonly string[];
  readonly leaseMs: number;
  readonly fromMs: number;
  readonly safetyMs: number;
}

/** The least members of which two may be lost at a time. */
const minMembers = 5;
const lossChance = 0.25;

/**
 * Two of five lose their disks, one so soon after the other that no change of members lies between. Drawn beside the
 * faults: seeds without it are as they were.
 */
export function planLosses({ seed, members, leaseMs, fromMs, safetyMs }: LossPlanOptions): Fault[] {
  const random = new SeededRandom(seed).split('losses');
  if (members.length < minMembers || !random.chance(lossChance)) return [];
  const atMs = Math.round(random.between(fromMs, safetyMs));
  const laterMs = Math.min(safetyMs, atMs + Math.round(random.pick([0, 0.1, 0.4]) * leaseMs));
  const [one = '', other = ''] = random.shuffle(members);
  return [
    { atMs, kind: 'act', act: wipeAct, process: one },
    { atMs: laterMs, kind: 'act', act: wipeAct, process: other },
  ];
}
