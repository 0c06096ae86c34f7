import type { Fault } from './fault.ts';
import { SeededRandom } from './seeded-random.ts';
import type { DiskAccess } from './simulated-disk.ts';
import { diskAccesses } from './simulated-disk.ts';

export interface AccessPlanOptions {
  readonly seed: number;
  readonly members: readonly string[];
  readonly fromMs: number;
  readonly safetyMs: number;
}

const accessChance = 0.15;
const maxFaults = 8;
/** So many accesses may still succeed: the one in the middle of something fails, too. */
const maxSpared = 20;

/** Disks fail at something else than writing and syncing. Drawn beside the faults: other seeds are as they were. */
export function planFailedAccesses({ seed, members, fromMs, safetyMs }: AccessPlanOptions): Fault[] {
  const random = new SeededRandom(seed).split('accesses');
  if (!random.chance(accessChance)) return [];
  return Array.from({ length: 1 + random.below(maxFaults) }, (): Fault => {
    const atMs = Math.round(random.between(fromMs, safetyMs));
    return { atMs, kind: 'failed-access', process: random.pick(members) ?? '', ...drawAccess(random) };
  });
}

/** Which access fails, and how many of that kind come before it. */
export function drawAccess(random: SeededRandom): { readonly access: DiskAccess; readonly afterCount: number } {
  const afterCount = random.chance(0.5) ? 0 : random.below(maxSpared);
  return { access: random.pick(diskAccesses), afterCount };
}
