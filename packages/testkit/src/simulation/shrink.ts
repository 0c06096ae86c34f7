import type { FaultPlan } from './fault-plan.ts';

/** Runs that a shrinking may take. */
const defaultMaxRuns = 400;

export interface ShrinkOptions {
  /** @default 400 */
  readonly maxRuns?: number;
}

/**
 * Leaves faults out of a failing plan as long as it still fails (delta debugging): first in large pieces, then one by
 * one. What is left is small, not the smallest there is.
 *
 * @param fails runs a plan; true: it fails as the first one did
 */
export async function shrink<Plan extends FaultPlan>(
  plan: Plan,
  fails: (plan: Plan) => Promise<boolean>,
  { maxRuns = defaultMaxRuns }: ShrinkOptions = {},
): Promise<Plan> {
  let best = plan;
  let runs = 0;
  const stillFails = async (candidate: Plan): Promise<boolean> => {
    runs += 1;
    if (!(await fails(candidate))) return false;
    best = candidate;
    return true;
  };
  let pieces = 2;
  while (best.faults.length > 0 && runs < maxRuns) {
    const { faults } = best;
    const length = Math.ceil(faults.length / pieces);
    let removed = false;
    for (let from = 0; from < faults.length && runs < maxRuns; from += length) {
      const rest = faults.filter((_fault, index) => index < from || index >= from + length);
      if (await stillFails({ ...best, faults: rest })) {
        removed = true;
        break;
      }
    }
    if (removed) pieces = Math.max(2, pieces - 1);
    else if (length === 1) break;
    else pieces = Math.min(faults.length, pieces * 2);
  }
  const last = best.faults.at(-1);
  if (runs < maxRuns && last !== undefined)
    await stillFails({ ...best, safetyMs: Math.min(best.safetyMs, last.atMs + 1) });
  return best;
}
