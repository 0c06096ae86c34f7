import { describe, expect, test } from 'vitest';
import type { LeadingEffect, LeadingFacts } from './leading-group.ts';
import { LeadingGroup } from './leading-group.ts';
import type { Configuration } from './node-message.ts';

const leaseMs = 2000;
const tickMs = 50;
const openingPosition = 11;
const MIB = 1024 * 1024;
const unreplicatedBytesMax = 128 * MIB;

function configuration(change: Partial<Configuration> = {}): Configuration {
  return {
    shard: 's1',
    epoch: 5,
    primarySince: 5,
    primary: 'a',
    members: ['a'],
    quorum: 1,
    configuredSize: 1,
    primaryEndpoints: [],
    leaseMs,
    ...change,
  };
}

const two = configuration({ members: ['a', 'b'], quorum: 2, configuredSize: 2 });
const three = configuration({ members: ['a', 'b', 'c'], quorum: 2, configuredSize: 3 });

/** Runs the machine as a primary does: beacons and ticks, answered by whoever lives. */
class Primary {
  readonly group: LeadingGroup;
  readonly effects: LeadingEffect[] = [];
  nowMs = 1000;
  lastPosition = openingPosition;
  readonly living = new Set<string>();

  constructor(known: Configuration) {
    const { nowMs } = this;
    this.group = new LeadingGroup({ self: 'a', configuration: known, openingPosition, unreplicatedBytesMax, nowMs });
  }

  get facts(): LeadingFacts {
    return { lastPosition: this.lastPosition, nowMs: this.nowMs, wallMs: this.nowMs };
  }

  get mayAct(): boolean {
    return this.group.mayAct(this.nowMs, this.nowMs);
  }

  take(effects: readonly LeadingEffect[]): void {
    this.effects.push(...effects);
  }

  kinds(): string[] {
    return this.effects.splice(0).map((effect) => (effect.kind === 'propose' ? effect.proposal.change : effect.kind));
  }

  beacon(): void {
    const number = this.group.beacon(this.facts);
    if (number !== undefined) for (const store of this.living) this.group.onGrant(store, number);
  }

  /** A follower with an open stream, which grants from now on. */
  follow(store: string): void {
    this.living.add(store);
    this.group.onFollower(store);
    this.beacon();
  }

  /** Entries of a mebibyte each, synced here. */
  write(count: number): void {
    for (const last = this.lastPosition + count; this.lastPosition < last; ) {
      this.lastPosition += 1;
      this.group.onAppended(this.lastPosition, MIB);
    }
    this.sync();
  }

  sync(position = this.lastPosition): void {
    this.take(this.group.onSynced(position, this.facts));
  }

  acknowledge(store: string, position = this.lastPosition): void {
    this.take(this.group.onAcknowledged(store, position, this.facts));
  }

  configure(known: Configuration, isFresh = false): void {
    this.take(this.group.onConfiguration(known, isFresh, this.facts));
  }

  pass(milliseconds: number): void {
    for (const endMs = this.nowMs + milliseconds; this.nowMs < endMs; ) {
      this.nowMs += tickMs;
      if (this.nowMs % 250 === 0) this.beacon();
      this.take(this.group.tick(this.facts));
    }
  }
}

/** Active, with its followers level. */
function active(known: Configuration): Primary {
  const primary = new Primary(known);
  for (const store of known.members) if (store !== 'a') primary.follow(store);
  primary.sync();
  for (const store of primary.living) primary.acknowledge(store);
  expect(primary.kinds()).toEqual(['activate']);
  expect(primary.mayAct).toBe(true);
  return primary;
}

describe('a new primary', () => {
  test('does nothing before its opening entry is safe on a quorum', () => {
    const primary = new Primary(three);
    primary.follow('b');
    primary.sync();
    expect(primary.mayAct).toBe(false);
    primary.acknowledge('b', openingPosition - 1);
    primary.acknowledge('x');
    expect(primary.mayAct).toBe(false);
    primary.acknowledge('b');
    expect(primary.kinds()).toEqual(['activate']);
    expect(primary.mayAct).toBe(true);
  });

  test('removes the dead one that it followed, and opens alone', () => {
    const primary = new Primary(two);
    primary.sync();
    primary.pass(600);
    expect(primary.effects).toEqual([{ kind: 'propose', proposal: { epoch: 5, change: 'remove', store: 'b' } }]);
    expect(primary.mayAct).toBe(false);
    primary.configure(configuration({ epoch: 6 }));
    expect(primary.kinds()).toEqual(['remove', 'activate']);
    expect(primary.mayAct).toBe(true);
  });

  test('of three that hears nobody stays where it is: each change would need a quorum that it has not', () => {
    const primary = new Primary(three);
    primary.sync();
    primary.pass(20_000);
    expect(primary.kinds()).toEqual([]);
    expect(primary.mayAct).toBe(false);
  });
});

