import { describe, expect, test } from 'vitest';
import type { ClusterEffect } from './cluster-effect.ts';
import { checkClusterState } from './cluster-state.ts';
import type { NodeMessage, RefusalCause, Registration } from './node-message.ts';
import { deadAfterMs, InfoShell, leaseMs, registration, report, reportMs } from './testing/info-shell.ts';
import { applyDelta } from './topology-change.ts';

/** Checks at each effect what must hold for whoever sees it. */
class Shell extends InfoShell {
  constructor(initialShards = 3) {
    super(initialShards, checkEffect);
  }
}

function checkEffect(shell: InfoShell, effect: ClusterEffect, effects: readonly ClusterEffect[]): void {
  const { durable, watched, cluster } = shell;
  if (effect.kind === 'persist') {
    checkClusterState(effect.state);
  } else if (effect.kind === 'broadcast') {
    expect(durable?.topology.revision).toBeGreaterThanOrEqual(effect.topology.revision);
    if (watched !== undefined) expect(applyDelta(watched, effect.delta)).toEqual(effect.topology);
  } else if (effect.kind === 'send') {
    const isNewest = effects.indexOf(effect) > effects.findLastIndex((candidate) => candidate.kind === 'persist');
    if (isNewest) expect(durable).toBe(cluster.state);
  } else if (effect.kind === 'reply') {
    expect(durable).toBe(cluster.state);
  }
}

describe('forming', () => {
  test('a write shard gets a new shard, and is welcomed with the map and its configuration', () => {
    const shell = new Shell();
    const session = shell.register('w1');
    expect(shell.messagesOf(session).map((message) => message.kind)).toEqual([
      'registered',
      'topology',
      'configuration',
    ]);
    expect(shell.messagesOf(session)[0]).toMatchObject({ shard: 's1', cluster: 'cluster-1', reportMs, deadAfterMs });
    expect(shell.configurationsOf(session)).toEqual([
      {
        shard: 's1',
        epoch: 1,
        primarySince: 1,
        primary: 'store-w1',
        members: ['store-w1'],
        quorum: 1,
        configuredSize: 1,
        primaryEndpoints: [{ network: '', address: 'w1:7410' }],
        leaseMs,
      },
    ]);
  });

  test('the slots are spread when the last of the initial shards registers', () => {
    const shell = new Shell();
    shell.register('w1');
    shell.register('w2');
    expect(shell.topology.formed).toBe(false);
    expect(shell.cluster.waitsFor()).toEqual(['waits for 1 of 3 write shards']);
    shell.register('w3');
    expect(shell.topology.formed).toBe(true);
    expect(shell.topology.keyspaces[0]?.slots.map((range) => range.shard)).toEqual(['s1', 's2', 's3']);
    expect(shell.cluster.waitsFor()).toEqual([]);
  });

  test('a write shard that comes later is a new shard without slots', () => {
    const shell = new Shell();
    shell.form();
    shell.register('w4');
    expect(shell.memberOf('w4')).toMatchObject({ shard: 's4', role: 'primary', epoch: 1 });
    expect(shell.topology.keyspaces[0]?.slots).toHaveLength(3);
  });

  test('a restarted info that waits for fewer shards forms at once', () => {
    const shell = new Shell();
    shell.register('w1');
    shell.restart(1);
    expect(shell.topology).toMatchObject({ formed: true, initialShards: 1 });
    shell.restart(5);
    expect(shell.topology).toMatchObject({ formed: true, initialShards: 1 });
  });
});

