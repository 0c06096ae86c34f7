import { describe, expect, test } from 'vitest';
import { Info, leaseMs, leaseSpanMs, rollCallMs, settleMs } from './testing/promotion-info.ts';

describe('enough promises', () => {
  test.each([
    [['a', 'b'], 1],
    [['a', 'b', 'c'], 2],
    [['a', 'b', 'c', 'd'], 2],
    [['a', 'b', 'c', 'd', 'e'], 3],
  ])('of %s are %i: one of each quorum is among them', (members, needed) => {
    const info = new Info(members);
    info.gone('a');
    for (const store of members.slice(1, needed)) info.answer(store);
    info.pass(1000);
    expect(info.promoted).toBeUndefined();
    info.answer(members[needed] ?? '');
    info.pass(200);
    expect(info.promoted).toBe('b in 6');
  });

  test('a learner gives none', () => {
    const info = new Info(['a', 'b', 'c'], 'x');
    info.gone('a');
    info.answer('b');
    info.promotion.onAnswer(
      'x',
      { kind: 'promised', promisedEpoch: 6, lastEntry: { epoch: 5, position: 99 }, witness: true },
      0,
    );
    info.pass(1000);
    expect(info.promoted).toBeUndefined();
    expect(info.asked.has('x')).toBe(false);
    expect(info.promotion.waitsFor).toBe(
      'needs 1 more of its members: a to come back; c to promise (a lease may bind it)',
    );
  });

  test('the best log of all that answer wins: by the epoch of its last entry, then by its position', () => {
    const info = new Info(['a', 'b', 'c', 'd']);
    info.gone('a');
    info.promises('b', 4, 99);
    info.promises('c', 5, 7);
    info.pass(settleMs - 50);
    expect(info.promoted).toBeUndefined();
    info.promises('d', 5, 8);
    expect(info.promoted).toBe('d in 6');
  });

  test('a member that could answer gets a moment, and no more', () => {
    const info = new Info(['a', 'b', 'c', 'd']);
    info.gone('a');
    info.answer('b');
    info.answer('c');
    info.pass(settleMs - 50);
    expect(info.promoted).toBeUndefined();
    info.pass(100);
    expect(info.promoted).toBe('b in 6');
  });

  test('the promise of a process that was replaced counts no more: its log may have lost what was not synced', () => {
    const info = new Info(['a', 'b', 'c']);
    info.gone('a');
    info.promises('b', 5, 20);
    info.gone('b');
    info.back('b', 6);
    info.promises('c', 5, 15);
    info.pass(1000);
    expect(info.promoted).toBeUndefined();
    info.promises('b', 5, 12);
    info.pass(1000);
    expect(info.promoted).toBe('c in 6');
  });

  test('a higher promise outbids the attempt, as often as there is one', () => {
    const info = new Info(['a', 'b', 'c']);
    info.gone('a');
    info.answer('b', { kind: 'outdated', promisedEpoch: 8 });
    expect(info.asked.get('c')?.epoch).toBe(9);
    info.answer('c', { promisedEpoch: 11 });
    expect([info.asked.get('b')?.epoch, info.asked.get('c')?.epoch]).toEqual([12, 12]);
    info.answer('b');
    info.answer('c');
    expect(info.promoted).toBe('b in 12');
  });
});