describe('the lease', () => {
  test('is what it acts under: without grants it stops, with one again it goes on', () => {
    const primary = active(three);
    primary.living.clear();
    primary.pass(1750);
    expect(primary.mayAct).toBe(true);
    primary.pass(100);
    expect(primary.mayAct).toBe(false);
    primary.living.add('c');
    primary.beacon();
    expect(primary.mayAct).toBe(true);
  });

  test('a primary whose sync hangs for longer than a lease asks for none', () => {
    const primary = active(two);
    primary.lastPosition += 1;
    primary.group.onSyncWanted(primary.lastPosition, primary.nowMs);
    primary.pass(leaseMs);
    expect(primary.group.beacon(primary.facts)).toBeDefined();
    primary.pass(tickMs);
    expect(primary.group.beacon(primary.facts)).toBeUndefined();
    primary.sync();
    expect(primary.group.beacon(primary.facts)).toBeDefined();
  });

  test('a primary asks for it also while entries wait that nobody has asked to sync', () => {
    const primary = active(two);
    primary.lastPosition += 1;
    primary.group.onSyncWanted(primary.lastPosition, primary.nowMs);
    const wanted = primary.lastPosition;
    primary.lastPosition += 1;
    primary.sync(wanted);
    primary.pass(3 * leaseMs);
    expect(primary.group.beacon(primary.facts)).toBeDefined();
    expect(primary.mayAct).toBe(true);
  });

  test('a primary without a lease for two leases is silent for two, so that others may promise', () => {
    const primary = active(three);
    primary.living.clear();
    const asks = (): boolean => primary.group.beacon(primary.facts) !== undefined;
    primary.pass(1800 + 2 * leaseMs);
    expect(asks()).toBe(true);
    primary.pass(100);
    expect(asks()).toBe(false);
    primary.pass(2 * leaseMs - 200);
    expect(asks()).toBe(false);
    primary.pass(300);
    expect(asks()).toBe(true);
  });

  test('a shorter one that info asks for counts at once', () => {
    const primary = active(two);
    primary.configure({ ...two, leaseMs: 1000 });
    expect(primary.group.leaseMs).toBe(1000);
    primary.configure({ ...two, leaseMs: 9000 });
    expect(primary.group.leaseMs).toBe(1000);
  });

  test('nothing is done after the end', () => {
    const primary = active(configuration());
    primary.group.stop();
    expect(primary.mayAct).toBe(false);
    expect(primary.group.beacon(primary.facts)).toBeUndefined();
    primary.pass(1000);
    expect(primary.kinds()).toEqual([]);
  });
});

