import { describe, expect, test } from 'vitest';
import type { GroupMemberEffect, MemberFacts } from './group-member.ts';
import { GroupMember } from './group-member.ts';
import type { Configuration } from './node-message.ts';

const leaseMs = 2000;
const owedMs = 2200;

function configuration(change: Partial<Configuration> = {}): Configuration {
  return {
    shard: 's1',
    epoch: 5,
    primarySince: 5,
    primary: 'a',
    members: ['a', 'b', 'c'],
    quorum: 2,
    configuredSize: 3,
    primaryEndpoints: [],
    leaseMs,
    ...change,
  };
}

function facts(change: Partial<MemberFacts> = {}): MemberFacts {
  return { lastEntry: { epoch: 5, position: 10 }, leaseHeld: false, nowMs: 0, ...change };
}

function member(self: string, known: Configuration | undefined = configuration(), promisedEpoch = 0): GroupMember {
  const longestLeaseMs = known?.leaseMs ?? 0;
  return new GroupMember({ self, configuration: known, longestLeaseMs, promisedEpoch, startMs: 0 });
}

/** A process of a store that belongs to no group yet. */
function newcomer(self: string): GroupMember {
  return new GroupMember({ self, configuration: undefined, longestLeaseMs: 0, promisedEpoch: 0, startMs: 0 });
}

function kinds(effects: readonly GroupMemberEffect[]): string[] {
  return effects.map((effect) => (effect.kind === 'answer' ? effect.answer.kind : effect.kind));
}

const prepare = (epoch: number, preferred = '', releasedBy = ''): Parameters<GroupMember['onPrepare']>[0] => ({
  epoch,
  preferred,
  releasedBy,
});

/** `a` leads since epoch 5, as the process that promised it. */
function leader(): GroupMember {
  const machine = member('a', configuration({ epoch: 4, primarySince: 3, primary: 'b' }));
  machine.start(facts({ lastEntry: { epoch: 3, position: 9 } }));
  machine.onPrepare(prepare(5), facts({ nowMs: owedMs, lastEntry: { epoch: 3, position: 9 } }));
  machine.onPromiseSaved(facts({ lastEntry: { epoch: 3, position: 9 } }));
  expect(kinds(machine.onConfiguration(configuration(), facts({ lastEntry: { epoch: 3, position: 9 } })))).toEqual([
    'play',
  ]);
  expect(machine.part).toEqual({ kind: 'leading', epoch: 5, since: 5 });
  return machine;
}