describe('the former primary', () => {
  test('restarted: it is preferred, and leads again when its log is as good as any', () => {
    const info = new Info(['a', 'b', 'c']);
    info.gone('a');
    info.connected.add('a');
    info.back('a');
    expect(info.asked.get('b')).toEqual({ epoch: 6, preferred: 'a', releasedBy: '' });
    info.answer('b');
    info.answer('a');
    info.pass(settleMs);
    expect(info.promoted).toBe('a in 6');
  });

  test('preferred, but silent: the others wait for the end of the lease that they did not wait for', () => {
    const info = new Info(['a', 'b', 'c']);
    info.back('a');
    info.answer('b');
    info.pass(1000);
    info.answer('c');
    info.pass(leaseSpanMs - 50);
    expect(info.promoted).toBeUndefined();
    expect(info.promotion.waitsFor).toBe('waits for a');
    info.pass(50);
    expect(info.promoted).toBe('b in 6');
  });

  /** It is heard here, but not by its members. */
  function promoteIdle(info: Info): void {
    info.idleMs = 2 * leaseMs + 1;
    info.review();
    info.promises('a', 5, 20);
    for (const store of info.record.members) if (store !== 'a') info.promises(store, 5, 10);
    while (info.promoted === undefined) info.pass(50);
    expect(info.promoted).toBe('a in 6');
    info.steps.length = 0;
    info.record = { ...info.record, epoch: 6, primarySince: 6 };
    info.asked.clear();
    info.idleMs = 0;
    info.review();
    info.idleMs = 2 * leaseMs + 1;
    info.review();
  }

  test('that can not act, and can not after it was promoted again, is followed by the best of the others', () => {
    const info = new Info(['a', 'b', 'c']);
    promoteIdle(info);
    info.promises('a', 6, 21);
    info.promises('b', 5, 10);
    info.promises('c', 5, 11);
    info.pass(settleMs);
    expect(info.promoted).toBe('c in 7');
  });

  test('that can not act leads on all the same when the others are too few without it', () => {
    const info = new Info(['a', 'b', 'c']);
    promoteIdle(info);
    info.gone('c');
    info.promises('a', 6, 21);
    info.promises('b', 5, 10);
    info.pass(settleMs);
    expect(info.promoted).toBe('a in 7');
  });

  test('of two members that can not act is followed by the other one', () => {
    const info = new Info(['a', 'b']);
    promoteIdle(info);
    info.promises('a', 6, 21);
    info.promises('b', 5, 10);
    info.pass(settleMs);
    expect(info.promoted).toBe('b in 7');
  });

  test('that is all there is, and does not act, is promoted once more', () => {
    const info = new Info(['a'], 'b');
    info.idleMs = 2 * leaseMs + 1;
    info.review();
    info.answer('a');
    info.pass(settleMs);
    expect(info.promoted).toBe('a in 6');
  });

  test('that does not act, and of whose members nobody is there, is left to come back by itself', () => {
    const info = new Info(['a', 'b', 'c']);
    info.gone('b');
    info.gone('c');
    info.idleMs = 2 * leaseMs + 1;
    info.review();
    expect(info.asked.get('a')).toBeUndefined();
  });

  test('roll call: when all members restarted it is waited for, and no longer than that', () => {
    const info = new Info(['a', 'b']);
    info.gone('a');
    info.answer('b', { witness: false });
    info.pass(rollCallMs - 50);
    expect(info.promoted).toBeUndefined();
    expect(info.promotion.waitsFor).toContain('for its primary a: all restarted');
    info.pass(50);
    expect(info.promoted).toBe('b in 6');
  });

  test('roll call: when it comes, its log decides', () => {
    const info = new Info(['a', 'b']);
    info.gone('a');
    info.promises('b', 5, 7, { witness: false });
    info.pass(10_000);
    info.back('a');
    expect(info.asked.get('a')).toEqual({ epoch: 6, preferred: 'a', releasedBy: '' });
    info.promises('a', 5, 9, { witness: false });
    expect(info.promoted).toBe('a in 6');
  });

  test('well: it declines, the question is withdrawn, and asked again only after a pause', () => {
    const info = new Info(['a', 'b', 'c']);
    info.idleMs = 2 * leaseMs + 1;
    info.review();
    expect(info.asked.get('b')?.epoch).toBe(6);
    info.answer('a', { kind: 'declined', promisedEpoch: 0 });
    expect([info.asked.get('a')?.epoch, info.asked.get('b')?.epoch]).toEqual([0, 0]);
    info.pass(950);
    expect(info.promotion.isUnderWay).toBe(false);
    info.pass(50);
    // A new one: a late answer to the first must not count for it.
    expect(info.asked.get('b')?.epoch).toBe(7);
  });

  test('well, but promised against: it is promoted once more, or the one that promised would follow nobody', () => {
    const info = new Info(['a', 'b', 'c']);
    info.gone('a');
    info.answer('c');
    info.back('a', 0, false);
    info.answer('a', { kind: 'declined', promisedEpoch: 0 });
    expect(info.asked.get('a')).toEqual({ epoch: 6, preferred: 'a', releasedBy: '' });
    info.answer('a');
    info.pass(settleMs);
    expect(info.promoted).toBe('a in 6');
  });

  test('a member that promised an epoch which nobody leads is healed by a promotion above it', () => {
    const info = new Info(['a', 'b']);
    info.back('b', 9);
    expect(info.asked.get('a')).toEqual({ epoch: 10, preferred: 'a', releasedBy: '' });
    info.answer('a');
    info.answer('b');
    expect(info.promoted).toBe('a in 10');
  });

  test('a store that is no member and promised too much only has the epoch raised', () => {
    const info = new Info(['a', 'b'], 'x');
    info.back('x', 9);
    expect(info.steps).toEqual([{ kind: 'raise', epoch: 10 }]);
    expect(info.asked.size).toBe(0);
  });

  test('alone: it waits for it, since nobody else may have what it acknowledged', () => {
    const info = new Info(['a'], 'x');
    info.gone('a');
    info.pass(100_000);
    expect(info.promotion.isUnderWay).toBe(false);
    info.back('a');
    info.answer('a');
    expect(info.promoted).toBe('a in 6');
  });
});

