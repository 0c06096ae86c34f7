import { describe, expect, test } from 'vitest';
import type { ClusterEffect, SessionId } from './cluster.ts';
import { Cluster, waitsFor } from './cluster.ts';
import type { ClusterState } from './cluster-state.ts';
import { checkClusterState } from './cluster-state.ts';
import type {
  Configuration,
  InfoMessage,
  KeyspaceReply,
  NodeReport,
  RefusalCause,
  Registration,
} from './node-message.ts';
import type { Member, Topology } from './topology.ts';
import { applyDelta } from './topology-change.ts';

const reportMs = 500;
const deadAfterMs = 3000;

function registration(node: string, change: Partial<Registration> = {}): Registration {
  return {
    node,
    role: 'write-shard',
    store: `store-${node}`,
    cluster: '',
    shard: '',
    endpoints: [{ network: '', address: `${node}:7410` }],
    lastEntry: { epoch: 0, position: 0 },
    seenEpoch: 0,
    host: 'machine',
    pid: 42,
    incarnation: 1,
    ...change,
  };
}

function report(change: Partial<NodeReport> = {}): NodeReport {
  return {
    lastEntry: { epoch: 1, position: 1 },
    applied: { epoch: 1, position: 1 },
    lagEntries: 0,
    lagMs: 0,
    serving: true,
    recordCount: 0,
    operationsPerSecond: 0,
    ...change,
  };
}

/** Runs a machine as info does, and checks at each effect what must hold for whoever sees it. */
class Shell {
  cluster: Cluster;
  durable: ClusterState | undefined;
  nowMs = 0;
  readonly received = new Map<SessionId, InfoMessage[]>();
  readonly ended: SessionId[] = [];
  readonly replies: KeyspaceReply[] = [];
  watched: Topology | undefined;
  private sessions = 0;

  constructor(initialShards = 3) {
    this.cluster = this.restart(initialShards);
  }

  restart(initialShards = 3): Cluster {
    this.cluster = new Cluster({
      initialShards,
      reportMs,
      deadAfterMs,
      self: { node: 'info', endpoints: [{ network: '', address: 'info:7400' }], host: 'machine', pid: 1 },
      newCluster: 'cluster-1',
      state: this.durable,
    });
    this.run(this.cluster.start(this.nowMs));
    this.watched = this.topology;
    return this.cluster;
  }

