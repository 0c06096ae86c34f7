import type { Outcome } from '@edis/core';
import { afterEach, describe, expect, test } from 'vitest';
import { callUntyped, failureOf, openOver, textOf } from './client-fixture.ts';
import { FakeCluster } from './fake-cluster.ts';
import { FakeQueryCluster, queryCall } from './fake-query-cluster.ts';
import type { OpenClient } from './open-client.ts';
import { aggregateRecords } from './query-aggregate.ts';
import { countRecords } from './query-count.ts';
import { openKeys, openScan } from './query-scan.ts';
import type { ReadReply } from './results.ts';

const opened: OpenClient[] = [];

afterEach(async () => {
  for (const client of opened.splice(0)) await client.close();
});

async function open(shards: number, replicas: number): Promise<{ cluster: FakeCluster; client: OpenClient }> {
  const cluster = new FakeCluster({ shards, replicas });
  const client = await openOver(cluster);
  opened.push(client);
  return { cluster, client };
}

/** What a call is told, in order. */
function listener(): { readonly replies: ReadReply[]; readonly onReply: (reply: ReadReply) => void } {
  const replies: ReadReply[] = [];
  return { replies, onReply: (reply) => void replies.push(reply) };
}

describe('the reads of one record', () => {
  test('tell who answered and how stale it may be, once, whether they find it or not', async () => {
    const { cluster, client } = await open(1, 1);
    await client.put('there', 'v', { ttlMs: 60_000 });
    cluster.node('s1-r1').stalenessMs = 7;
    const { replies, onReply } = listener();
    const servedBy = { node: 's1-r1', role: 'replica', shard: 's1' };
    for (const key of ['there', 'nothing']) {
      await client.get(key, { onReply });
      await client.exists(key, { onReply });
      await client.ttl(key, { onReply });
      expect(replies.splice(0)).toEqual(
        Array.from({ length: 3 }, () =>
          expect.objectContaining({ keys: [key], shard: 's1', servedBy, stalenessMs: 7 }),
        ),
      );
    }
    await client.get('nothing', { onReply, consistency: 'strong' });
    expect(replies).toMatchObject([{ servedBy: { node: 's1-w', role: 'primary' } }]);
  });

  test('give what they give without being listened to, and the token of the answer', async () => {
    const { client } = await open(1, 0);
    const { token } = await client.put('k', 'v');
    const { replies, onReply } = listener();
    const found = await client.get('k', { onReply });
    expect(textOf(found?.value)).toBe('v');
    expect(await client.get('nothing', { onReply })).toBeUndefined();
    expect(await client.exists('k', { onReply })).toBe(true);
    expect(await client.ttl('k', { onReply })).toBe('never');
    expect(new Set(replies.map((reply) => reply.token))).toEqual(new Set([token]));
    expect(JSON.parse(JSON.stringify(replies[0]))).toMatchObject({ token, keys: ['k'], stalenessMs: 0 });
  });

  test('tell nothing of a try that was repeated', async () => {
    const { cluster, client } = await open(1, 1);
    const stale: Outcome = { kind: 'too-stale', applied: { epoch: 0, position: 0 }, stalenessMs: 9 };
    cluster.node('s1-r1').intercept = () => stale;
    const { replies, onReply } = listener();
    expect(await client.get('nothing', { onReply })).toBeUndefined();
    expect(cluster.node('s1-r1').operations).toHaveLength(1);
    expect(replies.map((reply) => reply.servedBy.node)).toEqual(['s1-w']);
  });

  test('tell in sessions and typed keyspaces, too', async () => {
    const { client } = await open(1, 0);
    const typed = client.session().keyspace<number>('default', { codec: 'json' });
    const { replies, onReply } = listener();
    await client.session().get('a', { onReply });
    await typed.get('b', { onReply });
    await typed.exists('c', { onReply });
    await typed.mget(['d'], { onReply });
    expect(replies.map((reply) => reply.keys)).toEqual([['a'], ['b'], ['c'], ['d']]);
  });

  test('may close the client while they tell; what the listener throws ends the read', async () => {
    const { client } = await open(1, 0);
    const onReply = (): void => {
      throw new Error('no room');
    };
    for (const read of [client.get('k', { onReply }), client.mget(['k'], { onReply })]) {
      expect(await failureOf(read)).toMatchObject({ code: 'invalid-argument', message: 'onReply threw: no room' });
    }
    expect(await failureOf(callUntyped(client, 'get', 'k', { onReply: 7 }))).toMatchObject({
      code: 'invalid-argument',
      message: 'onReply is no function',
    });
    expect(await client.get('k', { onReply: () => void client.close() })).toBeUndefined();
    expect(await failureOf(client.get('k'))).toMatchObject({ code: 'closed' });
  });
});

