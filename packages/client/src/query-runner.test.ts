import { EdisError, type QueryRefusal, type SessionToken } from '@edis/core';
import { expect, it } from 'vitest';
import { failureOf, until } from './client-fixture.ts';
import { systemEnvironment } from './environment.ts';
import { FakeQueryCluster as Cluster, type FakeQueryCluster, queryCall } from './fake-query-cluster.ts';
import { KeyspaceScope } from './keyspace-scope.ts';
import { countRecords } from './query-count.ts';
import type { QueryCall } from './query-runner.ts';
import { openKeys } from './query-scan.ts';
import { SessionView } from './session-view.ts';

function clusterOf(shards: number, replicas: number): FakeQueryCluster {
  const cluster = new Cluster(shards, replicas);
  cluster.fill(Array.from({ length: 40 }, (_, index) => ({ key: `key-${index + 10}` })));
  return cluster;
}

function keysOf(cluster: FakeQueryCluster, change: Partial<QueryCall> = {}, pageSize = 5): Promise<unknown[]> {
  return openKeys(cluster.context, queryCall(change), { pageSize }).toArray();
}

function askedOf(cluster: FakeQueryCluster): Record<string, number> {
  return Object.fromEntries(cluster.nodes.map((node) => [node.node, node.received.length]));
}

const strong = { consistency: 'strong', maxStalenessMs: 0, token: undefined } as const;
const eventual = { consistency: 'eventual', maxStalenessMs: 0, token: undefined } as const;

it('pages go to the replicas in turn, and strong ones to the primary', async () => {
  const cluster = clusterOf(1, 2);
  expect(await keysOf(cluster)).toHaveLength(40);
  expect(askedOf(cluster)).toEqual({ 's1-w': 0, 's1-r1': 4, 's1-r2': 4 });
  expect(await keysOf(cluster, { read: strong })).toHaveLength(40);
  expect(askedOf(cluster)).toEqual({ 's1-w': 8, 's1-r1': 4, 's1-r2': 4 });
});

it('one connection for each node serves all queries, and closes with the client', async () => {
  const cluster = clusterOf(2, 1);
  await Promise.all([keysOf(cluster), keysOf(cluster), countRecords(cluster.context, queryCall())]);
  expect(cluster.opened).toBe(2);
  expect(cluster.context.channels.count).toBe(2);
  cluster.context.channels.close();
  expect(cluster.context.channels.count).toBe(0);
  expect((await failureOf(keysOf(cluster))).code).toBe('closed');
});

it('one deadline holds for all pages of a count', async () => {
  const cluster = clusterOf(1, 0);
  let nowMs = 0;
  const node = cluster.node('s1-w');
  node.maxPage = 1;
  node.intercept = () => {
    nowMs += 10;
    return undefined;
  };
  const context = { ...cluster.context, environment: { ...systemEnvironment, nowMs: () => nowMs } };
  const range = { from: 'a' };
  expect(await countRecords(context, queryCall({ timeoutMs: 1_000 }), range)).toBe(40);
  const failure = await failureOf(countRecords(context, queryCall({ what: 'count', timeoutMs: 95 }), range));
  expect(failure).toMatchObject({ code: 'deadline', message: 'count failed after 95 ms: s1 is not counted' });
});

it('a page of a count waits for a node that is away only as long as the count has left', async () => {
  const cluster = clusterOf(1, 0);
  let nowMs = 0;
  const every = (delayMs: number, task: () => void) => {
    nowMs += delayMs;
    setImmediate(task);
    return () => {};
  };
  const node = cluster.node('s1-w');
  node.maxPage = 1;
  node.intercept = () => {
    nowMs = 900;
    node.up = false;
    return undefined;
  };
  const context = { ...cluster.context, environment: { ...systemEnvironment, nowMs: () => nowMs, every } };
  const failure = await failureOf(countRecords(context, queryCall({ timeoutMs: 1_000 }), { from: 'a' }));
  expect(failure.code).toBe('unreachable');
  expect(nowMs).toBeGreaterThanOrEqual(999);
  expect(nowMs).toBeLessThan(1_100);
});

