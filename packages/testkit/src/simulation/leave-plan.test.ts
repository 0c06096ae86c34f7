import { describe, expect, it } from 'vitest';
import { forgetAct, leaveAct, planLeaves, vanishAct } from './leave-plan.ts';

const options = { members: ['m1', 'm2', 'm3'], primary: 'primary', leaseMs: 500, fromMs: 3000, safetyMs: 12_000 };
const plans = Array.from({ length: 400 }, (_, seed) => planLeaves({ ...options, seed }));
const some = plans.filter((faults) => faults.length > 0);

describe('a plan of leaving', () => {
  it('lets one member leave in some seeds, in order in some and in others not, and never in a group of two', () => {
    expect(some.length).toBeGreaterThan(30);
    const leaving = some.map(([first]) => (first?.kind === 'act' ? first.act : ''));
    expect(new Set(leaving)).toEqual(new Set([leaveAct, vanishAct]));
    const ofTwo = plans.flatMap((_, seed) => planLeaves({ ...options, seed, members: ['m1', 'm2'] }));
    expect(ofTwo).toEqual([]);
  });

  it('has it forgotten after some leases, within the run in most seeds', () => {
    for (const [first, ...later] of some) {
      expect(later.length).toBeGreaterThan(0);
      for (const fault of later) {
        expect(fault).toMatchObject({ kind: 'act', act: forgetAct });
        expect(fault.atMs - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(1000);
      }
    }
    const inTime = some.filter((faults) =>
      faults.some((fault) => fault.kind === 'act' && fault.act === forgetAct && fault.atMs < 12_000),
    );
    expect(inTime.length).toBeGreaterThan(some.length / 2);
  });
});
