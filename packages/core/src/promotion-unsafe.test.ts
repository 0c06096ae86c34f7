import { describe, expect, test } from 'vitest';
import { Info, leaseSpanMs, settleMs } from './testing/promotion-info.ts';

describe('unsafe', () => {
  test('one promise is enough, and who promised makes up the group', () => {
    const info = new Info(['a', 'b', 'c', 'd', 'e']);
    for (const store of ['a', 'b', 'c']) info.gone(store);
    info.promises('d', 5, 3, { witness: false });
    info.pass(60_000);
    expect(info.promoted).toBeUndefined();
    info.promotion.requestUnsafe('');
    info.review();
    info.promises('d', 5, 3, { witness: false });
    info.promises('e', 5, 4, { witness: false });
    expect(info.steps).toEqual([{ kind: 'promote', epoch: 7, primary: 'e', members: ['d', 'e'] }]);
  });

  test('takes a removed member that has a copy when no member is left, never one that has nothing', () => {
    const info = new Info(['a'], 'removed', 'empty');
    info.gone('a');
    info.promotion.requestUnsafe('');
    info.review();
    info.promises('empty', 0, 0, { witness: false });
    info.pass(1000);
    expect(info.promoted).toBeUndefined();
    info.promises('removed', 4, 9, { witness: false });
    info.pass(1000);
    expect(info.steps).toEqual([{ kind: 'promote', epoch: 6, primary: 'removed', members: ['removed'] }]);
  });

  test('whom the operator named leads however late it answers, and nobody else, until the wish is another', () => {
    const info = new Info(['a', 'b', 'c'], 'empty');
    info.gone('a');
    info.promotion.requestUnsafe('b');
    info.review();
    info.promises('c', 5, 10);
    info.pass(leaseSpanMs + 1000);
    expect(info.promotion.waitsFor).toContain('waits for b, which was named, to promise');
    info.gone('b');
    info.pass(60_000);
    expect(info.promotion.waitsFor).toContain('waits for b, which was named, to come back');
    info.back('b');
    info.promises('b', 5, 3);
    info.pass(settleMs);
    expect(info.steps).toEqual([{ kind: 'promote', epoch: 7, primary: 'b', members: ['b', 'c'] }]);
    info.steps.length = 0;
    info.promotion.requestUnsafe('empty');
    info.review();
    info.promises('empty', 0, 0);
    info.promises('c', 5, 10);
    info.pass(1000);
    expect([info.promotion.waitsFor, info.steps]).toEqual([expect.stringContaining('to have a copy'), []]);
    info.promotion.requestUnsafe('');
    info.review();
    info.promises('c', 5, 10);
    info.pass(1000);
    expect(info.steps).toMatchObject([{ kind: 'promote', primary: 'c' }]);
  });

  test.each(['', 'b', 'c'])('a primary that is well is not replaced, by %j', (wanted) => {
    const info = new Info(['a', 'b', 'c']);
    info.promotion.requestUnsafe(wanted);
    info.review();
    info.answer('a', { kind: 'declined', promisedEpoch: 0 });
    info.pass(1000);
    expect(info.promoted).toBeUndefined();
    expect(info.promotion.isUnderWay).toBe(false);
  });

  test('a primary that is well stays when another was named, and leads those that promised under a new epoch', () => {
    const info = new Info(['a', 'b', 'c']);
    info.promotion.requestUnsafe('b');
    info.review();
    info.answer('c');
    info.answer('a', { kind: 'declined', promisedEpoch: 0 });
    info.pass(50);
    expect(info.asked.get('a')).toEqual({ epoch: 7, preferred: 'a', releasedBy: '' });
    for (const store of ['a', 'b', 'c']) info.answer(store);
    expect(info.steps).toEqual([{ kind: 'promote', epoch: 7, primary: 'a', members: ['a', 'b', 'c'] }]);
  });
});