describe('epochs', () => {
  test('a restarted primary is promoted into a new epoch by its own promise, and its followers learn of it', () => {
    const shell = new Shell();
    const [w1] = shell.form();
    const r1 = shell.register('r1', { role: 'read-shard', shard: 's1' });
    if (w1 !== undefined) shell.disconnect(w1);
    const again = shell.register('w1', { incarnation: 2, seenEpoch: 1, shard: 's1', cluster: 'cluster-1' });
    // With the configuration of the process before it, it would lead again.
    expect(shell.configurationsOf(again)).toEqual([]);
    expect(shell.askedOf(again)).toEqual({ epoch: 2, preferred: 'store-w1', releasedBy: '' });
    shell.promise(again);
    expect(shell.configurationsOf(again)).toMatchObject([{ epoch: 2, primarySince: 2, primary: 'store-w1' }]);
    expect(shell.configurationsOf(r1).at(-1)).toMatchObject({ epoch: 2, primarySince: 2 });
  });

  test('nothing that changes meanwhile shows a restarted primary its old configuration', () => {
    const shell = new Shell();
    shell.form();
    const r1 = shell.register('r1', { role: 'read-shard', shard: 's1' });
    const again = shell.register('w1', { incarnation: 2 });
    shell.report(r1, { serving: true });
    expect(shell.configurationsOf(r1).at(-1)).toMatchObject({ epoch: 1, configuredSize: 2 });
    expect(shell.configurationsOf(again)).toEqual([]);
  });

  test('a process that only connects again keeps its epoch, also when info was restarted between', () => {
    const shell = new Shell();
    shell.form();
    const first = shell.register('w1', { seenEpoch: 1 });
    shell.restart();
    const second = shell.register('w1', { seenEpoch: 1 });
    expect(shell.memberOf('w1')?.epoch).toBe(1);
    expect([first, second].map((session) => shell.askedOf(session))).toEqual([undefined, undefined]);
  });

  test('the epoch is above the highest that a node has seen or promised', () => {
    const shell = new Shell();
    shell.register('w1', { seenEpoch: 7, shard: 's1' });
    expect(shell.memberOf('w1')?.epoch).toBe(8);
    // Info was set up again from an older copy of its data.
    shell.promise(shell.register('w1', { seenEpoch: 20, shard: 's1' }));
    expect(shell.memberOf('w1')?.epoch).toBe(21);
    shell.promise(shell.register('w1', { seenEpoch: 21, promisedEpoch: 30 }));
    expect(shell.memberOf('w1')?.epoch).toBe(31);
  });

  test('the highest epoch that a node may have seen shuts nobody out who hears of a higher one then', () => {
    const shell = new Shell(1);
    shell.group();
    const seenEpoch = 2 ** 48;
    shell.promise(shell.register('w1', { seenEpoch, incarnation: 2 }));
    expect(shell.record?.epoch).toBe(seenEpoch + 1);
    const again = shell.register('w1', { seenEpoch: seenEpoch + 1, promisedEpoch: seenEpoch + 3, incarnation: 3 });
    shell.promise(again);
    expect(shell.record?.epoch).toBe(seenEpoch + 4);
  });

  test('an answer with an epoch that no cluster comes to ends the session, and is not counted from', () => {
    const shell = new Shell(1);
    const [w1, r1] = shell.group('r1');
    shell.disconnect(w1 ?? 0);
    const asked = shell.askedOf(r1 ?? 0)?.epoch ?? 0;
    const lastEntry = { epoch: 1, position: 1 };
    for (const [promisedEpoch, entry] of [
      [2 ** 53 - 1, lastEntry],
      [asked, { ...lastEntry, epoch: 2 ** 50 }],
      [asked, { ...lastEntry, position: 0.5 }],
    ] as const) {
      const session = shell.register('r1', { role: 'read-shard' });
      const kind = promisedEpoch === asked ? 'promised' : 'outdated';
      shell.say(session, { kind: 'promise', answer: { kind, promisedEpoch, lastEntry: entry, witness: true } });
      expect(shell.ended.at(-1)).toBe(session);
    }
    expect(shell.askedOf(shell.register('r1', { role: 'read-shard' }))?.epoch).toBe(asked);
    expect(shell.record?.primary).toBe('store-w1');
  });

  test('a second registration of a store replaces the first session, whose end changes nothing', () => {
    const shell = new Shell();
    const first = shell.register('w1');
    shell.register('w1');
    expect(shell.ended).toEqual([first]);
    shell.disconnect(first);
    expect(shell.memberOf('w1')?.alive).toBe(true);
  });
});

