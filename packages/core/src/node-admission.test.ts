import { describe, expect, test } from 'vitest';
import type { Registration } from './node-message.ts';
import { deadAfterMs, InfoShell, reportMs } from './testing/info-shell.ts';

describe('places', () => {
  test('a store keeps its place, whichever binary it is started with', () => {
    const bed = new InfoShell(1);
    const [, r1] = bed.group('r1');
    bed.disconnect(r1 ?? 0);
    const asWriteShard = bed.register('r1', { role: 'write-shard', incarnation: 2 });
    expect(bed.refusalOf(asWriteShard)).toBeUndefined();
    expect(bed.memberOf('r1')).toMatchObject({ shard: 's1', role: 'learner' });
    const asReadShard = bed.register('w1', { role: 'read-shard', incarnation: 2 });
    expect(bed.refusalOf(asReadShard)).toBeUndefined();
    expect(bed.askedOf(asReadShard)).toMatchObject({ preferred: 'store-w1' });
    expect(bed.record).toMatchObject({ primary: 'store-w1', members: ['store-w1', 'store-r1'] });
  });

  test('an emptied directory of a former primary takes its place as a learner, not a new shard', () => {
    const bed = new InfoShell(1);
    const [w1, r1] = bed.group('r1');
    bed.disconnect(w1 ?? 0);
    bed.promise(r1 ?? 0);
    expect(bed.record?.primary).toBe('store-r1');
    bed.passHeard(deadAfterMs, r1);
    bed.register('w1', { store: 'emptied' });
    expect(bed.memberOf('w1')).toMatchObject({ shard: 's1', role: 'learner', store: 'emptied' });
    // What it was is still a member, until the primary has removed it: its data may be what a quorum rests on.
    expect(bed.record?.members).toEqual(['store-w1', 'store-r1']);
  });

  test('an emptied directory of a primary waits while another may follow it, and becomes no new shard', () => {
    const bed = new InfoShell(1);
    const [w1, r1] = bed.group('r1');
    bed.disconnect(w1 ?? 0);
    expect(bed.refusalOf(bed.register('w1', { store: 'emptied' }))).toBe('no-such-shard');
    bed.promise(r1 ?? 0);
    bed.passHeard(deadAfterMs, r1);
    bed.register('w1', { store: 'emptied' });
    expect(bed.topology.shards).toHaveLength(1);
    expect(bed.memberOf('w1')).toMatchObject({ shard: 's1', role: 'learner', store: 'emptied' });
  });

  test('an emptied directory of a primary waits for a person when the only other copy does not count', () => {
    const bed = new InfoShell(1);
    const [w1, r1] = bed.group('r1');
    bed.say(w1 ?? 0, { kind: 'propose', proposal: { epoch: 2, change: 'remove', store: 'store-r1' } });
    bed.disconnect(w1 ?? 0);
    bed.disconnect(r1 ?? 0);
    const emptied = bed.register('w1', { store: 'emptied', shard: 's1' });
    expect(bed.refusalOf(emptied)).toBe('waits-for-operator');
    expect(bed.messagesOf(emptied)).toMatchObject([
      { message: expect.stringContaining("'edis promote --unsafe s1' takes the copy of r1") },
    ]);
    const again = bed.register('r1', { role: 'read-shard', shard: 's1' });
    bed.run(bed.cluster.onPromote({ shard: 's1', node: '', isUnsafe: true }, bed.nowMs).effects);
    bed.promise(again, { epoch: 1, position: 5 });
    expect(bed.record?.primary).toBe('store-r1');
    expect(bed.refusalOf(bed.register('w1', { store: 'emptied', shard: 's1' }))).toBeUndefined();
    expect(bed.memberOf('w1')).toMatchObject({ shard: 's1', role: 'learner', store: 'emptied' });
  });

  test('an emptied directory never takes the place of the primary that the shard waits for', () => {
    const bed = new InfoShell(1);
    const w1 = bed.register('w1');
    bed.disconnect(w1);
    bed.register('w1', { store: 'emptied' });
    expect(bed.record?.primary).toBe('store-w1');
    expect(bed.refusalOf(bed.register('w9', { store: 'other', shard: 's1' }))).toBe('shard-taken');
  });
});