it('what a replica is too old for, the primary answers', async () => {
  const cluster = clusterOf(1, 1);
  cluster.node('s1-r1').position = { epoch: 1, position: 3 };
  const token: SessionToken = { cluster: 'fake-1', positions: new Map([['s1', { epoch: 1, position: 9 }]]) };
  const read = { consistency: 'session', maxStalenessMs: 0, token } as const;
  expect(await keysOf(cluster, { read })).toHaveLength(40);
  expect(cluster.node('s1-w').received).not.toHaveLength(0);
});

it('a session scan never goes back: what one page has shown, the next one must have', async () => {
  const cluster = clusterOf(1, 2);
  cluster.node('s1-r1').position = { epoch: 1, position: 20 };
  cluster.node('s1-r2').position = { epoch: 1, position: 15 };
  const session = new SessionView({ cluster: 'fake-1', positions: new Map() });
  expect(await keysOf(cluster, { session })).toHaveLength(40);
  expect(session.after('fake-1', 's1', undefined)).toMatchObject({ epoch: 1, position: 20 });
  const demands = cluster.nodes.flatMap((node) => node.received.map(({ head }) => head.after?.position ?? 0));
  expect(Math.max(...demands)).toBe(20);
  expect(cluster.context.routes.token.positions.get('s1')).toMatchObject({ position: 20 });
});

it('an eventual scan asks for nothing that was seen', async () => {
  const cluster = clusterOf(1, 1);
  expect(await keysOf(cluster, { read: eventual })).toHaveLength(40);
  expect(cluster.node('s1-r1').received.every(({ head }) => head.after === undefined)).toBe(true);
});

it('a replica that is down is passed over, and the primary answers when all are', async () => {
  const cluster = clusterOf(1, 2);
  cluster.node('s1-r1').up = false;
  expect(await keysOf(cluster)).toHaveLength(40);
  expect(askedOf(cluster)).toEqual({ 's1-w': 0, 's1-r1': 0, 's1-r2': 8 });
  cluster.node('s1-r2').up = false;
  expect(await keysOf(cluster)).toHaveLength(40);
  expect(askedOf(cluster)).toMatchObject({ 's1-w': 8 });
});

it('a replica that is stuck is left in time for another one to answer', async () => {
  const cluster = clusterOf(1, 1);
  cluster.node('s1-r1').frozen = true;
  expect(await keysOf(cluster, { timeoutMs: 3_000 })).toHaveLength(40);
  expect(cluster.node('s1-w').received).toHaveLength(8);
});

it('a busy shard is asked again after the time that it names, and at the deadline the error says busy', async () => {
  const cluster = clusterOf(1, 0);
  const node = cluster.node('s1-w');
  const times: number[] = [];
  const busy: QueryRefusal = { kind: 'busy', cause: 'queries', retryAfterMs: 20 };
  node.intercept = () => {
    times.push(performance.now());
    return times.length <= 2 ? busy : undefined;
  };
  expect(await keysOf(cluster, {}, 100)).toHaveLength(40);
  const [first = 0, second = 0, third = 0] = times;
  expect(second - first).toBeGreaterThanOrEqual(19);
  expect(third - second).toBeGreaterThanOrEqual(19);
  node.intercept = () => busy;
  const error = await failureOf(keysOf(cluster, { timeoutMs: 100 }));
  expect(error).toMatchObject({ code: 'busy', retryAfterMs: 20 });
  expect(error.message).toContain('scan failed after 100 ms: s1-w at s1-w:1 has no room');
});

it('a newer map that comes with a refusal is taken, and the shard asked at once', async () => {
  const cluster = clusterOf(1, 0);
  const newer = { ...cluster.topology, revision: 2 };
  cluster.node('s1-w').intercept = ({ head }) =>
    head.revision < 2 ? { kind: 'wrong-shard', topology: newer } : undefined;
  expect(await keysOf(cluster)).toHaveLength(40);
  expect(cluster.offered).toEqual([newer]);
});

it('a node that refuses the shard without a newer map is asked again until the deadline', async () => {
  const cluster = clusterOf(1, 0);
  let left = 2;
  cluster.node('s1-w').intercept = () => (left-- > 0 ? { kind: 'wrong-shard', topology: undefined } : undefined);
  expect(await keysOf(cluster)).toHaveLength(40);
  left = Number.POSITIVE_INFINITY;
  const error = await failureOf(keysOf(cluster, { timeoutMs: 60 }));
  expect(error.code).toBe('unreachable');
  expect(error.message).toContain('no newer map came');
});

