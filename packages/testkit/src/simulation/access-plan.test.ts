import { expect, it } from 'vitest';
import { planFailedAccesses } from './access-plan.ts';
import { diskAccesses } from './simulated-disk.ts';

it('disks fail at every kind of access in some seeds, and in most seeds at none', () => {
  const options = { members: ['m1', 'm2', 'm3'], fromMs: 3000, safetyMs: 12_000 };
  const plans = Array.from({ length: 300 }, (_, seed) => planFailedAccesses({ ...options, seed }));
  const some = plans.filter((faults) => faults.length > 0);
  expect(some.length).toBeGreaterThan(20);
  expect(some.length).toBeLessThan(90);
  const faults = some.flat();
  expect(new Set(faults.flatMap((fault) => (fault.kind === 'failed-access' ? fault.access : [])))).toEqual(
    new Set(diskAccesses),
  );
  expect(faults.every(({ atMs }) => atMs >= 3000 && atMs <= 12_000)).toBe(true);
});
