import { LeadingGroup } from '@edis/core';
import { describe, expect, it } from 'vitest';
import { LeaderObserver, watchLeadingGroups } from './leader-observer.ts';
import type { Breach } from './log-observer.ts';

const members = ['a', 'b', 'c'] as const;

/** A primary as its machine shows it: what it may and what it believes is whatever a test says. */
class Leader {
  mayActNow = true;
  quorumPosition = 0;
  state: LeadingGroup['state'] = { kind: 'active' };
  readonly configuration: LeadingGroup['configuration'];

  constructor(primary: string, epoch: number) {
    this.configuration = configurationOf(primary, epoch);
  }

  mayAct(): boolean {
    return this.mayActNow;
  }
}

function configurationOf(primary: string, epoch: number): LeadingGroup['configuration'] {
  return {
    shard: 's1',
    epoch,
    primarySince: epoch,
    primary,
    primaryEndpoints: [],
    members,
    quorum: 2,
    configuredSize: 3,
    leaseMs: 1000,
  };
}

interface Bed {
  readonly observer: LeaderObserver;
  /** Up to where each store has synced, all of it in epoch 1. */
  readonly synced: Map<string, number>;
  readonly found: () => string[];
}

/** Members that all run; what they have synced is in epoch 1. */
function bed(): Bed {
  const breaches: Breach[] = [];
  const synced = new Map<string, number>();
  const observer = new LeaderObserver({
    hasSynced: (store, position, epoch) => epoch === 1 && (synced.get(store) ?? 0) >= position,
    onBreach: (breach) => breaches.push(breach),
  });
  for (const store of members) start(observer, store);
  return { observer, synced, found: () => breaches.map(({ rule, what }) => `${rule}: ${what}`) };
}

function start(observer: LeaderObserver, store: string): void {
  observer.onStarted(store, {
    member: `m-${store}`,
    store: { epochAt: () => 1 },
    clocks: { monotonicMs: 0, wallMs: 0 },
  });
}

describe('of those who lead', () => {
  it('two who may act at a time are found out, in whatever epochs', () => {
    const { observer, found } = bed();
    const first = new Leader('a', 1);
    const second = new Leader('b', 2);
    observer.onGroup(first);
    observer.onGroup(second);
    first.mayActNow = false;
    observer.look();
    expect(found()).toEqual([]);
    first.mayActNow = true;
    observer.look();
    observer.look();
    expect(found()).toEqual(['one acts at a time: m-a and m-b may both act, in epochs 1 and 2']);
  });

  it('one whose process has ended, or that leads no more, does not act', () => {
    const { observer, found } = bed();
    const [ended, stopped, late] = [new Leader('a', 1), new Leader('b', 2), new Leader('a', 1)];
    observer.onGroup(ended);
    observer.onGroup(stopped);
    observer.onGroup(new Leader('c', 3));
    observer.onEnded('a');
    stopped.state = { kind: 'stopped' };
    // Code of the process that has ended runs on for a moment, and is nobody's in the next one.
    observer.onGroup(late);
    start(observer, 'a');
    observer.onGroup(late);
    observer.look();
    expect(found()).toEqual([]);
  });

  it('nothing is judged any more once an operator gave up what is safe', () => {
    const { observer, found } = bed();
    observer.onGroup(new Leader('a', 1));
    observer.onUnsafe();
    observer.onGroup(new Leader('b', 2));
    observer.onAcknowledged('a', 1);
    observer.look();
    expect(found()).toEqual([]);
  });
});

describe('what a primary takes for safe on a quorum', () => {
  it('is found out when the stores of its members say otherwise, a learner left out', () => {
    const { observer, synced, found } = bed();
    const leader = new Leader('a', 1);
    observer.onGroup(leader);
    leader.quorumPosition = 5;
    for (const [store, position] of [['a', 5] as const, ['b', 5] as const]) synced.set(store, position);
    observer.look();
    expect(found()).toEqual([]);
    synced.set('b', 4);
    synced.set('learner', 5);
    observer.look();
    observer.look();
    const what = 'm-a takes for safe 1:5, and 1 too few of the 3 members of epoch 1 have it synced';
    expect(found()).toEqual([`a quorum has it: ${what}`]);
  });

  it('binds it only while it may act: others may cut what a deposed one has heard of', () => {
    const { observer, found } = bed();
    const leader = new Leader('a', 1);
    observer.onGroup(leader);
    leader.mayActNow = false;
    leader.quorumPosition = 5;
    observer.look();
    expect(found()).toEqual([]);
  });

  it('is looked at in the moment in which it acknowledges a write', () => {
    const { observer, synced, found } = bed();
    observer.onGroup(new Leader('a', 1));
    for (const store of ['a', 'c']) synced.set(store, 7);
    observer.onAcknowledged('a', 7);
    expect(found()).toEqual([]);
    observer.onAcknowledged('a', 8);
    const what = 'm-a acknowledges 1:8, and 2 too few of the 3 members of epoch 1 have it synced';
    expect(found()).toEqual([`a quorum has it: ${what}`]);
  });
});

describe('the machines of primaries', () => {
  it('are told of when they are asked whether they may act', () => {
    const seen: string[] = [];
    watchLeadingGroups(({ configuration }) => seen.push(configuration.primary));
    const configuration = configurationOf('b', 4);
    const options = { self: 'b', configuration, openingPosition: 1, unreplicatedBytesMax: 0, nowMs: 0 };
    expect([new LeadingGroup(options).mayAct(0, 0), seen]).toEqual([false, ['b']]);
    watchLeadingGroups(() => {});
  });
});