  run(effects: readonly ClusterEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'persist') {
        checkClusterState(effect.state);
        this.durable = effect.state;
      } else if (effect.kind === 'broadcast') {
        expect(this.durable?.topology.revision).toBeGreaterThanOrEqual(effect.topology.revision);
        if (this.watched !== undefined) expect(applyDelta(this.watched, effect.delta)).toEqual(effect.topology);
        this.watched = effect.topology;
      } else if (effect.kind === 'send') {
        expect(this.durable).toBe(this.cluster.state);
        this.messagesOf(effect.session).push(effect.message);
      } else if (effect.kind === 'reply') {
        expect(this.durable).toBe(this.cluster.state);
        this.replies.push(effect.reply);
      } else {
        this.ended.push(effect.session);
      }
    }
  }

  messagesOf(session: SessionId): InfoMessage[] {
    const messages = this.received.get(session) ?? [];
    this.received.set(session, messages);
    return messages;
  }

  register(node: string, change: Partial<Registration> = {}): SessionId {
    const session = ++this.sessions;
    this.cluster.onOpen(session, this.nowMs);
    this.run(this.cluster.onRegister(session, registration(node, change), this.nowMs));
    return session;
  }

  report(session: SessionId, change: Partial<NodeReport> = {}): void {
    this.run(this.cluster.onReport(session, report(change), this.nowMs));
  }

  disconnect(session: SessionId): void {
    this.run(this.cluster.onDisconnect(session));
  }

  /** Time goes by in steps as short as info's own. */
  pass(milliseconds: number): void {
    for (const end = this.nowMs + milliseconds; this.nowMs < end; ) {
      this.nowMs += reportMs;
      this.run(this.cluster.tick(this.nowMs));
    }
  }

  get topology(): Topology {
    return this.cluster.state.topology;
  }

  form(): readonly SessionId[] {
    return ['w1', 'w2', 'w3'].map((node) => this.register(node));
  }

  memberOf(node: string): (Member & { readonly shard: string; readonly epoch: number }) | undefined {
    for (const shard of this.topology.shards) {
      const member = shard.members.find((candidate) => candidate.node === node);
      if (member !== undefined) return { ...member, shard: shard.shard, epoch: shard.epoch };
    }
    return undefined;
  }

  refusalOf(session: SessionId): RefusalCause | undefined {
    const message = this.messagesOf(session).find((candidate) => candidate.kind === 'refused');
    return message?.kind === 'refused' ? message.cause : undefined;
  }

  configurationsOf(session: SessionId): readonly Configuration[] {
    return this.messagesOf(session).flatMap((message) =>
      message.kind === 'configuration' ? [message.configuration] : [],
    );
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
        primary: 'store-w1',
        members: ['store-w1'],
        quorum: 1,
        configuredSize: 1,
        primaryEndpoints: [{ network: '', address: 'w1:7410' }],
      },
    ]);
  });

  test('the slots are spread when the last of the initial shards registers', () => {
    const shell = new Shell();
    shell.register('w1');
    shell.register('w2');
    expect(shell.topology.formed).toBe(false);
    expect(waitsFor(shell.topology)).toEqual(['waits for 1 of 3 write shards']);
    shell.register('w3');
    expect(shell.topology.formed).toBe(true);
    expect(shell.topology.keyspaces[0]?.slots.map((range) => range.shard)).toEqual(['s1', 's2', 's3']);
    expect(waitsFor(shell.topology)).toEqual([]);
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
  test('a restarted primary gets a new epoch, and its followers the new configuration', () => {
    const shell = new Shell();
    const [w1] = shell.form();
    const r1 = shell.register('r1', { role: 'read-shard', shard: 's1' });
    if (w1 !== undefined) shell.disconnect(w1);
    const again = shell.register('w1', { incarnation: 2, seenEpoch: 1, shard: 's1', cluster: 'cluster-1' });
    expect(shell.configurationsOf(again).map((configuration) => configuration.epoch)).toEqual([2]);
    expect(shell.configurationsOf(r1).at(-1)?.epoch).toBe(2);
  });

  test('a process that only connects again keeps its epoch, also when info was restarted between', () => {
    const shell = new Shell();
    shell.form();
    shell.register('w1', { seenEpoch: 1 });
    shell.restart();
    shell.register('w1', { seenEpoch: 1 });
    expect(shell.memberOf('w1')?.epoch).toBe(1);
  });

  test('the epoch is above the highest that the node has seen', () => {
    const shell = new Shell();
    shell.register('w1', { seenEpoch: 7, shard: 's1' });
    expect(shell.memberOf('w1')?.epoch).toBe(8);
    shell.register('w1', { seenEpoch: 20, shard: 's1' });
    expect(shell.memberOf('w1')?.epoch).toBe(21);
    shell.register('w1', { seenEpoch: 21, lastEntry: { epoch: 30, position: 5 }, incarnation: 2 });
    expect(shell.memberOf('w1')?.epoch).toBe(31);
  });

  test('a process without an incarnation counts as restarted each time', () => {
    const shell = new Shell();
    shell.register('w1', { incarnation: 0 });
    shell.register('w1', { incarnation: 0 });
    expect(shell.memberOf('w1')?.epoch).toBe(2);
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
    ["a primary's store as a read shard", 'invalid', 'w1', { role: 'read-shard' }],
    ['an empty name', 'invalid', '', {}],
    ['a name that is too long', 'invalid', 'x'.repeat(129), {}],
    ['an empty store id', 'invalid', 'w9', { store: '' }],
    ['no endpoint', 'invalid', 'w9', { endpoints: [] }],
    ['an empty address', 'invalid', 'w9', { endpoints: [{ network: '', address: '' }] }],
    ['a shard that is no name', 'invalid', 'w9', { shard: 'shard-one' }],
    ['an impossible epoch', 'invalid', 'w9', { seenEpoch: -1 }],
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

  test('the store of a replica cannot start as a write shard', () => {
    const shell = new Shell();
    shell.form();
    shell.register('r1', { role: 'read-shard' });
    expect(shell.refusalOf(shell.register('r1'))).toBe('shard-taken');
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
    shell.run(shell.cluster.onLeave(101));
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
    shell.run(shell.cluster.onLeave(session));
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
    expect(waitsFor(shell.topology)).toEqual(['shard s1 waits for its write shard w1']);
    if (w1 !== undefined) shell.report(w1);
    expect(shell.memberOf('w1')?.alive).toBe(true);
    expect(shell.ended).toEqual([]);
  });

  test('a restart of info changes nothing for nodes that come back within deadAfterMs', () => {
    const shell = new Shell();
    shell.form();
    const { revision } = shell.topology;
    shell.restart();
    shell.pass(deadAfterMs - reportMs);
    for (const node of ['w1', 'w2']) shell.register(node);
    expect(shell.topology.revision).toBe(revision);
    shell.pass(reportMs);
    expect(shell.topology.shards.map((shard) => shard.members[0]?.alive)).toEqual([true, true, false]);
    expect(shell.topology.revision).toBe(revision + 1);
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