describe('the part that a member plays', () => {
  test('it follows the primary of the last configuration that it saw, also before info is there', () => {
    const machine = member('b');
    expect(machine.start(facts())).toEqual([{ kind: 'play', part: { kind: 'following', epoch: 5, primary: 'a' } }]);
    expect(kinds(machine.onConfiguration(configuration({ epoch: 4, primary: 'c' }), facts()))).toEqual([]);
    expect(machine.part).toMatchObject({ primary: 'a' });
  });

  test('a restarted primary waits for its promotion', () => {
    const machine = member('a');
    expect(kinds(machine.start(facts()))).toEqual([]);
    expect(machine.part.kind).toBe('waiting');
  });

  test('a process does not lead an epoch that the one before it may have written in, synced at home or not', () => {
    const lastEntry = { epoch: 4, position: 9 };
    const machine = member('a', configuration(), 5);
    machine.start(facts({ lastEntry }));
    machine.onConfiguration(configuration(), facts({ lastEntry }));
    machine.onConfiguration(configuration({ epoch: 6 }), facts({ lastEntry }));
    expect(machine.part.kind).toBe('waiting');
  });

  test('the first process of a new store leads its own shard without a promise; one of a learner does not', () => {
    const lastEntry = { epoch: 0, position: 0 };
    const first = newcomer('a');
    first.start(facts({ lastEntry }));
    first.onConfiguration(configuration({ epoch: 1, primarySince: 1, members: ['a'] }), facts({ lastEntry }));
    expect(first.part).toEqual({ kind: 'leading', epoch: 1, since: 1 });
    const learner = newcomer('b');
    learner.onConfiguration(configuration(), facts({ lastEntry }));
    learner.onConfiguration(configuration({ epoch: 6, primarySince: 6, primary: 'b' }), facts({ lastEntry }));
    expect(learner.part.kind).toBe('waiting');
  });

  test('it goes on leading under other members, and stops at once under another primary', () => {
    const machine = leader();
    expect(kinds(machine.onConfiguration(configuration({ epoch: 6, members: ['a', 'b'] }), facts()))).toEqual(['play']);
    expect(machine.part).toEqual({ kind: 'leading', epoch: 6, since: 5 });
    const replaced = configuration({ epoch: 7, primarySince: 7, primary: 'b' });
    expect(kinds(machine.onConfiguration(replaced, facts()))).toEqual(['stop-leading', 'play']);
    expect(machine.part).toEqual({ kind: 'following', epoch: 7, primary: 'b' });
  });

  test('with entries of a later epoch than its configuration it waits: a replaced primary would cut them off', () => {
    const machine = member('b');
    const lastEntry = { epoch: 6, position: 11 };
    expect(kinds(machine.start(facts({ lastEntry })))).toEqual([]);
    expect(machine.part.kind).toBe('waiting');
  });

  test('a primary that promised says that it is idle when it is named again without a promotion', () => {
    const machine = leader();
    expect(machine.isIdlePrimary).toBe(false);
    machine.onPrepare(prepare(6), facts({ nowMs: owedMs }));
    machine.onPromiseSaved(facts());
    machine.onStopped(facts());
    machine.onConfiguration(configuration({ epoch: 7, members: ['a', 'c'] }), facts());
    expect([machine.part.kind, machine.isIdlePrimary]).toEqual(['waiting', true]);
    machine.onConfiguration(configuration({ epoch: 8, primarySince: 8, primary: 'c' }), facts());
    expect(machine.isIdlePrimary).toBe(false);
  });

  test('after a promise it listens to nobody until a configuration of that epoch or above', () => {
    const machine = member('b', configuration(), 7);
    machine.start(facts());
    expect(machine.part.kind).toBe('waiting');
    machine.onConfiguration(configuration({ epoch: 6 }), facts());
    expect(machine.part.kind).toBe('waiting');
    machine.onConfiguration(configuration({ epoch: 7 }), facts());
    expect(machine.part.kind).toBe('following');
  });
});