describe('losing a member', () => {
  test('is asked for before the lease is at risk, so that a shard of two goes on without a stop', () => {
    const primary = active(two);
    primary.living.clear();
    primary.pass(1250);
    expect(primary.kinds()).toEqual(['remove']);
    expect(primary.mayAct).toBe(true);
    primary.configure(configuration({ epoch: 6, configuredSize: 2 }));
    primary.pass(10_000);
    expect(primary.mayAct).toBe(true);
    expect(primary.group.hasQuorum).toBe(false);
  });

  test('from asking until the outcome is known, both groups must have an entry and grant the lease', () => {
    const primary = active(three);
    primary.living.delete('c');
    primary.pass(1250);
    expect(primary.kinds()).toEqual(['remove']);
    primary.lastPosition = 20;
    primary.sync();
    primary.acknowledge('c');
    expect(primary.group.quorumPosition).toBe(openingPosition);
    primary.acknowledge('b');
    expect(primary.group.quorumPosition).toBe(20);
    primary.living.delete('b');
    primary.living.add('c');
    primary.pass(1850);
    expect(primary.mayAct).toBe(false);
    // It was refused: c alone is as good as b was.
    primary.take(primary.group.onProposalRefused(5, primary.facts));
    expect(primary.mayAct).toBe(true);
  });

  test('is asked for only when all that it held then is synced on the new group', () => {
    const primary = active(three);
    primary.living.delete('c');
    primary.lastPosition = 20;
    primary.sync();
    primary.pass(1250);
    expect(primary.kinds()).toEqual([]);
    expect(primary.group.wantedPosition).toBe(20);
    primary.lastPosition = 30;
    primary.acknowledge('b', 20);
    expect(primary.kinds()).toEqual(['remove']);
  });

  // The schedule: b is slow to come over to a new primary, and c, the former one, ends. Without b there is no quorum
  // of the group that the removal would leave, and until it was given up nothing was safe on a quorum of both.
  test('that is heard again is wanted no longer: one that is lost meanwhile is asked for instead', () => {
    const primary = new Primary(three);
    primary.follow('c');
    primary.sync();
    primary.acknowledge('c');
    expect(primary.kinds()).toEqual(['activate']);
    primary.lastPosition = 20;
    primary.sync();
    primary.pass(leaseMs * 0.25 + tickMs);
    expect([primary.kinds(), primary.group.wantedPosition]).toEqual([[], 20]);
    primary.living.delete('c');
    primary.follow('b');
    primary.pass(2 * tickMs);
    primary.lastPosition = 30;
    primary.sync();
    primary.acknowledge('b');
    expect(primary.group.quorumPosition).toBe(30);
    primary.pass(leaseMs * 0.75);
    expect(primary.effects).toMatchObject([{ kind: 'propose', proposal: { change: 'remove', store: 'c' } }]);
  });

  test('a proposal that was lost with its session is in force until the first configuration of the next one', () => {
    const primary = active(three);
    primary.living.delete('c');
    primary.pass(1250);
    expect(primary.kinds()).toEqual(['remove']);
    primary.configure(three);
    primary.pass(10_000);
    expect(primary.kinds()).toEqual([]);
    primary.configure(three, true);
    primary.pass(tickMs);
    expect(primary.kinds()).toEqual(['remove']);
  });

  test('a refusal of another epoch says nothing, and after one of its own it takes a breath', () => {
    const primary = active(two);
    primary.living.clear();
    primary.pass(1250);
    primary.take(primary.group.onProposalRefused(4, primary.facts));
    primary.pass(100);
    expect(primary.kinds()).toEqual(['remove']);
    primary.take(primary.group.onProposalRefused(5, primary.facts));
    primary.pass(150);
    expect(primary.kinds()).toEqual([]);
    primary.pass(100);
    expect(primary.kinds()).toEqual(['remove']);
  });

  test('is not asked for when it was the primary itself that stood still', () => {
    const primary = active(two);
    primary.nowMs += 1500;
    primary.take(primary.group.tick(primary.facts));
    primary.pass(500);
    expect(primary.kinds()).toEqual([]);
  });
});

describe('a member that lives and lags', () => {
  test('is removed when half of what may be on no quorum is, if the others are a quorum that keeps up', () => {
    const primary = active(two);
    primary.write(60);
    primary.pass(tickMs);
    expect([primary.kinds(), primary.group.isFull]).toEqual([[], false]);
    primary.write(6);
    primary.pass(tickMs);
    expect(primary.kinds()).toEqual(['remove']);
    expect(primary.group.quorumPosition).toBe(openingPosition);
    primary.configure(configuration({ epoch: 6, configuredSize: 2 }));
    expect(primary.group.quorumPosition).toBe(primary.lastPosition);
    primary.write(1000);
    primary.pass(1000);
    expect([primary.kinds(), primary.group.isFull, primary.mayAct]).toEqual([[], false, true]);
  });

  test('is the slowest of those that hold the quorum back', () => {
    const four = configuration({ members: ['a', 'b', 'c', 'd'], quorum: 3, configuredSize: 4 });
    const primary = active(four);
    primary.write(40);
    primary.acknowledge('c');
    primary.write(80);
    primary.acknowledge('b');
    primary.pass(tickMs);
    expect(primary.effects).toMatchObject([{ kind: 'propose', proposal: { change: 'remove', store: 'd' } }]);
  });

  test('stays when it holds nothing back', () => {
    const primary = active(three);
    primary.write(100);
    primary.acknowledge('b');
    primary.write(30);
    primary.pass(1000);
    expect(primary.kinds()).toEqual([]);
  });

  test('stays when the others would be no quorum that keeps up: then the log is full', () => {
    const primary = active(three);
    primary.write(127);
    primary.pass(10_000);
    expect([primary.kinds(), primary.group.isFull]).toEqual([[], false]);
    primary.write(3);
    expect(primary.group.isFull).toBe(true);
    primary.acknowledge('c', primary.lastPosition - 50);
    expect(primary.group.isFull).toBe(false);
  });

  test('that comes closer before it is asked for is wanted away no longer', () => {
    const primary = active(two);
    primary.write(68);
    primary.lastPosition += 1;
    primary.pass(tickMs);
    expect([primary.kinds(), primary.group.wantedPosition]).toEqual([[], primary.lastPosition]);
    primary.acknowledge('b', primary.lastPosition - 10);
    primary.pass(tickMs);
    primary.sync();
    expect(primary.kinds()).toEqual([]);
  });
});

