import type { LeadingGroup } from '@edis/core';
import { describe, expect, it } from 'vitest';
import { LeaderObserver } from './leader-observer.ts';
import type { Breach } from './log-observer.ts';

const members = ['a', 'b', 'c'] as const;

/** A primary as its machine shows it: what it may and what it believes is whatever a test says. */
class Leader {
  mayActNow = true;
  quorumPosition = 0;
  state: LeadingGroup['state'] = { kind: 'active' };
  readonly configuration: LeadingGroup['configuration'];

  constructor(primary: string, epoch: number) {
    this.configuration = {
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

  mayAct(): boolean {
    return this.mayActNow;
  }
}

interface Bed {
  readonly observer: LeaderObserver;
  /** Begins to lead with it, as whom it names the primary. */
  readonly lead: (leader: Leader) => void;
  /** Shows no longer that it leads, whatever has become of what it led with. */
  readonly follow: (store: string) => void;
  /** Its process ends, and another one begins. */
  readonly restart: (store: string) => void;
  /** Up to where each store has synced, all of it in epoch 1. */
  readonly synced: Map<string, number>;
  readonly found: () => string[];
}

/** Members that all run, and follow; what they have synced is in epoch 1. */
function bed(): Bed {
  const breaches: Breach[] = [];
  const synced = new Map<string, number>();
  const leading = new Map<string, Leader | undefined>();
  const observer = new LeaderObserver({
    hasSynced: (store, position, epoch) => epoch === 1 && (synced.get(store) ?? 0) >= position,
    onBreach: (breach) => breaches.push(breach),
  });
  const start = (store: string): void => {
    observer.onStarted(store, {
      name: `m-${store}`,
      member: {
        get leading() {
          return leading.get(store);
        },
      },
      store: { epochAt: () => 1 },
      clocks: { continuousMs: 0, wallMs: 0 },
    });
  };
  for (const store of members) start(store);
  return {
    observer,
    synced,
    lead: (leader) => leading.set(leader.configuration.primary, leader),
    follow: (store) => leading.delete(store),
    restart: (store) => {
      observer.onEnded(store);
      leading.delete(store);
      start(store);
    },
    found: () => breaches.map(({ rule, what }) => `${rule}: ${what}`),
  };
}

describe('of those who lead', () => {
  it('two who may act at a time are found out, in whatever epochs', () => {
    const { observer, lead, found } = bed();
    const first = new Leader('a', 1);
    first.mayActNow = false;
    lead(first);
    lead(new Leader('b', 2));
    observer.look();
    expect(found()).toEqual([]);
    first.mayActNow = true;
    observer.look();
    observer.look();
    expect(found()).toEqual(['one acts at a time: m-a and m-b may both act, in epochs 1 and 2']);
  });

  it('one whose member shows it no longer, and that was not stopped, is found out, too', () => {
    const { observer, lead, follow, found } = bed();
    lead(new Leader('a', 1));
    observer.look();
    follow('a');
    lead(new Leader('b', 2));
    observer.look();
    expect(found()).toEqual(['one acts at a time: m-a and m-b may both act, in epochs 1 and 2']);
  });

  it('one whose process has ended, or that leads no more, does not act', () => {
    const { observer, lead, restart, found } = bed();
    lead(new Leader('a', 1));
    observer.look();
    restart('a');
    const stopped = new Leader('b', 2);
    lead(stopped);
    observer.look();
    stopped.state = { kind: 'stopped' };
    lead(new Leader('c', 3));
    observer.look();
    expect(found()).toEqual([]);
  });

  it('nothing is judged any more once an operator gave up what is safe', () => {
    const { observer, lead, found } = bed();
    lead(new Leader('a', 1));
    observer.look();
    observer.onUnsafe();
    lead(new Leader('b', 2));
    observer.onAcknowledged('a', 1);
    observer.look();
    expect(found()).toEqual([]);
  });
});

describe('what a primary takes for safe on a quorum', () => {
  it('is found out when the stores of its members say otherwise, a learner left out', () => {
    const { observer, lead, synced, found } = bed();
    const leader = new Leader('a', 1);
    lead(leader);
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
    const { observer, lead, found } = bed();
    const leader = new Leader('a', 1);
    lead(leader);
    leader.mayActNow = false;
    leader.quorumPosition = 5;
    observer.look();
    expect(found()).toEqual([]);
  });

  it('is looked at in the moment in which it acknowledges a write, and be it that of its end', () => {
    const { observer, lead, follow, synced, found } = bed();
    const leader = new Leader('a', 1);
    lead(leader);
    for (const store of ['a', 'c']) synced.set(store, 7);
    observer.onAcknowledged('a', 7);
    expect(found()).toEqual([]);
    leader.state = { kind: 'stopped' };
    follow('a');
    observer.onAcknowledged('a', 8);
    const what = 'm-a acknowledges 1:8, and 2 too few of the 3 members of epoch 1 have it synced';
    expect(found()).toEqual([`a quorum has it: ${what}`]);
  });
});