describe('refusals', () => {
  const cases: readonly (readonly [string, RefusalCause, string, Partial<Registration>])[] = [
    ['a data directory of another cluster', 'other-cluster', 'w9', { cluster: 'another' }],
    ['a shard that another data directory owns', 'shard-taken', 'w9', { shard: 's1' }],
    ['a store that belongs to another shard', 'other-shard', 'w1', { shard: 's2' }],
    ['the name of a living node', 'name-taken', 'w1', { store: 'another' }],
    ['a shard that does not exist', 'no-such-shard', 'r9', { role: 'read-shard', shard: 's9' }],
    ['an empty name', 'invalid', '', {}],
    ['a name that is too long', 'invalid', 'x'.repeat(129), {}],
    ['an empty store id', 'invalid', 'w9', { store: '' }],
    ['no endpoint', 'invalid', 'w9', { endpoints: [] }],
    ['an empty address', 'invalid', 'w9', { endpoints: [{ network: '', address: '' }] }],
    ['a shard that is no name', 'invalid', 'w9', { shard: 'shard-one' }],
    ['an impossible epoch', 'invalid', 'w9', { seenEpoch: -1 }],
    ['an epoch that was seen and is too high', 'invalid', 'w9', { seenEpoch: 2 ** 53 - 1 }],
    ['an epoch that was promised and is too high', 'invalid', 'w1', { promisedEpoch: 2 ** 48 + 1 }],
    ['an entry of an epoch that is too high', 'invalid', 'w9', { lastEntry: { epoch: 2 ** 50, position: 1 } }],
  ];

  test.each(cases)('%s is refused as %s, and nothing changes', (_, cause, node, change) => {
    const shell = new Shell();
    shell.form();
    const before = shell.cluster.state;
    const session = shell.register(node, change);
    expect(shell.refusalOf(session)).toBe(cause);
    expect(shell.ended).toEqual([session]);
    expect(shell.cluster.state).toBe(before);
  });

  test('a read shard that asks for no shard waits until the cluster is formed', () => {
    const shell = new Shell();
    shell.register('w1');
    expect(shell.refusalOf(shell.register('r1', { role: 'read-shard' }))).toBe('no-such-shard');
    expect(shell.refusalOf(shell.register('r1', { role: 'read-shard', shard: 's1' }))).toBeUndefined();
  });

  test('a session that does not begin with register is ended', () => {
    const shell = new Shell();
    shell.cluster.onOpen(100, 0);
    shell.report(100);
    shell.cluster.onOpen(101, 0);
    shell.run(shell.cluster.onLeave(101, 0));
    const twice = shell.register('w1');
    shell.run(shell.cluster.onRegister(twice, registration('w1'), 0));
    expect(shell.ended).toEqual([100, 101, twice]);
    expect(shell.memberOf('w1')?.alive).toBe(false);
  });

  test('a session that never registers is ended after deadAfterMs', () => {
    const shell = new Shell();
    shell.cluster.onOpen(100, 0);
    shell.pass(deadAfterMs);
    expect(shell.ended).toEqual([100]);
  });
});

