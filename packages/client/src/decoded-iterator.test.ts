import { expect, it } from 'vitest';
import { failureOf, openOver, until } from './client-fixture.ts';
import { DecodedIterator } from './decoded-iterator.ts';
import { FakeCluster } from './fake-cluster.ts';
import { FakeQueryCluster, queryCall } from './fake-query-cluster.ts';
import { openKeys } from './query-scan.ts';
import { DecodedStream } from './typed-stream.ts';

/** Leaves an iterator of which a step is under way, and says how that step ended. */
async function leave(iterator: AsyncIterator<unknown>): Promise<unknown> {
  const pending = iterator.next();
  let isEnded = false;
  void iterator.return?.().then(() => {
    isEnded = true;
  });
  await until('the iterator has ended', () => isEnded);
  return pending;
}

it('a typed feed ends at once when its reader leaves while it waits for an event', async () => {
  const client = await openOver(new FakeCluster({ shards: 1, replicas: 0 }));
  const feed = client.keyspace('default', { codec: 'text' }).watch();
  expect(await leave(feed[Symbol.asyncIterator]())).toEqual({ done: true, value: undefined });
  await client.close();
});

it('a typed scan ends at once when its reader leaves while it waits for a page', async () => {
  const cluster = new FakeQueryCluster(1, 0);
  cluster.node('s1-w').frozen = true;
  const stream = new DecodedStream(openKeys(cluster.context, queryCall({ timeoutMs: 60_000 })), async (key) => key);
  expect(await leave(stream[Symbol.asyncIterator]())).toEqual({ done: true, value: undefined });
});

it('what cannot be decoded ends the sequence and what it comes from', async () => {
  let isLeft = false;
  async function* numbers() {
    try {
      yield* [1, 2, 3];
    } finally {
      isLeft = true;
    }
  }
  const decode = (number: number): string => {
    if (number === 2) throw new Error('no such number');
    return String(number);
  };
  const decoded = new DecodedIterator(numbers(), decode);
  expect(await decoded.next()).toEqual({ done: false, value: '1' });
  await expect(decoded.next()).rejects.toThrow('no such number');
  expect(isLeft).toBe(true);
  expect(await decoded.next()).toEqual({ done: true, value: undefined });
});

it('a feed of a keyspace that is not there fails at its first step, decoded or not', async () => {
  const client = await openOver(new FakeCluster({ shards: 1, replicas: 0 }));
  for (const keyspace of [client.keyspace('none'), client.keyspace('none', { codec: 'json' })]) {
    const feed = keyspace.watch()[Symbol.asyncIterator]();
    expect(await failureOf(feed.next())).toMatchObject({ code: 'no-such-keyspace' });
  }
  await client.close();
});