describe('a hand-over', () => {
  function handedOver(members: readonly string[] = ['a', 'b', 'c']): Info {
    const info = new Info(members);
    info.promotion.requestHandOver('b', 0);
    info.review();
    expect(info.steps.splice(0)).toEqual([{ kind: 'hand-over', to: 'b' }]);
    info.promotion.onHandedOver('b');
    info.review();
    return info;
  }

  test('the lease is released by the promise of its holder, and by nothing else', () => {
    const info = handedOver();
    expect([...info.asked.keys()]).toEqual(['a']);
    info.answer('a');
    expect(info.asked.get('b')).toEqual({ epoch: 6, preferred: 'b', releasedBy: 'a' });
    info.answer('b');
    info.pass(settleMs);
    expect(info.promoted).toBe('b in 6');
  });

  test('waits for nobody else once the successor has all that the primary has', () => {
    const info = handedOver();
    info.promises('a', 5, 12);
    info.promises('b', 5, 12);
    expect(info.promoted).toBe('b in 6');
  });

  test('goes to the better log all the same', () => {
    const info = handedOver();
    info.promises('a', 5, 12);
    info.promises('b', 5, 11);
    info.pass(settleMs);
    expect(info.promoted).toBe('a in 6');
  });

  test('when the primary dies before its promise, the others are asked as after any death', () => {
    const info = handedOver();
    info.gone('a');
    info.review();
    expect(info.asked.get('b')).toEqual({ epoch: 7, preferred: '', releasedBy: '' });
    info.answer('b');
    info.answer('c');
    expect(info.promoted).toBe('b in 7');
  });

  test('when the primary does not promise in time, it stays', () => {
    const info = handedOver();
    info.pass(3100);
    expect(info.promotion.isUnderWay).toBe(false);
    expect(info.asked.get('a')?.epoch).toBe(0);
    info.pass(10_000);
    expect(info.promotion.isUnderWay).toBe(false);
  });

  test('when the other one is silent after the promise, the primary comes back in a new epoch', () => {
    const info = handedOver(['a', 'b']);
    info.answer('a');
    info.gone('b');
    info.pass(leaseSpanMs);
    expect(info.promoted).toBe('a in 6');
  });

  test('that the primary never gets level with is forgotten', () => {
    const info = new Info(['a', 'b']);
    info.promotion.requestHandOver('b', 0);
    info.pass(3100);
    info.steps.length = 0;
    info.promotion.onHandedOver('b');
    info.pass(1000);
    expect(info.steps).toEqual([]);
    expect(info.asked.size).toBe(0);
  });
});
