import { describe, expect, it } from 'vitest';
import type { Fault } from './fault.ts';
import { describePlan, faultKinds, planFaults } from './fault-plan.ts';
import { planLosses } from './loss-plan.ts';
import { shrink } from './shrink.ts';

const processes = ['info', 'm1', 'm2', 'm3'];
const options = { processes, safetyMs: 60_000, leaseMs: 2000 };

describe('a fault plan', () => {
  it('is the same for the same seed, and survives being written down', () => {
    for (let seed = 0; seed < 50; seed++) {
      const plan = planFaults({ ...options, seed });
      expect(planFaults({ ...options, seed })).toEqual(plan);
      expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
    }
  });

  it('is in order of time and ends before the safety phase does', () => {
    for (let seed = 0; seed < 50; seed++) {
      const times = planFaults({ ...options, seed, fromMs: 500 }).faults.map(({ atMs }) => atMs);
      expect(times).toEqual([...times].sort((a, b) => a - b));
      expect(times.every((atMs) => atMs >= 500 && atMs <= 60_000)).toBe(true);
    }
  });

  it('is calm for some seeds and brutal for others, and of every kind for some', () => {
    const plans = Array.from({ length: 200 }, (_, seed) => planFaults({ ...options, seed, acts: ['join'] }));
    const counts = plans.map(({ faults }) => faults.length);
    expect(Math.min(...counts)).toBe(0);
    expect(Math.max(...counts)).toBeGreaterThan(100);
    const kinds = new Set(plans.flatMap(({ faults }) => faults.map(({ kind }) => kind)));
    expect([...kinds].toSorted()).toEqual([...faultKinds, 'act'].toSorted());
  });

  it('has clocks in some seeds that run apart by almost a tenth, and never by more', () => {
    const drifts = Array.from({ length: 400 }, (_, seed) => planFaults({ ...options, seed }).maxDrift ?? 0);
    expect(drifts.filter((drift) => drift > 0).length).toBeGreaterThan(50);
    expect(Math.max(...drifts)).toBeGreaterThan(0.035);
    expect(Math.max(...drifts)).toBeLessThanOrEqual(0.04);
  });

  it('tells in lines what happens', () => {
    const plan = planFaults({ ...options, seed: 3 });
    expect(describePlan(plan).split('\n')).toHaveLength(plan.faults.length + 1);
  });
});

describe('a plan of losses', () => {
  const loss = { members: ['m1', 'm2', 'm3', 'm4', 'm5'], leaseMs: 500, fromMs: 3000, safetyMs: 9000 };

  it('takes two disks of five in some seeds, in one lease, and never of fewer', () => {
    const plans = Array.from({ length: 100 }, (_, seed) => planLosses({ ...loss, seed }));
    const some = plans.filter((faults) => faults.length > 0);
    expect(some.length).toBeGreaterThan(10);
    for (const [first, second] of some) {
      expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeLessThan(500);
      expect(second).not.toMatchObject({ process: first && 'process' in first ? first.process : '' });
    }
    const four = plans.flatMap((_, seed) => planLosses({ ...loss, members: loss.members.slice(1), seed }));
    expect(four).toEqual([]);
  });
});

describe('shrinking', () => {
  const faults: readonly Fault[] = Array.from({ length: 100 }, (_, index) => ({
    atMs: index,
    kind: 'failed-sync',
    process: `m${index}`,
  }));
  const plan = { ...planFaults({ ...options, seed: 1 }), faults };

  function timesOf({ faults: left }: { readonly faults: readonly Fault[] }): number[] {
    return left.map(({ atMs }) => atMs);
  }

  it('leaves the faults that are needed, and no time after them', async () => {
    let runs = 0;
    const small = await shrink(plan, async (candidate) => {
      runs += 1;
      const times = new Set(timesOf(candidate));
      return times.has(17) && times.has(18) && times.has(80);
    });
    expect(timesOf(small)).toEqual([17, 18, 80]);
    expect(small.safetyMs).toBe(81);
    expect(runs).toBeLessThan(150);
  });

  it('leaves nothing when the plan fails by itself', async () => {
    expect(timesOf(await shrink(plan, async () => true))).toEqual([]);
  });

  it('gives back the plan when nothing less fails, and ends after its number of runs', async () => {
    let runs = 0;
    const same = await shrink(plan, async (candidate) => candidate.faults.length === 100 && ++runs < 0, {
      maxRuns: 50,
    });
    expect(timesOf(same)).toEqual(timesOf(plan));
  });
});