describe('a second node under the name of a member that counts', () => {
  const twin: Partial<Registration> = { role: 'read-shard', store: 'twin', incarnation: 9 };

  test('gets no place while that one may come back: its session broke, or info started', () => {
    const bed = new InfoShell(1);
    const [w1, r1] = bed.group('r1');
    bed.disconnect(r1 ?? 0);
    bed.passHeard(deadAfterMs - reportMs, w1);
    expect(bed.refusalOf(bed.register('r1', twin))).toBe('name-taken');
    // What is stored says that it is dead, and not since when.
    bed.restart(1);
    expect(bed.memberOf('r1')?.alive).toBe(false);
    const again = bed.register('w1');
    bed.passHeard(deadAfterMs - reportMs, again);
    expect(bed.refusalOf(bed.register('r1', twin))).toBe('name-taken');
    bed.register('r1', { role: 'read-shard' });
    expect(bed.topology.shards[0]?.members.map(({ store }) => store)).toEqual(['store-w1', 'store-r1']);
  });

  test('takes its place once it is dead for long enough, and at once when it has left', () => {
    const bed = new InfoShell(1);
    const [w1, r1, r2] = bed.group('r1', 'r2');
    bed.disconnect(r1 ?? 0);
    bed.passHeard(deadAfterMs, w1, r2);
    bed.register('r1', twin);
    expect(bed.memberOf('r1')).toMatchObject({ store: 'twin', role: 'learner' });
    bed.run(bed.cluster.onLeave(r2 ?? 0, bed.nowMs));
    bed.disconnect(r2 ?? 0);
    bed.register('r2', { ...twin, store: 'other' });
    expect(bed.memberOf('r2')).toMatchObject({ store: 'other', role: 'learner' });
    expect(bed.record?.members).toEqual(['store-w1', 'store-r1', 'store-r2']);
  });

  test('does not keep that one out, which is asked to promise when the primary dies', () => {
    const bed = new InfoShell(1);
    const [w1, r1] = bed.group('r1');
    bed.disconnect(r1 ?? 0);
    bed.passHeard(deadAfterMs, w1);
    const second = bed.register('r1', twin);
    const back = bed.register('r1', { role: 'read-shard', cluster: 'cluster-1', shard: 's1' });
    expect(bed.refusalOf(back)).toBeUndefined();
    expect(bed.topology.shards[0]?.members.map(({ store }) => store)).toEqual(['store-w1', 'twin', 'store-r1']);
    expect(bed.ended).not.toContain(second);
    bed.disconnect(w1 ?? 0);
    bed.promise(back);
    expect(bed.record).toMatchObject({ primary: 'store-r1', members: ['store-w1', 'store-r1'] });
    const lost = bed.register('r1', { role: 'read-shard', shard: 's2', incarnation: 2 });
    expect(bed.refusalOf(lost)).toBe('other-shard');
  });

  test('becomes no new shard while the only primary may come back, and does not keep it out', () => {
    const bed = new InfoShell(1);
    bed.disconnect(bed.register('w1'));
    expect(bed.refusalOf(bed.register('w1', { store: 'twin' }))).toBe('name-taken');
    bed.pass(deadAfterMs);
    bed.register('w1', { store: 'twin' });
    expect(bed.topology.shards).toHaveLength(2);
    const back = bed.register('w1', { shard: 's1' });
    expect(bed.refusalOf(back)).toBeUndefined();
    expect(bed.topology.shards[0]?.members[0]).toMatchObject({ store: 'store-w1', alive: true });
  });
});