test('mget tells of each answer of a shard once, with its keys, also of those that were asked again', async () => {
  const { cluster, client } = await open(3, 0);
  const keys = Array.from({ length: 60 }, (_, index) => `key-${index}`);
  const { replies, onReply } = listener();
  const answered = (): string[] =>
    replies
      .flatMap((reply) => reply.keys ?? [])
      .map(String)
      .sort();
  await client.mget(keys, { onReply });
  expect(replies.map((reply) => reply.servedBy.node).sort()).toEqual(['s1-w', 's2-w', 's3-w']);
  expect(answered()).toEqual([...keys].sort());
  for (const { keys: those = [], shard } of replies) {
    for (const key of those) expect(client.locate(key).shard).toBe(shard);
  }
  replies.length = 0;
  let refusals = 5;
  cluster.node('s2-w').intercept = () => {
    refusals -= 1;
    return refusals >= 0 ? { kind: 'busy', cause: 'queue-operations', retryAfterMs: 1 } : undefined;
  };
  await client.mget(keys, { onReply });
  expect(answered()).toEqual([...keys].sort());
});

describe('queries', () => {
  function filled(): FakeQueryCluster {
    const cluster = new FakeQueryCluster(3, 0);
    cluster.fill(Array.from({ length: 60 }, (_, index) => ({ key: `key-${index + 10}` })));
    for (const [index, node] of cluster.nodes.entries()) node.stalenessMs = index + 1;
    return cluster;
  }
  const everybody = ['s1-w 1', 's2-w 2', 's3-w 3'];
  const servers = (replies: readonly ReadReply[]): string[] =>
    replies.map(({ servedBy, stalenessMs }) => `${servedBy.node} ${stalenessMs}`).sort();

  test('that count or sum tell of one answer of each shard', async () => {
    const { context } = filled();
    const { replies, onReply } = listener();
    const call = queryCall({ onReply });
    await countRecords(context, call);
    expect(servers(replies.splice(0))).toEqual(everybody);
    await countRecords(context, call, { prefix: 'none' });
    expect(servers(replies.splice(0))).toEqual(everybody);
    await aggregateRecords(context, call, { measures: { all: 'count' } });
    expect(servers(replies)).toEqual(everybody);
    expect(replies.map((reply) => reply.keys)).toEqual([undefined, undefined, undefined]);
  });

  test('of a whole keyspace count an answer only when its counters could be read', async () => {
    const cluster = filled();
    const node = cluster.node('s2-w');
    node.statsChange = { viewPosition: 0 };
    const { replies, onReply } = listener();
    const counting = countRecords(cluster.context, queryCall({ onReply }));
    await expect.poll(() => node.received.length).toBeGreaterThan(2);
    node.statsChange = {};
    await counting;
    expect(servers(replies)).toEqual(everybody);
  });

  test('tell of each page before the first record of it is taken, and of empty ones', async () => {
    const cluster = filled();
    const { replies, onReply } = listener();
    const told = new Set<unknown>();
    for await (const { key, servedBy } of openScan(cluster.context, queryCall({ onReply }), { pageSize: 5 })) {
      for (const reply of replies) {
        for (const each of reply.keys ?? []) told.add(`${String(each)} ${reply.servedBy.node}`);
      }
      expect(told).toContain(`${String(key)} ${servedBy.node}`);
    }
    expect(replies).toHaveLength(cluster.nodes.reduce((sum, node) => sum + node.received.length, 0));
    replies.length = 0;
    expect(await openKeys(cluster.context, queryCall({ onReply }), { prefix: 'none' }).toArray()).toEqual([]);
    expect(servers(replies)).toEqual(everybody);
    expect(replies.map((reply) => reply.keys)).toEqual([[], [], []]);
  });

  test('tell nothing of pages that were fetched ahead and not begun', async () => {
    const cluster = filled();
    const { replies, onReply } = listener();
    const stream = openKeys(cluster.context, queryCall({ onReply }), { pageSize: 5 });
    await stream.next();
    await cluster.settled();
    expect(replies).toHaveLength(3);
    expect(cluster.nodes.flatMap((node) => node.received)).toHaveLength(6);
  });

  test('whose listener throws lose no record', async () => {
    const cluster = filled();
    const taken: unknown[] = [];
    let calls = 0;
    const onReply = (): void => {
      calls += 1;
      if (calls === 5) throw new Error('full');
    };
    const stream = openKeys(cluster.context, queryCall({ onReply }), { pageSize: 5 });
    const error = await failureOf(
      (async () => {
        for await (const key of stream) taken.push(key);
      })(),
    );
    expect(error).toMatchObject({ code: 'invalid-argument', message: 'onReply threw: full' });
    const rest = await openKeys(cluster.context, queryCall(), { cursor: stream.cursor }).toArray();
    expect([...taken, ...rest]).toEqual(await openKeys(cluster.context, queryCall()).toArray());
  });
});