describe('the wish for a named one is over', () => {
  /** `a` leads; whoever is not there does not answer. */
  function wishedFor(named: string, there: readonly string[], members = ['a', 'b', 'c', 'd', 'e']): Info {
    const info = new Info(members, 'x');
    for (const store of info.stores) if (!there.includes(store)) info.gone(store);
    info.promotion.requestUnsafe(named);
    info.review();
    return info;
  }

  test('as soon as enough others have promised for a safe promotion, when that one is away', () => {
    const info = wishedFor('b', ['c', 'd', 'e']);
    info.promises('c', 5, 10);
    info.promises('d', 5, 11);
    info.pass(60_000);
    expect(info.promotion.waitsFor).toContain('waits for b, which was named, to come back');
    expect(info.steps).toEqual([]);
    info.promises('e', 5, 9);
    info.pass(50);
    info.promises('c', 5, 10);
    info.promises('d', 5, 11);
    info.promises('e', 5, 9);
    info.pass(settleMs);
    // In an epoch of its own, with the best log of all, and nobody is given up.
    expect(info.steps).toEqual([{ kind: 'promote', epoch: 8, primary: 'd', members: info.record.members }]);
  });

  test('not before the time has passed for which a lease may bind that one, when it is there', () => {
    const info = wishedFor('b', ['b', 'c', 'd', 'e']);
    for (const store of ['c', 'd', 'e']) info.answer(store);
    info.pass(leaseSpanMs - 50);
    expect(info.promotion.waitsFor).toContain('waits for b, which was named, to promise');
    info.pass(settleMs);
    expect(info.asked.get('b')?.epoch).toBe(7);
    info.pass(100);
    expect(info.asked.get('b')).toEqual({ epoch: 8, preferred: '', releasedBy: '' });
    for (const store of ['b', 'c', 'd', 'e']) info.answer(store);
    expect(info.steps).toMatchObject([{ kind: 'promote', epoch: 8, members: info.record.members }]);
  });

  test('not sooner because its session breaks for a moment', () => {
    const info = wishedFor('b', ['b', 'c', 'd', 'e']);
    for (const store of ['c', 'd', 'e']) info.answer(store);
    info.pass(1000);
    info.gone('b');
    info.back('b', 5, false);
    info.pass(leaseSpanMs - 1000);
    info.promises('b', 5, 3);
    info.pass(settleMs);
    expect(info.promoted).toBe('b in 7');
  });

  test('not by the promises of members that have gone since', () => {
    const info = wishedFor('b', ['c', 'd']);
    for (const store of ['c', 'd']) info.answer(store);
    for (const store of ['c', 'd']) info.gone(store);
    info.back('e');
    info.answer('e');
    info.pass(60_000);
    expect(info.steps).toEqual([]);
    info.back('b');
    info.answer('b');
    info.pass(settleMs);
    expect(info.promoted).toBe('b in 7');
  });

  test('and not at all when that one has promised by then: it leads, whatever its log is', () => {
    const info = wishedFor('b', ['b', 'c', 'd', 'e']);
    for (const store of ['c', 'd', 'e']) info.promises(store, 5, 10);
    info.pass(leaseSpanMs - 50);
    info.promises('b', 5, 3);
    info.pass(settleMs);
    const members = ['b', 'c', 'd', 'e'];
    expect(info.steps).toEqual([{ kind: 'promote', epoch: 7, primary: 'b', members }]);
  });

  test('by the promises of members only: one that was removed may not have what a quorum has', () => {
    const info = wishedFor('b', ['c', 'd', 'x']);
    for (const store of ['c', 'd', 'x']) info.answer(store);
    info.pass(60_000);
    expect(info.promotion.waitsFor).toContain('waits for b, which was named, to come back');
    expect(info.steps).toEqual([]);
  });

  test('when its store has no place in the shard any more', () => {
    const info = wishedFor('b', ['b', 'c'], ['a', 'b', 'c']);
    expect(info.asked.get('c')).toEqual({ epoch: 7, preferred: 'b', releasedBy: '' });
    info.stores.splice(info.stores.indexOf('b'), 1);
    info.gone('b');
    expect(info.asked.get('c')).toEqual({ epoch: 8, preferred: '', releasedBy: '' });
    info.answer('c');
    expect(info.promotion.waitsFor).toContain('needs 1 more of its members');
    info.back('a');
    info.answer('c');
    info.answer('a');
    info.pass(leaseSpanMs);
    expect(info.promoted).toBe('a in 8');
  });

  test('and what its members were asked is withdrawn while nothing else is to be done', () => {
    const info = wishedFor('b', ['a', 'c'], ['a', 'b', 'c']);
    info.stores.splice(info.stores.indexOf('b'), 1);
    info.review();
    expect([info.asked.get('a')?.epoch, info.asked.get('c')?.epoch, info.promotion.isUnderWay]).toEqual([0, 0, false]);
  });
});
