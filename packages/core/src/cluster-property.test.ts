import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Cluster } from './cluster.ts';
import type { ClusterEffect } from './cluster-effect.ts';
import type { ClusterState } from './cluster-state.ts';
import { checkClusterState } from './cluster-state.ts';
import { defaultKeyspaceSettings } from './keyspace-settings.ts';
import type { KeyspaceReply } from './node-message.ts';
import type { Topology } from './topology.ts';
import { applyDelta } from './topology-change.ts';

const deadAfterMs = 3000;

const action = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('register' as const),
      session: fc.nat(7),
      node: fc.nat(5),
      store: fc.nat(8),
      role: fc.constantFrom('write-shard' as const, 'read-shard' as const),
      shard: fc.constantFrom('', '', '', 's1', 's2', 's5'),
      incarnation: fc.nat(3),
      seenEpoch: fc.nat(6),
      promisedEpoch: fc.nat(6),
      port: fc.integer({ min: 1, max: 2 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('report' as const), session: fc.nat(7), serving: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), session: fc.nat(7) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('disconnect' as const), session: fc.nat(7) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('promise' as const),
      session: fc.nat(7),
      answer: fc.constantFrom('promised' as const, 'promised' as const, 'declined' as const, 'outdated' as const),
      position: fc.nat(3),
      witness: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('propose' as const),
      session: fc.nat(7),
      change: fc.constantFrom('add' as const, 'remove' as const),
      store: fc.nat(8),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('promote' as const),
      shard: fc.constantFrom('s1', 's2'),
      isUnsafe: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('create' as const),
      name: fc.constantFrom('a', 'b', 'c', 'default', 'Not allowed'),
      defaultTtlMs: fc.nat(1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('drop' as const), name: fc.constantFrom('a', 'b', 'default') }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), milliseconds: fc.nat(2500) }) },
  {
    weight: 1,
    /** A crash: the effects that were not run yet are lost. */
    arbitrary: fc.record({ kind: fc.constant('restart' as const), initialShards: fc.integer({ min: 1, max: 4 }) }),
  },
);

type Action = typeof action extends fc.Arbitrary<infer A> ? A : never;

class Model {
  #durable: ClusterState | undefined;
  #cluster: Cluster;
  /** Effects behind a persist that is not durable yet. */
  #pending: ClusterEffect[] = [];
  #nowMs = 0;
  #nextSession = 0;
  #sessions = new Map<number, number>();
  /** The map of a watcher, which gets a whole one when info was restarted. */
  #seen: Topology | undefined;
  readonly #epochs = new Map<string, number>();
  /** The epoch that each session was asked to promise last. */
  readonly #asked = new Map<number, number>();
  readonly #keyspaceIds = new Map<number, { readonly name: string; dropped: boolean }>();

  constructor() {
    this.#cluster = this.restarted(3);
  }

  restarted(initialShards: number): Cluster {
    const cluster = new Cluster({
      initialShards,
      reportMs: 500,
      deadAfterMs,
      leaseMs: 2000,
      rollCallMs: 4000,
      fencing: 0,
      self: { node: 'info', endpoints: [{ network: '', address: 'info:1' }], host: '', pid: initialShards },
      newCluster: 'c',
      state: this.#durable,
    });
    this.#cluster = cluster;
    this.#sessions.clear();
    this.#pending = [...cluster.start(this.#nowMs)];
    this.settle();
    this.#seen = cluster.state.topology;
    return cluster;
  }

  apply(step: Action): void {
    const cluster = this.#cluster;
    if (step.kind === 'restart') {
      this.restarted(step.initialShards);
      return;
    }
    if (step.kind === 'pass') {
      this.#nowMs += step.milliseconds;
      this.#take(cluster.tick(this.#nowMs));
      return;
    }
    if (step.kind === 'create') {
      const { name, defaultTtlMs } = step;
      this.#take(cluster.onCreateKeyspace(1, name, { ...defaultKeyspaceSettings, defaultTtlMs }));
      return;
    }
    if (step.kind === 'drop') {
      this.#take(cluster.onDropKeyspace(1, step.name));
      return;
    }
    if (step.kind === 'promote') {
      const { shard, isUnsafe } = step;
      this.#take(cluster.onPromote({ shard, node: '', isUnsafe }, this.#nowMs).effects);
      return;
    }
    const session = this.#sessions.get(step.session) ?? -1;
    if (step.kind === 'promise' || step.kind === 'propose') {
      this.#say(session, step);
    } else if (step.kind === 'report') {
      const at = { epoch: 1, position: 1 };
      const report = { lastEntry: at, applied: at, lagEntries: 0, lagMs: 0, recordCount: 0, operationsPerSecond: 0 };
      this.#take(cluster.onReport(session, { ...report, serving: step.serving }, this.#nowMs));
    } else if (step.kind === 'leave') {
      this.#take(cluster.onLeave(session, this.#nowMs));
    } else if (step.kind === 'disconnect') {
      this.#sessions.delete(step.session);
      this.#take(cluster.onDisconnect(session, this.#nowMs));
    } else {
      this.#register(step);
    }
  }

