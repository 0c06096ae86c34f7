import { describe, expect, test } from 'vitest';
import { GrantedLease, longestLeaseMs } from './granted-lease.ts';
import { leaseMarginMs } from './held-lease.ts';

const leaseMs = 2000;
const windowMs = leaseMs - leaseMarginMs(leaseMs);

describe('the lease that a member granted', () => {
  const granted = (formerHolder: string): GrantedLease =>
    new GrantedLease({ startMs: 1000, formerHolder, longestLeaseMs: leaseMs });
  const owedMs = leaseMs + leaseMarginMs(leaseMs);

  test('binds after a start for as long as what may have been granted before it', () => {
    expect(granted('a').freeAtMs('')).toBe(1000 + owedMs);
    expect(granted('').freeAtMs('')).toBe(Number.NEGATIVE_INFINITY);
  });

  test('does not bind against its own holder’s next incarnation', () => {
    const lease = granted('a');
    lease.onGranted('a', 5, 9000, leaseMs);
    expect(lease.freeAtMs('a')).toBe(Number.NEGATIVE_INFINITY);
    expect(lease.freeAtMs('b')).toBe(9000 + owedMs);
  });

  test('binds longer on both sides than its holder counts: the gap is what two clocks may run apart', () => {
    const lease = granted('');
    lease.onGranted('a', 5, 0, leaseMs);
    expect(lease.freeAtMs('') - windowMs).toBeGreaterThanOrEqual(2 * leaseMarginMs(leaseMs));
  });

  test('what an earlier holder was granted is owed until it ends, also when the next one gives its own back', () => {
    const lease = granted('a');
    lease.onGranted('b', 6, 2000, 100);
    expect(lease.freeAtMs('')).toBe(1000 + owedMs);
    lease.onReleased('a', 7);
    expect(lease.freeAtMs('')).toBe(1000 + owedMs);
  });

  test('a release frees only what was granted before the epoch that the holder promised', () => {
    const lease = granted('a');
    lease.onGranted('a', 7, 5000, leaseMs);
    // Info's word travels slower than the beacons of the next reign.
    lease.onReleased('a', 7);
    expect(lease.freeAtMs('')).toBe(5000 + owedMs);
    lease.onReleased('a', 8);
    expect(lease.freeAtMs('')).toBe(Number.NEGATIVE_INFINITY);
  });

  test('a witness has granted a lease of that very reign', () => {
    const lease = granted('a');
    expect(lease.isWitness(0)).toBe(false);
    lease.onGranted('a', 5, 0, leaseMs);
    expect([4, 5, 6].map((since) => lease.isWitness(since))).toEqual([false, true, false]);
  });
});

describe('the longest lease that a member may have granted', () => {
  const reign = {
    shard: 's1',
    epoch: 5,
    primarySince: 5,
    primary: 'a',
    members: ['a', 'b'],
    quorum: 2,
    configuredSize: 2,
  };
  const known = { ...reign, primaryEndpoints: [], leaseMs };

  test('stays when the lease gets shorter within a reign, and rises with it', () => {
    const before = { configuration: known, longestLeaseMs: leaseMs };
    expect(longestLeaseMs(before, { ...known, epoch: 6, leaseMs: 500 })).toBe(leaseMs);
    expect(longestLeaseMs(before, { ...known, epoch: 6, leaseMs: 3000 })).toBe(3000);
  });

  test('is that of the next reign when it begins', () => {
    const before = { configuration: known, longestLeaseMs: leaseMs };
    expect(longestLeaseMs(before, { ...known, epoch: 7, primarySince: 7, leaseMs: 500 })).toBe(500);
    expect(longestLeaseMs({ configuration: undefined, longestLeaseMs: 0 }, known)).toBe(leaseMs);
  });
});