describe('a promise', () => {
  test('is durable before it is spoken, and fences from the moment in which it is being saved', () => {
    const machine = member('b');
    machine.start(facts());
    expect(machine.onBeacon('a', 5, 5, leaseMs, 0)).toBe(true);
    expect(machine.onPrepare(prepare(6), facts({ nowMs: owedMs }))).toEqual([{ kind: 'save-promise', epoch: 6 }]);
    expect(machine.fence).toBe(6);
    expect(machine.promisedEpoch).toBe(0);
    expect(machine.onBeacon('a', 5, 5, leaseMs, owedMs)).toBe(false);
    const effects = machine.onPromiseSaved(facts({ nowMs: owedMs }));
    expect(kinds(effects)).toEqual(['play', 'promised']);
    expect(effects[1]).toMatchObject({ answer: { promisedEpoch: 6, lastEntry: { epoch: 5, position: 10 } } });
    expect(machine.part.kind).toBe('waiting');
  });

  test('waits for the end of the longest lease that it may have granted since its start', () => {
    const machine = member('b');
    machine.start(facts());
    expect(machine.onPrepare(prepare(6), facts({ nowMs: 1 }))).toEqual([]);
    expect(machine.tick(facts({ nowMs: owedMs - 1 }))).toEqual([]);
    expect(kinds(machine.tick(facts({ nowMs: owedMs })))).toEqual(['save-promise']);
  });

  test('waits for as long as the primary is heard', () => {
    const machine = member('b');
    machine.start(facts());
    machine.onPrepare(prepare(6), facts({ nowMs: 1 }));
    for (let nowMs = 0; nowMs < 10_000; nowMs += 250) {
      expect(machine.onBeacon('a', 5, 5, leaseMs, nowMs)).toBe(true);
      expect(machine.tick(facts({ nowMs }))).toEqual([]);
    }
  });

  test('in favour of the holder’s next incarnation is made at once', () => {
    const machine = member('b');
    machine.start(facts());
    machine.onBeacon('a', 5, 5, leaseMs, 100);
    expect(kinds(machine.onPrepare(prepare(6, 'a'), facts({ nowMs: 100 })))).toEqual(['save-promise']);
  });

  test('a restarted primary promises its own return at once, and anybody else’s as late as any member', () => {
    const machine = member('a');
    machine.start(facts());
    expect(kinds(machine.onPrepare(prepare(6, 'a'), facts()))).toEqual(['save-promise']);
    const other = member('a');
    other.start(facts());
    expect(kinds(other.onPrepare(prepare(6), facts()))).toEqual([]);
  });

  test('is not made by a primary that holds its lease: it declines, and promises when it has lost it', () => {
    const machine = leader();
    expect(kinds(machine.onPrepare(prepare(6), facts({ leaseHeld: true })))).toEqual(['declined']);
    expect(machine.tick(facts({ leaseHeld: true }))).toEqual([]);
    expect(kinds(machine.tick(facts()))).toEqual(['save-promise']);
  });

  test('of an acting primary, its own successor, is spoken once it has stopped', () => {
    const machine = leader();
    expect(kinds(machine.onPrepare(prepare(6, 'a'), facts({ leaseHeld: true })))).toEqual(['save-promise']);
    expect(kinds(machine.onPromiseSaved(facts({ leaseHeld: true })))).toEqual(['stop-leading']);
    const stopped = machine.onStopped(facts({ lastEntry: { epoch: 5, position: 20 } }));
    expect(stopped.at(-1)).toMatchObject({ answer: { kind: 'promised', lastEntry: { position: 20 } } });
    machine.onConfiguration(configuration({ epoch: 6, primarySince: 6 }), facts());
    expect(machine.part).toEqual({ kind: 'leading', epoch: 6, since: 6 });
  });

  test('is withdrawn: what was asked for is not made later', () => {
    const machine = member('b');
    machine.start(facts());
    machine.onPrepare(prepare(6), facts());
    machine.onPrepare(prepare(0), facts());
    expect(machine.tick(facts({ nowMs: 99_999 }))).toEqual([]);
    machine.onPrepare(prepare(7), facts());
    machine.onSession();
    expect(machine.tick(facts({ nowMs: 99_999 }))).toEqual([]);
  });

  test('of too low an epoch is refused with what must be exceeded', () => {
    const machine = member('b', configuration(), 7);
    machine.start(facts());
    expect(machine.onPrepare(prepare(6), facts())).toMatchObject([{ answer: { kind: 'outdated', promisedEpoch: 7 } }]);
    const knowing = member('b', configuration({ epoch: 9 }), 7);
    expect(knowing.onPrepare(prepare(8), facts())).toMatchObject([{ answer: { kind: 'outdated', promisedEpoch: 9 } }]);
  });

  test('that was made already is said again, with the log as it is now', () => {
    const machine = member('b', configuration(), 6);
    machine.start(facts());
    const lastEntry = { epoch: 5, position: 3 };
    expect(machine.onPrepare(prepare(6, 'a'), facts({ lastEntry }))).toMatchObject([
      { answer: { kind: 'promised', promisedEpoch: 6, lastEntry } },
    ]);
    expect(machine.onPrepare(prepare(6), facts({ lastEntry, nowMs: owedMs }))).toMatchObject([
      { answer: { kind: 'promised', promisedEpoch: 6, lastEntry } },
    ]);
  });

  test('of a process that died before it was promoted is good for the next one, which then leads', () => {
    const machine = member('a', configuration(), 6);
    machine.start(facts());
    machine.onPrepare(prepare(6, 'a'), facts());
    machine.onConfiguration(configuration({ epoch: 6, primarySince: 6 }), facts());
    expect(machine.part).toEqual({ kind: 'leading', epoch: 6, since: 6 });
  });

  test('that is being saved when its configuration arrives ends in following it', () => {
    const machine = member('b');
    machine.start(facts());
    machine.onPrepare(prepare(6), facts({ nowMs: owedMs }));
    machine.onConfiguration(configuration({ epoch: 6, primarySince: 6, primary: 'c' }), facts());
    expect(machine.part).toEqual({ kind: 'following', epoch: 6, primary: 'c' });
    expect(kinds(machine.onPromiseSaved(facts()))).toEqual([]);
    expect(machine.part.kind).toBe('following');
  });

  test('that a higher one is asked for meanwhile is followed by that one', () => {
    const machine = member('b');
    machine.start(facts());
    machine.onPrepare(prepare(6), facts({ nowMs: owedMs }));
    expect(machine.onPrepare(prepare(8), facts({ nowMs: owedMs }))).toEqual([]);
    expect(kinds(machine.onPromiseSaved(facts({ nowMs: owedMs })))).toEqual(['play', 'save-promise']);
  });

  test('in favour of the holder is given to somebody else with the same number only when the lease has ended', () => {
    const machine = member('b');
    machine.start(facts());
    machine.onBeacon('a', 5, 5, leaseMs, 3000);
    machine.onPrepare(prepare(7, 'a'), facts({ nowMs: 3000 }));
    expect(kinds(machine.onPromiseSaved(facts({ nowMs: 3000 })))).toEqual(['play', 'promised']);
    machine.onSession();
    expect(kinds(machine.onPrepare(prepare(7, 'a'), facts({ nowMs: 3100 })))).toEqual(['promised']);
    machine.onSession();
    expect(machine.onPrepare(prepare(7, 'c'), facts({ nowMs: 3200 }))).toEqual([]);
    expect(machine.tick(facts({ nowMs: 3000 + owedMs - 1 }))).toEqual([]);
    expect(kinds(machine.tick(facts({ nowMs: 3000 + owedMs })))).toEqual(['promised']);
  });

  test('that is saved when the session in which it was asked for has ended is spoken to who asks next', () => {
    const machine = member('b');
    machine.start(facts());
    machine.onBeacon('a', 5, 5, leaseMs, 3000);
    machine.onPrepare(prepare(7, 'a'), facts({ nowMs: 3000 }));
    machine.onSession();
    expect(machine.onPrepare(prepare(7, 'c'), facts({ nowMs: 3000 }))).toEqual([]);
    expect(kinds(machine.onPromiseSaved(facts({ nowMs: 3000 })))).toEqual(['play']);
    expect(kinds(machine.tick(facts({ nowMs: 3000 + owedMs })))).toEqual(['promised']);
  });

  test('that was asked for in a session which has ended is made by nobody', () => {
    const machine = leader();
    expect(kinds(machine.onPrepare(prepare(6), facts({ leaseHeld: true })))).toEqual(['declined']);
    machine.onSession();
    expect(machine.tick(facts({ leaseHeld: false, nowMs: 60_000 }))).toEqual([]);
  });

  test('is made at once when the holder gave its lease back, and only for the reign that it ended', () => {
    const machine = member('b');
    machine.start(facts());
    machine.onBeacon('a', 5, 5, leaseMs, 3000);
    expect(kinds(machine.onPrepare(prepare(6, 'b', 'a'), facts({ nowMs: 3000 })))).toEqual(['save-promise']);
    const late = member('b');
    late.start(facts());
    late.onBeacon('a', 7, 7, leaseMs, 3000);
    expect(late.onPrepare(prepare(6, 'b', 'a'), facts({ nowMs: 3000 }))).toEqual([]);
    expect(late.tick(facts({ nowMs: 3000 + owedMs - 1 }))).toEqual([]);
  });
});

