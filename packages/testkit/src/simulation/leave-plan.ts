import type { Fault } from './fault.ts';
import { SeededRandom } from './seeded-random.ts';

/** A member leaves for good, if the group is one that survives it: it ends in order, and nobody starts it again. */
export const leaveAct = 'leave';
/** The same without a word: its machine is gone. */
export const vanishAct = 'vanish';
/** An operator starts info anew and says who never comes back: `edis-info --forget`. */
export const forgetAct = 'forget';

export interface LeavePlanOptions {
  readonly seed: number;
  readonly members: readonly string[];
  /** The primary leaves in some seeds; the scenario knows who that is. */
  readonly primary: string;
  readonly leaseMs: number;
  readonly fromMs: number;
  readonly safetyMs: number;
}

/** With fewer nobody is left who could be spared. */
const minMembers = 3;
const leaveChance = 0.15;
const primaryChance = 0.3;

/**
 * A member leaves, and some leases later it is forgotten: late enough for the group to have gone on without it in most
 * seeds, too early in others, and in some the run is over before. Drawn beside the faults: seeds without it are as
 * they were.
 */
export function planLeaves({ seed, members, primary, leaseMs, fromMs, safetyMs }: LeavePlanOptions): Fault[] {
  const random = new SeededRandom(seed).split('leaves');
  if (members.length < minMembers || !random.chance(leaveChance)) return [];
  const atMs = Math.round(random.between(fromMs, (fromMs + safetyMs) / 2));
  const process = random.chance(primaryChance) ? primary : (random.pick(members) ?? primary);
  const forgotten = Array.from({ length: random.pick([1, 1, 2] as const) }, (): Fault => {
    return { atMs: Math.round(atMs + leaseMs * random.between(2, 12)), kind: 'act', act: forgetAct, process: '' };
  });
  return [{ atMs, kind: 'act', act: random.pick([leaveAct, vanishAct]), process }, ...forgotten];
}