describe('read shards', () => {
  test('each joins the shard with the fewest replicas', () => {
    const shell = new Shell();
    shell.form();
    for (const node of ['r1', 'r2', 'r3', 'r4']) shell.register(node, { role: 'read-shard' });
    expect(['r1', 'r2', 'r3', 'r4'].map((node) => shell.memberOf(node)?.shard)).toEqual(['s1', 's2', 's3', 's1']);
  });

  test('one joins as a learner, is a replica while it serves, and counts in the configured size from then on', () => {
    const shell = new Shell();
    shell.form();
    const session = shell.register('r1', { role: 'read-shard' });
    expect(shell.memberOf('r1')?.role).toBe('learner');
    shell.report(session, { serving: false });
    expect(shell.configurationsOf(session).at(-1)?.configuredSize).toBe(1);
    shell.report(session, { serving: true });
    expect(shell.memberOf('r1')?.role).toBe('replica');
    expect(shell.configurationsOf(session).at(-1)).toMatchObject({
      configuredSize: 2,
      members: ['store-w1'],
      quorum: 1,
      epoch: 1,
    });
    shell.report(session, { serving: false });
    expect(shell.memberOf('r1')?.role).toBe('learner');
    expect(shell.configurationsOf(session).at(-1)?.configuredSize).toBe(2);
  });

  test('its place survives restarts of itself and of info', () => {
    const shell = new Shell();
    shell.form();
    const first = shell.register('r1', { role: 'read-shard' });
    shell.report(first);
    shell.disconnect(first);
    shell.register('r2', { role: 'read-shard', shard: 's2' });
    shell.restart();
    shell.register('r1', { role: 'read-shard', incarnation: 2 });
    expect(shell.memberOf('r1')).toMatchObject({ shard: 's1', alive: true, role: 'learner' });
  });

  test('a replica that only connects again stays a replica', () => {
    const shell = new Shell();
    shell.form();
    shell.report(shell.register('r1', { role: 'read-shard' }));
    shell.restart();
    shell.register('r1', { role: 'read-shard' });
    expect(shell.memberOf('r1')?.role).toBe('replica');
  });

  test('one that leaves keeps its place and is not alive, whatever it still reports', () => {
    const shell = new Shell();
    shell.form();
    const session = shell.register('r1', { role: 'read-shard' });
    shell.run(shell.cluster.onLeave(session, shell.nowMs));
    shell.report(session);
    expect(shell.memberOf('r1')).toMatchObject({ shard: 's1', alive: false });
  });

  test('an emptied directory under the name of a dead replica takes its place', () => {
    const shell = new Shell();
    shell.form();
    shell.register('r0', { role: 'read-shard' });
    const former = shell.register('r1', { role: 'read-shard' });
    shell.report(former);
    shell.disconnect(former);
    shell.register('r1', { role: 'read-shard', store: 'new-store' });
    expect(shell.memberOf('r1')).toMatchObject({ store: 'new-store', shard: 's2', role: 'learner' });
    expect(shell.topology.shards.flatMap((shard) => shard.members)).toHaveLength(5);
  });

  test('at the limit of members the dead replica that joined first is forgotten', () => {
    const shell = new Shell(1);
    shell.register('w1');
    for (let index = 1; index <= 63; index++) {
      const session = shell.register(`r${index}`, { role: 'read-shard' });
      if (index === 2 || index === 3) shell.disconnect(session);
    }
    shell.register('r64', { role: 'read-shard' });
    expect(shell.memberOf('r2')).toBeUndefined();
    expect(shell.memberOf('r3')?.alive).toBe(false);
    shell.register('r65', { role: 'read-shard' });
    expect(shell.refusalOf(shell.register('r66', { role: 'read-shard' }))).toBe('invalid');
  });
});

describe('liveness', () => {
  test('a node without reports is shown dead, its session stays, and the next report revives it', () => {
    const shell = new Shell();
    const [w1, w2, w3] = shell.form();
    for (let round = 0; round < 8; round++) {
      shell.pass(reportMs);
      for (const session of [w2, w3]) if (session !== undefined) shell.report(session);
    }
    expect(shell.memberOf('w1')?.alive).toBe(false);
    expect(shell.memberOf('w2')?.alive).toBe(true);
    expect(shell.cluster.waitsFor()).toEqual(['shard s1 waits for its primary w1']);
    if (w1 !== undefined) shell.report(w1);
    expect(shell.memberOf('w1')?.alive).toBe(true);
    expect(shell.ended).toEqual([]);
  });

  test('a restart of info changes nothing for nodes that come back within deadAfterMs', () => {
    const shell = new Shell();
    shell.form();
    shell.restart();
    const { revision } = shell.topology;
    shell.pass(deadAfterMs - reportMs);
    for (const node of ['w1', 'w2']) shell.register(node);
    expect(shell.topology.revision).toBe(revision);
    shell.pass(reportMs);
    expect(shell.topology.shards.map((shard) => shard.members[0]?.alive)).toEqual([true, true, false]);
    expect(shell.topology.revision).toBe(revision + 1);
  });

  test('an info that begins shows what is stored under a revision of its own, also when it changes nothing', () => {
    const shell = new Shell();
    const [, w2, w3] = shell.form();
    const published = shell.topology;
    shell.passHeard(deadAfterMs, w2, w3);
    const { durable } = shell;
    // Of a save that was not ended the shards are stored, and the cluster's own row with the revision is not.
    if (durable !== undefined)
      shell.durable = { ...durable, topology: { ...durable.topology, revision: published.revision } };
    shell.restart();
    expect(shell.topology.shards[0]?.members[0]).toMatchObject({ node: 'w1', alive: false });
    expect(shell.topology).toEqual({ ...durable?.topology, revision: published.revision + 1 });
    expect(shell.durable).toBe(shell.cluster.state);
  });

  test('reports that say nothing new change nothing', () => {
    const shell = new Shell();
    const [w1] = shell.form();
    const before = shell.cluster.state;
    if (w1 !== undefined) shell.report(w1);
    expect(shell.cluster.state).toBe(before);
    expect(shell.cluster.lastReports.get('store-w1')).toEqual(report());
  });

  test('new endpoints are a new revision, and the followers learn where the primary is', () => {
    const shell = new Shell();
    shell.form();
    const r1 = shell.register('r1', { role: 'read-shard', shard: 's1' });
    const { revision } = shell.topology;
    const endpoints = [{ network: '', address: 'elsewhere:7410' }];
    shell.register('w1', { endpoints });
    expect(shell.topology.revision).toBe(revision + 1);
    expect(shell.configurationsOf(r1).at(-1)).toMatchObject({ primaryEndpoints: endpoints, epoch: 1 });
  });
});

