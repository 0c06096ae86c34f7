import { describe, expect, test } from 'vitest';
import { Cluster } from './cluster.ts';
import type { ClusterEffect } from './cluster-effect.ts';
import type { ClusterState } from './cluster-state.ts';
import { checkClusterState } from './cluster-state.ts';
import type { KeyspaceSettings } from './keyspace-settings.ts';
import { defaultKeyspaceSettings } from './keyspace-settings.ts';
import { limits } from './limits.ts';
import type { KeyspaceReply, Registration } from './node-message.ts';

const self = { node: 'info', endpoints: [{ network: '', address: 'info:1' }], host: '', pid: 1 };

function started(state?: ClusterState, initialShards = 2): Cluster {
  const times = { reportMs: 500, deadAfterMs: 3000, leaseMs: 2000, rollCallMs: 30_000, fencing: 0 };
  const cluster = new Cluster({ initialShards, ...times, self, newCluster: 'c', state });
  cluster.start(0);
  return cluster;
}

function register(cluster: Cluster, node: string, session: number): void {
  const registration: Registration = {
    node,
    role: 'write-shard',
    store: `store-${node}`,
    cluster: '',
    shard: '',
    endpoints: [{ network: '', address: `${node}:1` }],
    lastEntry: { epoch: 0, position: 0 },
    seenEpoch: 0,
    host: '',
    pid: 0,
    incarnation: 1,
    promisedEpoch: 0,
  };
  cluster.onOpen(session, 0);
  cluster.onRegister(session, registration, 0);
}

function formed(): Cluster {
  const cluster = started();
  register(cluster, 'w1', 1);
  register(cluster, 'w2', 2);
  return cluster;
}

function replyIn(effects: readonly ClusterEffect[]): KeyspaceReply {
  const last = effects.at(-1);
  if (last?.kind !== 'reply') throw new Error('the last effect is no reply');
  return last.reply;
}

function create(cluster: Cluster, name: string, settings: Partial<KeyspaceSettings> = {}): KeyspaceReply {
  const effects = cluster.onCreateKeyspace(1, name, { ...defaultKeyspaceSettings, ...settings });
  checkClusterState(cluster.state);
  return replyIn(effects);
}

function drop(cluster: Cluster, name: string): KeyspaceReply {
  const effects = cluster.onDropKeyspace(1, name);
  checkClusterState(cluster.state);
  return replyIn(effects);
}

function idOf(reply: KeyspaceReply): number | undefined {
  return reply.kind === 'created' ? reply.keyspace.id : undefined;
}

describe('a keyspace', () => {
  test('is durable before it is shown, and shown before it is answered', () => {
    const cluster = formed();
    const { revision } = cluster.state.topology;
    const created = cluster.onCreateKeyspace(7, 'users', defaultKeyspaceSettings);
    expect(created.map((effect) => effect.kind)).toEqual(['persist', 'broadcast', 'reply']);
    expect(created[0]).toEqual({ kind: 'persist', state: cluster.state });
    expect(created[2]).toMatchObject({ request: 7, reply: { kind: 'created', revision: revision + 1 } });
    const dropped = cluster.onDropKeyspace(8, 'users');
    expect(dropped.map((effect) => effect.kind)).toEqual(['persist', 'broadcast', 'reply']);
    expect(dropped[1]).toMatchObject({ delta: { removedKeyspaces: [2], keyspaces: [] } });
    expect(dropped[2]).toMatchObject({ request: 8, reply: { kind: 'dropped', revision: revision + 2 } });
    expect(cluster.state.topology.keyspaces.map(({ name }) => name)).toEqual(['default']);
  });

  test('is spread as default is; before the cluster is formed over nothing, and then with it', () => {
    const late = formed();
    const [main] = late.state.topology.keyspaces;
    expect(create(late, 'users')).toMatchObject({ kind: 'created', keyspace: { id: 2, slots: main?.slots } });
    const early = started();
    expect(create(early, 'users')).toMatchObject({ kind: 'created', keyspace: { id: 2, slots: [] } });
    register(early, 'w1', 1);
    register(early, 'w2', 2);
    checkClusterState(early.state);
    const [first, second] = early.state.topology.keyspaces;
    expect(second?.slots).toEqual(first?.slots);
    expect(second?.slots).toHaveLength(2);
  });

  test('created again with the same settings, in whatever order, is the same one and changes nothing', () => {
    const cluster = formed();
    const age = { field: 'age', kind: 'number' } as const;
    const mail = { field: 'mail', kind: 'text' } as const;
    const first = create(cluster, 'users', { indexedFields: [age, mail] });
    const before = cluster.state;
    expect(create(cluster, 'users', { indexedFields: [mail, age] })).toEqual(first);
    expect(cluster.state).toBe(before);
  });

  test('of the same name with other settings is refused', () => {
    const cluster = formed();
    create(cluster, 'users', { indexedFields: [{ field: 'age', kind: 'number' }] });
    const others: readonly Partial<KeyspaceSettings>[] = [
      {},
      { indexedFields: [] },
      { indexedFields: [{ field: 'age', kind: 'text' }] },
      { indexedFields: [{ field: 'age', kind: 'number' }], defaultTtlMs: 1 },
      { indexedFields: [{ field: 'age', kind: 'number' }], valueSchema: 'User' },
    ];
    const before = cluster.state;
    for (const settings of others) {
      expect(create(cluster, 'users', settings)).toMatchObject({ kind: 'refused', cause: 'exists' });
    }
    expect(cluster.state).toBe(before);
  });

  test('never gets an id that another had, across drops and restarts', () => {
    const first = formed();
    expect(idOf(create(first, 'a'))).toBe(2);
    expect(idOf(create(first, 'b'))).toBe(3);
    drop(first, 'b');
    const second = started(first.state);
    expect(second.state.topology.keyspaces.map(({ name }) => name)).toEqual(['default', 'a']);
    expect(idOf(create(second, 'b'))).toBe(4);
    drop(second, 'a');
    expect(idOf(create(second, 'a'))).toBe(5);
  });

  test.each([
    ['an empty name', '', {}],
    ['a name with a space', 'a b', {}],
    ['a name that is too long', 'a'.repeat(limits.maxKeyspaceNameLength + 1), {}],
    ['keys above the cluster’s limit', 'a', { maxKeyBytes: limits.maxKeyBytes + 1 }],
    ['a TTL above a hundred years', 'a', { defaultTtlMs: limits.maxTtlMs + 1 }],
  ])('with %s is refused as invalid', (_what, name, settings) => {
    const cluster = formed();
    const before = cluster.state;
    expect(create(cluster, name, settings)).toMatchObject({ kind: 'refused', cause: 'invalid' });
    expect(cluster.state).toBe(before);
  });

  test('that is one too many is refused, and one that is dropped makes room', () => {
    const cluster = formed();
    for (let number = 1; number < limits.maxKeyspaces; number++) {
      cluster.onCreateKeyspace(number, `k${number}`, defaultKeyspaceSettings);
    }
    expect(create(cluster, 'last')).toMatchObject({ kind: 'refused', cause: 'too-many' });
    drop(cluster, 'k1');
    expect(create(cluster, 'last')).toMatchObject({ kind: 'created' });
  });

  test('that is not there cannot be dropped, and default never', () => {
    const cluster = formed();
    const before = cluster.state;
    expect(drop(cluster, 'users')).toMatchObject({ kind: 'refused', cause: 'no-such-keyspace' });
    expect(drop(cluster, 'default')).toMatchObject({ kind: 'refused', cause: 'invalid' });
    expect(cluster.state).toBe(before);
  });
});
