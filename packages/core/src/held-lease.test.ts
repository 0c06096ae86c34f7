import { describe, expect, test } from 'vitest';
import { HeldLease, leaseMarginMs } from './held-lease.ts';

const leaseMs = 2000;
const windowMs = leaseMs - leaseMarginMs(leaseMs);
const two = { members: ['a', 'b'], quorum: 2 };
const five = { members: ['a', 'b', 'c', 'd', 'e'], quorum: 3 };

function held(...rules: { members: string[]; quorum: number }[]): HeldLease {
  const lease = new HeldLease('a', leaseMs);
  lease.configure(rules);
  return lease;
}

describe('the lease that a primary holds', () => {
  test('no grant is needed when the record has one member, and only then', () => {
    expect(held({ members: ['a'], quorum: 1 }).isHeld(0, 0)).toBe(true);
    expect(held(two).isHeld(0, 0)).toBe(false);
    expect(held().isHeld(0, 0)).toBe(false);
  });

  test('counts from when the beacon was sent, by both clocks, up to the lease less its margin', () => {
    const lease = held(two);
    const number = lease.send(1000, 50_000);
    lease.onGrant('b', number);
    const at = (monotonicMs: number, wallMs: number): boolean => lease.isHeld(1000 + monotonicMs, 50_000 + wallMs);
    expect(at(0, 0)).toBe(true);
    expect(at(windowMs, windowMs)).toBe(true);
    expect(at(windowMs + 1, 0)).toBe(false);
    // The monotonic clock stood still while the machine was suspended.
    expect(at(1, windowMs + 1)).toBe(false);
    // The wall clock was set back: how long it has been nobody knows.
    expect(at(1, -1)).toBe(false);
  });

  test('a beacon that stood in a socket for longer than the lease brings nothing, however late it is granted', () => {
    const lease = held(two);
    const old = lease.send(0, 0);
    const next = lease.send(500, 500);
    lease.onGrant('b', next);
    lease.onGrant('b', old);
    expect(lease.silentMs('b', 600)).toBe(100);
    expect(lease.isHeld(500 + windowMs, 500 + windowMs)).toBe(true);
    lease.onGrant('b', 99);
    expect(lease.isHeld(501 + windowMs, 501 + windowMs)).toBe(false);
  });

  test('rests on the oldest of the grants that it needs', () => {
    const lease = held(five);
    lease.onGrant('b', lease.send(0, 0));
    expect(lease.isHeld(0, 0)).toBe(false);
    lease.onGrant('c', lease.send(900, 900));
    expect(lease.isHeld(windowMs, windowMs)).toBe(true);
    expect(lease.isHeld(windowMs + 1, windowMs + 1)).toBe(false);
    lease.onGrant('d', lease.send(1000, 1000));
    expect(lease.isHeld(windowMs + 1, windowMs + 1)).toBe(true);
  });

  test('a learner’s grant counts for nothing', () => {
    const lease = held(two);
    lease.onGrant('x', lease.send(0, 0));
    expect(lease.isHeld(0, 0)).toBe(false);
  });

  test('while a change of members is under way the lease must be held under both groups', () => {
    const lease = held({ members: ['a', 'b'], quorum: 2 }, { members: ['a', 'c'], quorum: 2 });
    lease.onGrant('b', lease.send(0, 0));
    expect(lease.isHeld(0, 0)).toBe(false);
    lease.onGrant('c', lease.send(100, 100));
    expect(lease.isHeld(windowMs, windowMs)).toBe(true);
    expect(lease.isHeld(windowMs + 1, windowMs + 1)).toBe(false);
    expect(lease.isHeldBy({ members: ['a', 'c'], quorum: 2 }, windowMs + 1, windowMs + 1)).toBe(true);
  });

  test('a shorter lease counts at once, a longer one does not', () => {
    const lease = held(two);
    lease.onGrant('b', lease.send(0, 0));
    lease.shorten(9000);
    expect(lease.isHeld(windowMs + 1, windowMs + 1)).toBe(false);
    lease.shorten(1000);
    expect(lease.isHeld(900, 900)).toBe(true);
    expect(lease.isHeld(901, 901)).toBe(false);
  });
});