it('a question that a new primary refused is asked again as soon as something changes', async () => {
  const cluster = clusterOf(1, 0);
  const node = cluster.node('s1-w');
  let refusals = 0;
  node.intercept = () => {
    refusals += 1;
    return { kind: 'not-primary', epoch: 2 };
  };
  // Nothing is repeated after a time that this test lives to see; still longer ones would be cut to a millisecond.
  const environment = { ...systemEnvironment, random: () => 10_000 };
  const asked = openKeys({ ...cluster.context, environment }, queryCall({ read: strong, timeoutMs: 60_000 }));
  const keys = asked.toArray();
  await until('it was refused', () => refusals === 1);
  await cluster.settled();
  node.intercept = undefined;
  cluster.context.changes.fire();
  expect(await keys).toHaveLength(40);
});

it('an invalid question fails at once, as what it is', async () => {
  const cluster = clusterOf(1, 1);
  const intercept = (): QueryRefusal => ({ kind: 'invalid', cause: 'field-not-indexed', message: 'not indexed' });
  for (const node of cluster.nodes) node.intercept = intercept;
  expect(await failureOf(keysOf(cluster))).toMatchObject({ code: 'invalid-argument', message: 'not indexed' });
  expect(cluster.nodes.flatMap((node) => node.received)).toHaveLength(1);
});

it('the signal of the caller ends a query that nobody answers', async () => {
  const cluster = clusterOf(1, 0);
  cluster.node('s1-w').frozen = true;
  const signal = AbortSignal.timeout(20);
  expect((await failureOf(keysOf(cluster, { signal }))).code).toBe('aborted');
});

it('a keyspace that is not there, and a cluster that is not formed, are told of as such', async () => {
  const cluster = clusterOf(1, 0);
  const scope = new KeyspaceScope('users');
  await expect(async () => keysOf(cluster, { scope })).rejects.toMatchObject({ code: 'no-such-keyspace' });
  const [keyspace] = cluster.topology.keyspaces;
  const keyspaces = keyspace === undefined ? [] : [{ ...keyspace, slots: [] }];
  cluster.context.offer({ ...cluster.topology, revision: 2, formed: false, keyspaces });
  expect((await failureOf(keysOf(cluster, { timeoutMs: 50 }))).code).toBe('not-formed');
  const later = openKeys(cluster.context, queryCall()).toArray();
  cluster.context.offer({ ...cluster.topology, revision: 3 });
  expect(await later).toHaveLength(40);
});

it('a whole keyspace is counted by the counters of one member of each shard, as fresh as was asked for', async () => {
  const cluster = clusterOf(3, 1);
  expect(await countRecords(cluster.context, queryCall({ read: eventual }))).toBe(40);
  const wrong = cluster.node('s1-r1');
  wrong.statsChange = { keyspaces: [{ keyspace: 1, recordCount: 1_000_000, recordBytes: 0 }] };
  wrong.position = { epoch: 1, position: 1 };
  const token: SessionToken = { cluster: 'fake-1', positions: new Map([['s1', { epoch: 1, position: 9 }]]) };
  const read = { consistency: 'session', maxStalenessMs: 0, token } as const;
  expect(await countRecords(cluster.context, queryCall({ read }))).toBe(40);
  expect(await countRecords(cluster.context, queryCall({ scope: new KeyspaceScope('other') }))).toBe(0);
  for (const node of cluster.nodes) {
    for (const request of node.received) expect(request).toMatchObject({ maxRecords: 1, keysOnly: true });
  }
});

it('a range is counted by its keys, over all pages', async () => {
  const cluster = clusterOf(3, 0);
  for (const node of cluster.nodes) node.maxPage = 2;
  expect(await countRecords(cluster.context, queryCall(), { from: 'key-20', to: 'key-30' })).toBe(10);
  expect(await countRecords(cluster.context, queryCall(), { prefix: 'key-4' })).toBe(10);
  expect(await countRecords(cluster.context, queryCall(), { prefix: 'x' })).toBe(0);
});

it('counting ends with an error when a shard does not answer', async () => {
  const cluster = clusterOf(2, 0);
  cluster.node('s2-w').up = false;
  const error = await failureOf(countRecords(cluster.context, queryCall({ what: 'count', timeoutMs: 80 })));
  expect(error).toBeInstanceOf(EdisError);
  expect(error.message).toContain('count failed after');
});