describe('members', () => {
  test('are changed by the primary alone, one at a time, in the epoch that it knows', () => {
    const shell = new Shell(1);
    const [w1, r1] = shell.group('r1');
    expect(shell.record).toMatchObject({ epoch: 2, primarySince: 1, members: ['store-w1', 'store-r1'], quorum: 2 });
    const refused: readonly [number | undefined, NodeMessage][] = [
      [r1, { kind: 'propose', proposal: { epoch: 2, change: 'remove', store: 'store-w1' } }],
      [w1, { kind: 'propose', proposal: { epoch: 1, change: 'remove', store: 'store-r1' } }],
      [w1, { kind: 'propose', proposal: { epoch: 2, change: 'remove', store: 'store-w1' } }],
      [w1, { kind: 'propose', proposal: { epoch: 2, change: 'add', store: 'store-r1' } }],
      [w1, { kind: 'propose', proposal: { epoch: 2, change: 'add', store: 'unknown' } }],
    ];
    for (const [session, message] of refused) {
      shell.say(session ?? 0, message);
      expect(shell.messagesOf(session ?? 0).at(-1)?.kind).toBe('proposal-refused');
    }
    expect(shell.record?.epoch).toBe(2);
    shell.say(w1 ?? 0, { kind: 'propose', proposal: { epoch: 2, change: 'remove', store: 'store-r1' } });
    expect(shell.record).toMatchObject({ epoch: 3, primarySince: 1, members: ['store-w1'], quorum: 1 });
    expect(shell.configurationsOf(r1 ?? 0).at(-1)).toMatchObject({ epoch: 3, members: ['store-w1'] });
  });

  test('are never changed while another primary is looked for', () => {
    const shell = new Shell(1);
    const [w1, r1] = shell.group('r1');
    shell.disconnect(w1 ?? 0);
    const again = shell.register('w1');
    expect(shell.askedOf(r1 ?? 0)?.epoch).toBe(3);
    shell.say(again, { kind: 'propose', proposal: { epoch: 2, change: 'remove', store: 'store-r1' } });
    expect(shell.messagesOf(again).at(-1)?.kind).toBe('proposal-refused');
  });

  test('change above every promise that a store of the shard has made', () => {
    const shell = new Shell(1);
    const [w1] = shell.group();
    shell.register('r1', { role: 'read-shard', shard: 's1', promisedEpoch: 9 });
    // No member, and therefore no part in a promotion: the configuration is raised above what it promised.
    expect(shell.record).toMatchObject({ epoch: 10, primarySince: 1, members: ['store-w1'] });
    shell.say(w1 ?? 0, { kind: 'propose', proposal: { epoch: 10, change: 'add', store: 'store-r1' } });
    expect(shell.record).toMatchObject({ epoch: 11, members: ['store-w1', 'store-r1'] });
  });
});