describe('winning a member', () => {
  test('happens by itself once a follower grants and is level, and is asked for at the barrier', () => {
    const primary = active(configuration({ configuredSize: 2 }));
    primary.lastPosition = 5000;
    primary.sync();
    primary.follow('b');
    primary.acknowledge('b', 10);
    primary.pass(100);
    expect(primary.kinds()).toEqual([]);
    primary.acknowledge('b', 4000);
    primary.pass(100);
    expect(primary.kinds()).toEqual([]);
    // Wanted, not asked for yet: an entry needs both already, or the barrier would never be reached under load.
    expect(primary.group.quorumPosition).toBe(5000);
    primary.lastPosition = 6000;
    primary.sync();
    expect(primary.group.quorumPosition).toBe(5000);
    primary.acknowledge('b', 5000);
    expect(primary.kinds()).toEqual(['add']);
  });

  test('a follower that grants no lease, or has no stream, becomes none', () => {
    const primary = active(configuration());
    primary.group.onFollower('b');
    primary.acknowledge('b');
    primary.pass(1000);
    expect(primary.kinds()).toEqual([]);
    primary.living.add('b');
    primary.group.onFollowerGone('b');
    primary.pass(1000);
    expect(primary.kinds()).toEqual([]);
  });

  test('one that hangs before it is asked for costs no lease, and is given up', () => {
    const primary = active(configuration());
    primary.lastPosition = 20;
    primary.sync();
    primary.follow('b');
    primary.acknowledge('b', 15);
    primary.pass(100);
    primary.lastPosition = 30;
    primary.sync();
    expect(primary.group.quorumPosition).toBe(20);
    primary.living.clear();
    primary.pass(900);
    expect(primary.mayAct).toBe(true);
    primary.pass(500);
    expect(primary.group.quorumPosition).toBe(30);
    expect(primary.kinds()).toEqual([]);
  });

  test('one that hangs after it was asked for costs the lease until the outcome is known', () => {
    const primary = active(configuration());
    primary.follow('b');
    primary.acknowledge('b');
    primary.pass(100);
    expect(primary.kinds()).toEqual(['add']);
    primary.living.clear();
    primary.pass(leaseMs);
    expect(primary.mayAct).toBe(false);
    primary.configure(configuration(), true);
    expect(primary.mayAct).toBe(true);
  });
});

describe('a planned hand-over', () => {
  test('holds writes, not reads, until the other one is level, and says so once', () => {
    const primary = active(two);
    primary.lastPosition = 20;
    primary.take(primary.group.handOver('b', primary.facts));
    expect(primary.group.state.kind).toBe('holding');
    expect(primary.mayAct).toBe(true);
    expect(primary.group.wantedPosition).toBe(20);
    primary.sync();
    expect(primary.kinds()).toEqual([]);
    primary.acknowledge('b', 20);
    primary.pass(100);
    expect(primary.effects).toEqual([{ kind: 'handed-over', to: 'b' }]);
  });

  test('that takes too long is given up', () => {
    const primary = active(two);
    primary.lastPosition = 20;
    primary.take(primary.group.handOver('b', primary.facts));
    primary.pass(1000);
    expect(primary.kinds()).toEqual([]);
    primary.pass(tickMs);
    expect(primary.kinds()).toEqual(['resume']);
    expect(primary.group.state.kind).toBe('active');
  });

  test('is said again in the next session with info', () => {
    const primary = active(two);
    primary.take(primary.group.handOver('b', primary.facts));
    expect(primary.kinds()).toEqual(['handed-over']);
    primary.configure(two, true);
    expect(primary.kinds()).toEqual(['handed-over']);
    // Info answers for the epoch that it knows: what was said in the one before is not heard.
    primary.configure({ ...two, epoch: 6 });
    expect(primary.kinds()).toEqual(['handed-over']);
  });

  test('goes to another member only', () => {
    const primary = active(two);
    for (const store of ['a', 'x']) primary.take(primary.group.handOver(store, primary.facts));
    expect(primary.group.state.kind).toBe('active');
  });
});

test('quorum writes need members that are a quorum of the shard at its fullest', () => {
  const hasQuorum = (members: readonly string[], configuredSize: number): boolean =>
    new Primary(configuration({ members, quorum: Math.floor(members.length / 2) + 1, configuredSize })).group.hasQuorum;
  expect(hasQuorum(['a'], 1)).toBe(true);
  expect(hasQuorum(['a'], 2)).toBe(false);
  expect(hasQuorum(['a', 'b'], 3)).toBe(true);
  expect(hasQuorum(['a', 'b'], 4)).toBe(false);
});
