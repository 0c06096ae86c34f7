import { decodeSessionToken, EdisError, encodeSessionToken } from '@edis/core';
import { afterEach, expect, it } from 'vitest';
import { failureOf, openOver } from './client-fixture.ts';
import { FakeCluster } from './fake-cluster.ts';
import type { OpenClient } from './open-client.ts';

let client: OpenClient;
let cluster: FakeCluster;

async function open(consistency: 'eventual' | 'session' | 'strong' = 'session'): Promise<void> {
  cluster = new FakeCluster({ shards: 1, replicas: 1 });
  client = await openOver(cluster, { consistency });
}

afterEach(() => client.close());

/** What the newest read of the cluster was asked to wait for. */
function lastAfter(): unknown {
  const reads = cluster.nodes.flatMap((node) => node.operations.filter((operation) => operation.kind === 'get'));
  return reads.at(-1)?.after;
}

it('a session begins with nothing seen, whatever its client has seen', async () => {
  await open();
  await client.put('k', 'v');
  const session = client.session();
  await session.get('k');
  expect(lastAfter()).toBeUndefined();
});

it('reads of a session wait for its own writes and not for those of others', async () => {
  await open();
  const session = client.session();
  await session.put('a', 'v');
  await client.put('b', 'v');
  cluster.node('s1-r1').applied = { epoch: 1, position: 1 };
  expect((await session.get('a'))?.servedBy.node).toBe('s1-r1');
  expect(lastAfter()).toMatchObject({ epoch: 1, position: 1 });
  expect((await client.get('b'))?.servedBy.node).toBe('s1-w');
});

it('what a session has read it does not read older', async () => {
  await open();
  await client.put('k', 'v');
  const session = client.session();
  await session.get('k', { consistency: 'strong' });
  await session.get('k');
  expect(lastAfter()).toMatchObject({ position: 1 });
});

it('a token carries a session to another client', async () => {
  await open();
  const session = client.session();
  await session.put('k', 'v');
  const token = JSON.parse(JSON.stringify(session.token)) as string;
  const other = await openOver(cluster);
  const resumed = other.session(token);
  expect(resumed.token).toBe(token);
  await resumed.get('k');
  expect(lastAfter()).toMatchObject({ position: 1 });
  await other.close();
});

it('keyspaces of a session share what it has seen', async () => {
  await open();
  await client.createKeyspace('users');
  const session = client.session();
  await session.keyspace('users').put('k', 'v');
  await session.keyspace<number>('users', { codec: 'json' }).exists('k');
  expect(lastAfter()).toMatchObject({ position: 1 });
  expect(decodeSessionToken(session.token, 'fake-1').positions.get('s1')).toMatchObject({ position: 1 });
});

it('all kinds of writes advance the session, batches too', async () => {
  await open();
  const session = client.session();
  await session.increment('a');
  await session.batch([{ kind: 'put', key: 'b', value: 'v' }]);
  expect(decodeSessionToken(session.token, 'fake-1').positions.get('s1')).toMatchObject({ position: 2 });
});

it('the client has seen what its sessions have seen', async () => {
  await open();
  await client.session().put('k', 'v');
  await client.get('k');
  expect(lastAfter()).toMatchObject({ position: 1 });
});

it('reads of a session are session reads, unless the client asks for strong ones', async () => {
  await open('eventual');
  const session = client.session();
  await session.put('k', 'v');
  await session.get('k');
  expect(lastAfter()).toMatchObject({ position: 1 });
  await client.close();
  await open('strong');
  await client.put('k', 'v');
  expect((await client.session().get('k'))?.servedBy.node).toBe('s1-w');
});

const foreign = encodeSessionToken({ cluster: 'other-1', positions: new Map([['s1', { epoch: 1, position: 1 }]]) });

it.each(['', 'no token', foreign])(
  'the token %j is refused: it cannot be read or is of another cluster',
  async (token) => {
    await open();
    expect(() => client.session(token)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
    const read = client.get('k', { after: token });
    expect(await failureOf(read)).toMatchObject({ code: 'invalid-argument' });
  },
);

it.each([
  ['session', [42]],
  ['session', [null]],
  ['keyspace', ['users', { codec: 'xml' }]],
  ['locate', [42]],
] as const)('what gives no promise throws an EdisError at once: %s of %j', async (name, args) => {
  await open();
  const call = (): unknown => Reflect.apply(Reflect.get(client, name), client, args);
  expect(call).toThrow(EdisError);
  expect(call).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
});