describe('promotion', () => {
  test('a dead primary is followed by the member that promises; it comes back as a replica', () => {
    const shell = new Shell(1);
    const [w1, r1] = shell.group('r1');
    shell.disconnect(w1 ?? 0);
    expect(shell.askedOf(r1 ?? 0)).toEqual({ epoch: 3, preferred: '', releasedBy: '' });
    expect(shell.cluster.waitsFor()[0]).toContain('r1 to promise');
    shell.promise(r1 ?? 0);
    expect(shell.record).toMatchObject({ epoch: 3, primarySince: 3, primary: 'store-r1', quorum: 2 });
    expect(shell.memberOf('r1')?.role).toBe('primary');
    const again = shell.register('w1', { incarnation: 2 });
    expect(shell.configurationsOf(again).at(-1)).toMatchObject({ primary: 'store-r1', epoch: 3 });
    expect(shell.memberOf('w1')?.role).toBe('learner');
  });

  test('a primary that only its session has left answers that it is well, and nothing changes', () => {
    const shell = new Shell(1);
    const [w1, r1] = shell.group('r1');
    shell.disconnect(w1 ?? 0);
    const again = shell.register('w1');
    const answer = {
      kind: 'declined',
      promisedEpoch: 0,
      lastEntry: { epoch: 1, position: 1 },
      witness: false,
    } as const;
    shell.say(again, { kind: 'promise', answer });
    expect(shell.askedOf(r1 ?? 0)?.epoch).toBe(0);
    expect(shell.record).toMatchObject({ epoch: 2, primary: 'store-w1' });
    shell.pass(500);
    expect(shell.askedOf(r1 ?? 0)?.epoch).toBe(0);
  });

  test('an info that was restarted in the middle goes on above what was promised', () => {
    const shell = new Shell(1);
    const [w1, r1] = shell.group('r1', 'r2');
    shell.disconnect(w1 ?? 0);
    shell.promise(r1 ?? 0);
    expect(shell.record?.primary).toBe('store-w1');
    shell.restart();
    const first = shell.register('r1', { role: 'read-shard', promisedEpoch: 4 });
    expect(shell.askedOf(first)).toMatchObject({ epoch: 5 });
    const second = shell.register('r2', { role: 'read-shard' });
    shell.promise(first, { epoch: 1, position: 7 });
    shell.promise(second, { epoch: 1, position: 8 });
    shell.pass(reportMs);
    expect(shell.record).toMatchObject({ epoch: 5, primary: 'store-r2' });
  });

  test('after a start of info a primary that was alive gets its time to come back', () => {
    const shell = new Shell(1);
    shell.group('r1');
    shell.restart();
    const r1 = shell.register('r1', { role: 'read-shard' });
    shell.pass(deadAfterMs - reportMs);
    shell.report(r1);
    expect(shell.askedOf(r1)).toBeUndefined();
    shell.pass(reportMs);
    expect(shell.askedOf(r1)?.epoch).toBe(3);
  });

  test('a primary that says for two leases that it does not serve may be replaced', () => {
    const shell = new Shell(1);
    const [w1, r1] = shell.group('r1');
    for (let passed = 0; passed <= 2 * leaseMs; passed += reportMs) {
      expect(shell.askedOf(r1 ?? 0)).toBeUndefined();
      shell.report(w1 ?? 0, { serving: false });
      shell.report(r1 ?? 0);
      shell.pass(reportMs);
    }
    expect(shell.askedOf(r1 ?? 0)?.epoch).toBe(3);
  });

  test('a retiring primary brings a member level, promises first, and is followed by it', () => {
    const shell = new Shell(1);
    const [w1, r1] = shell.group('r1');
    shell.say(w1 ?? 0, { kind: 'retire' });
    expect(shell.messagesOf(w1 ?? 0).at(-1)).toEqual({ kind: 'hand-over', epoch: 2, to: 'store-r1' });
    expect(shell.askedOf(w1 ?? 0)).toBeUndefined();
    shell.say(w1 ?? 0, { kind: 'handed-over', epoch: 2, to: 'store-r1' });
    const question = { epoch: 3, preferred: 'store-r1', releasedBy: 'store-w1' };
    expect(shell.askedOf(w1 ?? 0)).toEqual(question);
    expect(shell.askedOf(r1 ?? 0)).toBeUndefined();
    shell.promise(w1 ?? 0, { epoch: 1, position: 9 });
    expect(shell.askedOf(r1 ?? 0)).toEqual(question);
    shell.promise(r1 ?? 0, { epoch: 1, position: 9 });
    expect(shell.record).toMatchObject({ epoch: 3, primary: 'store-r1', members: ['store-w1', 'store-r1'] });
  });

  test('what an operator asks for is refused with a reason when it can not be', () => {
    const shell = new Shell(1);
    const [, r1] = shell.group('r1');
    const ask = (shard: string, node: string, isUnsafe = false): string => {
      const { reply, effects } = shell.cluster.onPromote({ shard, node, isUnsafe }, shell.nowMs);
      shell.run(effects);
      return reply.kind === 'refused' ? reply.cause : reply.kind;
    };
    expect(ask('s9', '')).toBe('no-such-shard');
    expect(ask('s1', 'r9')).toBe('no-such-node');
    expect(ask('s1', 'w1')).toBe('is-primary');
    shell.register('r2', { role: 'read-shard', shard: 's1' });
    expect(ask('s1', 'r2')).toBe('not-a-member');
    shell.disconnect(r1 ?? 0);
    expect(ask('s1', 'r1')).toBe('not-alive');
    expect(ask('s1', '')).toBe('not-alive');
  });

  test('nothing is taken from a primary that is well: it would decline', () => {
    const shell = new Shell(1);
    const [w1] = shell.group('r1');
    const ask = (node: string) => {
      const { reply } = shell.cluster.onPromote({ shard: 's1', node, isUnsafe: true }, shell.nowMs);
      return reply.kind === 'refused' ? `${reply.cause}: ${reply.message}` : reply.kind;
    };
    expect(ask('')).toMatch(/^primary-well: s1 is led by w1, which is well: .*'edis promote s1' hands it over$/);
    expect(ask('r1')).toMatch(/'edis promote s1 r1' hands it over$/);
    shell.report(w1 ?? 0, { serving: false });
    expect(ask('r1')).toBe('accepted');
  });

  test('the operator names who leads without the others, the primary itself included, whatever their logs are', () => {
    const shell = new Shell(1);
    const [w1, r1] = shell.group('r1');
    for (const [node, session] of [
      ['r1', r1],
      ['w1', w1],
    ] as const) {
      // It can not act.
      for (const each of [w1, r1]) shell.report(each ?? 0, { serving: false });
      const { reply, effects } = shell.cluster.onPromote({ shard: 's1', node, isUnsafe: true }, shell.nowMs);
      expect(reply).toEqual({ kind: 'accepted' });
      shell.run(effects);
      shell.promise(session ?? 0, { epoch: 1, position: 5 });
      shell.pass(reportMs);
      expect(shell.record).toMatchObject({ primary: `store-${node}`, members: [`store-${node}`] });
    }
  });

  test('the operator may take a removed member when the one that led without it has lost its disk', () => {
    const shell = new Shell(1);
    const [w1, r1] = shell.group('r1');
    shell.say(w1 ?? 0, { kind: 'propose', proposal: { epoch: 2, change: 'remove', store: 'store-r1' } });
    shell.disconnect(w1 ?? 0);
    shell.pass(deadAfterMs - reportMs);
    shell.report(r1 ?? 0);
    expect(shell.askedOf(r1 ?? 0)).toBeUndefined();
    expect(shell.cluster.waitsFor()).toEqual(['shard s1 waits for its primary w1']);
    const { reply, effects } = shell.cluster.onPromote({ shard: 's1', node: '', isUnsafe: true }, shell.nowMs);
    expect(reply.kind).toBe('accepted');
    shell.run(effects);
    shell.promise(r1 ?? 0, { epoch: 1, position: 5 });
    expect(shell.record).toMatchObject({ epoch: 4, primary: 'store-r1', members: ['store-r1'], quorum: 1 });
  });
});
