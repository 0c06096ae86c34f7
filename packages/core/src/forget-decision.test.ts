import { describe, expect, test } from 'vitest';
import { Cluster } from './cluster.ts';
import type { ShardRecord } from './cluster-state.ts';
import { checkClusterState } from './cluster-state.ts';
import type { NodeReport } from './node-message.ts';
import type { Member } from './topology.ts';

const zero = { epoch: 0, position: 0 };
const serving: NodeReport = {
  lastEntry: zero,
  applied: zero,
  lagEntries: 0,
  lagMs: 0,
  serving: true,
  recordCount: 0,
  operationsPerSecond: 0,
};

/** One shard, which w1 leads. */
class ShardBed {
  readonly cluster = new Cluster({
    initialShards: 1,
    reportMs: 500,
    deadAfterMs: 3000,
    leaseMs: 2000,
    rollCallMs: 0,
    fencing: 0,
    self: { node: 'info', endpoints: [], host: '', pid: 0 },
    newCluster: 'cluster-1',
    state: undefined,
  });
  readonly #sessions = new Map<string, number>();

  constructor() {
    this.cluster.start(0);
    this.join('w1');
  }

  join(node: string, incarnation = 1): void {
    const session = this.#sessions.size + 1;
    this.#sessions.set(incarnation === 1 ? node : `${node}-${incarnation}`, session);
    const role = node === 'w1' ? 'write-shard' : 'read-shard';
    const endpoints = [{ network: '', address: `${node}:1` }];
    const known = { cluster: '', shard: '', seenEpoch: 0, promisedEpoch: 0, lastEntry: zero, host: '', pid: 0 };
    this.cluster.onOpen(session, 0);
    this.cluster.onRegister(session, { node, role, store: `store-${node}`, endpoints, incarnation, ...known }, 0);
    this.cluster.onReport(session, serving, 0);
  }

  die(node: string): void {
    this.cluster.onDisconnect(this.#sessions.get(node) ?? 0, 0);
  }

  /** The primary wins or loses a member. */
  change(change: 'add' | 'remove', node: string): void {
    const proposal = { epoch: this.record?.epoch ?? 0, change, store: `store-${node}` };
    this.cluster.onMessage(this.#sessions.get('w1') ?? 0, { kind: 'propose', proposal }, 0);
  }

  forget(node: string): string | undefined {
    return this.forgetAll(node).at(-1);
  }

  forgetAll(...nodes: readonly string[]): readonly (string | undefined)[] {
    const { outcomes } = this.cluster.onForget(nodes);
    checkClusterState(this.cluster.state);
    return outcomes.map(({ refused }) => refused);
  }

  memberOf(node: string): Member | undefined {
    return this.cluster.state.topology.shards[0]?.members.find((member) => member.node === node);
  }

  get record(): ShardRecord | undefined {
    return this.cluster.state.records[0];
  }
}

function trio(): ShardBed {
  const bed = new ShardBed();
  for (const node of ['r1', 'r2']) {
    bed.join(node);
    bed.change('add', node);
  }
  return bed;
}

describe('the size that a shard is meant to have', () => {
  test('does not rise with replicas that are replaced under other names', () => {
    const bed = trio();
    for (const [dead, next] of [
      ['r1', 'r3'],
      ['r2', 'r4'],
      ['r3', 'r5'],
    ] as const) {
      bed.die(dead);
      bed.change('remove', dead);
      bed.join(next);
      bed.change('add', next);
    }
    expect(bed.cluster.state.topology.shards[0]?.members).toHaveLength(6);
    expect(bed.record).toMatchObject({ configuredSize: 3, quorum: 2, members: ['store-w1', 'store-r4', 'store-r5'] });
    // Nor does it change when those are forgotten.
    for (const dead of ['r1', 'r2', 'r3']) {
      expect(bed.forget(dead)).toBeUndefined();
      expect(bed.record?.configuredSize).toBe(3);
    }
  });

  test('does not rise above what may count, however many replicas there are', () => {
    const bed = new ShardBed();
    for (let index = 1; index <= 12; index += 1) bed.join(`r${index}`);
    expect(bed.record?.configuredSize).toBe(7);
  });

  test('falls by a replica that is forgotten, unless that lives, counts or leads', () => {
    const bed = trio();
    expect(bed.forget('w1')).toContain('is the primary');
    expect(bed.forget('r1')).toContain('is alive');
    expect(bed.forget('r9')).toContain('there is no node');
    bed.die('r1');
    expect(bed.forget('r1')).toContain('still counts');
    bed.change('remove', 'r1');
    expect(bed.record).toMatchObject({ configuredSize: 3, quorum: 2 });
    const before = bed.record;
    expect(bed.forget('r1')).toBeUndefined();
    expect(bed.memberOf('r1')).toBeUndefined();
    // Who counts, and how many of them are a quorum, stays as it is.
    expect(bed.record).toMatchObject({ configuredSize: 2, quorum: 2, epoch: before?.epoch, members: before?.members });
    bed.join('r1', 2);
    expect(bed.memberOf('r1')?.role).toBe('replica');
    expect(bed.record?.configuredSize).toBe(3);
  });

  test('falls once for a name, however often that is said, until it was left out once', () => {
    const bed = trio();
    for (const node of ['r1', 'r2']) {
      bed.die(node);
      bed.change('remove', node);
    }
    expect(bed.forgetAll('r1', 'r9', 'r2')).toEqual([undefined, expect.stringContaining('there is no'), undefined]);
    expect(bed.record?.configuredSize).toBe(1);
    // Another has the name of one of them now, and is away for a moment when info starts.
    bed.join('r1', 2);
    bed.die('r1-2');
    const before = bed.cluster.state;
    expect(bed.forgetAll('r2', 'r1')).toEqual(Array(2).fill(expect.stringContaining('was forgotten before')));
    expect(bed.cluster.state).toBe(before);
    expect(bed.record?.configuredSize).toBe(2);
    expect(bed.forgetAll('r2')).toHaveLength(1);
    expect(bed.forgetAll('r2', 'r1')).toEqual([expect.stringContaining('was forgotten before'), undefined]);
    expect(bed.record?.configuredSize).toBe(1);
  });

  test('never falls below the members that there are', () => {
    const bed = trio();
    bed.join('r3');
    expect(bed.record?.configuredSize).toBe(4);
    bed.die('r3');
    expect(bed.forget('r3')).toBeUndefined();
    expect(bed.record).toMatchObject({ configuredSize: 3, members: ['store-w1', 'store-r1', 'store-r2'] });
  });

  test('is no reason to forget a member that counts when there is no room for another replica', () => {
    const bed = trio();
    bed.die('r1');
    for (let index = 3; index <= 63; index += 1) bed.join(`r${index}`);
    bed.die('r5');
    bed.join('r64');
    expect([bed.memberOf('r1')?.alive, bed.memberOf('r5')]).toEqual([false, undefined]);
  });
});