describe('a beacon', () => {
  test('of a lower epoch than was promised, or of an earlier reign, is granted nothing', () => {
    const machine = member('b', configuration({ epoch: 8, primarySince: 7 }), 6);
    machine.start(facts());
    expect(machine.onBeacon('x', 5, 5, leaseMs, 0)).toBe(false);
    expect(machine.onBeacon('x', 9, 6, leaseMs, 0)).toBe(false);
    expect(machine.onBeacon('a', 7, 7, leaseMs, 0)).toBe(true);
  });

  test('that asks for more than the member would wait for after a restart is granted nothing', () => {
    const machine = member('b');
    expect(machine.onBeacon('a', 5, 5, leaseMs + 1, 0)).toBe(false);
    const unknowing = newcomer('b');
    expect(unknowing.onBeacon('a', 5, 5, leaseMs, 0)).toBe(false);
  });

  test('or a promise of the reign itself makes a witness of it', () => {
    const machine = member('b');
    machine.start(facts());
    expect(machine.isWitness(5)).toBe(false);
    machine.onBeacon('a', 5, 5, leaseMs, 0);
    expect(machine.isWitness(5)).toBe(true);
    machine.onPrepare(prepare(6, 'a'), facts());
    machine.onPromiseSaved(facts());
    expect([machine.isWitness(6), machine.isWitness(7)]).toEqual([true, false]);
  });
});