  #register(step: Extract<Action, { kind: 'register' }>): void {
    this.#take(this.#cluster.onDisconnect(this.#sessions.get(step.session) ?? -1, this.#nowMs));
    const session = ++this.#nextSession;
    this.#sessions.set(step.session, session);
    this.#cluster.onOpen(session, this.#nowMs);
    const { role, shard, incarnation, seenEpoch, promisedEpoch } = step;
    const registration = {
      node: `n${step.node}`,
      store: `d${step.store}`,
      cluster: '',
      endpoints: [{ network: '', address: `a:${step.port}` }],
      lastEntry: { epoch: 0, position: 0 },
      host: '',
      pid: 0,
      ...{ role, shard, incarnation, seenEpoch, promisedEpoch },
    };
    const counts = this.#cluster.state.records.some(({ members }) => members.includes(registration.store));
    const effects = this.#cluster.onRegister(session, registration, this.#nowMs);
    if (counts && shard === '') {
      expect(effects.filter((effect) => effect.kind === 'send' && effect.message.kind === 'refused')).toEqual([]);
    }
    this.#take(effects);
  }

  /** A store says what it was asked, or something else. */
  #say(session: number, step: Extract<Action, { kind: 'promise' | 'propose' }>): void {
    if (step.kind === 'promise') {
      const { answer: kind, position, witness } = step;
      const promisedEpoch = this.#asked.get(session) ?? 0;
      const answer = { kind, promisedEpoch, lastEntry: { epoch: 1, position }, witness };
      this.#take(this.#cluster.onMessage(session, { kind: 'promise', answer }, this.#nowMs));
    } else {
      const { change } = step;
      const epoch = this.#cluster.state.records[0]?.epoch ?? 0;
      const proposal = { epoch, change, store: `d${step.store}` };
      this.#take(this.#cluster.onMessage(session, { kind: 'propose', proposal }, this.#nowMs));
    }
  }

  #take(effects: readonly ClusterEffect[]): void {
    this.#pending.push(...effects);
  }

  /** Everything that waits becomes durable and is seen. */
  settle(): void {
    for (const effect of this.#pending) {
      if (effect.kind === 'persist') {
        this.#durable = effect.state;
        this.#checkState(effect.state);
      } else if (effect.kind === 'broadcast') {
        expect(this.#durable?.topology).toBe(effect.topology);
        if (this.#seen !== undefined) expect(applyDelta(this.#seen, effect.delta)).toEqual(effect.topology);
        this.#seen = effect.topology;
      } else if (effect.kind === 'reply') {
        this.#checkReply(effect.reply);
      } else if (effect.kind === 'send' && effect.message.kind === 'prepare') {
        this.#asked.set(effect.session, effect.message.prepare.epoch);
      } else if (effect.kind === 'send' && effect.message.kind === 'configuration') {
        const { shard, epoch } = effect.message.configuration;
        expect(this.#durable?.records.find((record) => record.shard === shard)?.epoch).toBe(epoch);
        expect(epoch).toBeGreaterThanOrEqual(this.#epochs.get(shard) ?? 1);
      }
    }
    this.#pending = [];
    expect(this.#durable).toEqual(this.#cluster.state);
  }

  /** What is answered is durable; ids that were answered are never given to another name. */
  #checkReply(reply: KeyspaceReply): void {
    if (reply.kind === 'refused') return;
    expect(this.#durable?.topology.revision).toBeGreaterThanOrEqual(reply.revision);
    if (reply.kind !== 'created') return;
    const { id, name } = reply.keyspace;
    const known = this.#keyspaceIds.get(id) ?? { name, dropped: false };
    expect(known).toEqual({ name, dropped: false });
    this.#keyspaceIds.set(id, known);
  }

  #checkState(state: ClusterState): void {
    checkClusterState(state);
    const { topology } = state;
    const known = this.#seen;
    if (known !== undefined) {
      const same = JSON.stringify(known) === JSON.stringify(topology);
      expect(topology.revision - known.revision).toBe(same ? 0 : 1);
      expect(known.formed && !topology.formed).toBe(false);
    }
    const ids = new Set(topology.keyspaces.map((keyspace) => keyspace.id));
    for (const [id, known] of this.#keyspaceIds) if (!ids.has(id)) known.dropped = true;
    for (const shard of topology.shards) {
      expect(shard.epoch).toBeGreaterThanOrEqual(this.#epochs.get(shard.shard) ?? 1);
      this.#epochs.set(shard.shard, shard.epoch);
    }
  }
}

test('whatever nodes do, epochs never fall, each change is one revision, and each delta leads to the next map', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(action, fc.boolean()), { maxLength: 60, size: 'max' }), (steps) => {
      const model = new Model();
      for (const [step, durable] of steps) {
        model.apply(step);
        if (durable) model.settle();
      }
      model.settle();
    }),
    { numRuns: 300 },
  );
});
