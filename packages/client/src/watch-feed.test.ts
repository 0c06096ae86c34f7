import { decodeFeedToken, defaultKeyspaceSettings, encodeFeedToken, type Member, unreachable } from '@edis/core';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { systemEnvironment } from './environment.ts';
import type { WatchEvent } from './query-options.ts';
import { ShardRoute } from './shard-route.ts';
import type { WatchFeed } from './watch-feed.ts';
import { WatchFeeds } from './watch-feeds.ts';
import { change, PlayedCluster, shardOf } from './watch-fixture.ts';

const scope = { cluster: 'c1', keyspace: 4, prefix: '' };
const clusters: PlayedCluster[] = [];

afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster.close();
});

function played(...shards: ReturnType<typeof shardOf>[]): PlayedCluster {
  const cluster = new PlayedCluster(shards);
  clusters.push(cluster);
  return cluster;
}

async function take(feed: WatchFeed, count: number): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  while (events.length < count) {
    const result = await feed.next();
    if (result.done === true) break;
    events.push(result.value);
  }
  return events;
}

function text(event: WatchEvent): string {
  switch (event.kind) {
    case 'put':
    case 'snapshot':
      return `${event.kind} ${String(event.key)}=${Buffer.from(event.value).toString()}`;
    case 'delete':
    case 'expire':
      return `${event.kind} ${String(event.key)}`;
    case 'snapshot-begin':
      return `begin ${event.cause}`;
    case 'snapshot-end':
      return 'end';
    default:
      return unreachable(event);
  }
}

const texts = (events: readonly WatchEvent[]): string[] => events.map((event) => text(event));

describe('a feed', () => {
  test('asks a replica where there is one, else the primary, and hands changes on in order', async () => {
    const cluster = played(shardOf('s1', 1), shardOf('s2', 0));
    const feed = cluster.watch({ prefix: 'a' });
    expect(cluster.streams.map(({ peer }) => peer)).toEqual(['s1-r1', 's2-w']);
    expect(cluster.stream('s1').open).toMatchObject({ cluster: 'c1', keyspace: 4, prefix: 'a', from: { kind: 'now' } });
    cluster.stream('s1').started(1, 10);
    cluster.stream('s2').started(1, 20);
    cluster.stream('s1').changes([change('put', 'a1', 5), change('delete', 'a1', 6)], { epoch: 1, position: 11 });
    cluster.stream('s2').changes([change('expire', 'a2', 7)], { epoch: 1, position: 21 });
    expect(texts(await take(feed, 3))).toEqual(['put a1=v5', 'delete a1', 'expire a2']);
  });

  test('gives keys that are no text as bytes, and the others as text', async () => {
    const cluster = played(shardOf('s1', 0));
    const feed = cluster.watch();
    cluster.stream('s1').started(1, 1);
    cluster.stream('s1').changes([change('put', '\u00c3\u00a4', 5), change('put', '\u00ff', 6)]);
    const keys = (await take(feed, 2)).map((event) => ('key' in event ? event.key : undefined));
    expect(keys).toEqual(['ä', Uint8Array.of(255)]);
  });

  test('holds its first event back until every shard has said where now is', async () => {
    const cluster = played(shardOf('s1', 0), shardOf('s2', 0));
    const feed = cluster.watch();
    cluster.stream('s1').started(1, 10);
    cluster.stream('s1').changes([change('put', 'a', 5)], { epoch: 1, position: 11 });
    const first = take(feed, 1);
    cluster.stream('s2').started(2, 7);
    const [event] = await first;
    expect(decodeFeedToken(event?.token ?? '', scope)).toEqual(
      new Map([
        ['s1', { kind: 'after', position: { epoch: 1, position: 11 }, version: 0 }],
        ['s2', { kind: 'after', position: { epoch: 2, position: 7 }, version: 0 }],
      ]),
    );
  });

  test('whose reader waited for one that is late says in its tokens where that began, from then on', async () => {
    vi.useFakeTimers();
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const cluster = played(shardOf('s1', 0), shardOf('s2', 0), shardOf('s3', 0));
    const feed = cluster.watch();
    cluster.stream('s1').started(1, 10);
    cluster.stream('s1').changes(
      [1, 2, 3].map((version) => change('put', 'a', version)),
      { epoch: 1, position: 11 },
    );
    await vi.advanceTimersByTimeAsync(2000);
    const [early] = await take(feed, 1);
    cluster.stream('s2').started(2, 7);
    const [second] = await take(feed, 1);
    cluster.stream('s3').say({ kind: 'snapshot-begin', cause: 'log-too-short', node: 'n' });
    const [third] = await take(feed, 1);
    const placesOf = (event: WatchEvent | undefined) => {
      const places = decodeFeedToken(event?.token ?? '', scope);
      return ['s2', 's3'].map((shard) => places.get(shard));
    };
    const begun = { kind: 'after', position: { epoch: 2, position: 7 }, version: 0 };
    expect(placesOf(early)).toEqual([{ kind: 'now' }, { kind: 'now' }]);
    expect(placesOf(second)).toEqual([begun, { kind: 'now' }]);
    expect(placesOf(third)).toEqual([begun, { kind: 'snapshot', cause: 'log-too-short' }]);
  });

  test('that starts with the records says so in its tokens until a shard has sent them all', async () => {
    const cluster = played(shardOf('s1', 0));
    const feed = cluster.watch({ from: 'start' });
    const stream = cluster.stream('s1');
    expect(stream.open?.from).toEqual({ kind: 'start' });
    stream.say({ kind: 'snapshot-begin', cause: 'start', node: 'n' });
    stream.changes([change('snapshot', 'a', 5)]);
    stream.say({ kind: 'snapshot-end', position: { epoch: 1, position: 9 } });
    const events = await take(feed, 3);
    expect(texts(events)).toEqual(['begin start', 'snapshot a=v5', 'end']);
    const places = events.map((event) => decodeFeedToken(event.token, scope).get('s1'));
    expect(places.map((place) => place?.kind)).toEqual(['snapshot', 'snapshot', 'after']);
    const resumed = played(shardOf('s1', 0));
    resumed.watch({ from: events[1]?.token });
    expect(resumed.stream('s1').open?.from).toEqual({ kind: 'start' });
  });
});

describe('what a feed gave, the client has seen', () => {
  /** Takes one event, and says what the client has seen of its shard before and after. */
  async function seen(cluster: PlayedCluster, feed: WatchFeed): Promise<unknown[]> {
    const [route] = cluster.shardRoutes;
    const before = route?.seen;
    await take(feed, 1);
    return [before, route?.seen].map((place) => place && [place.epoch, place.position]);
  }

  test('up to where its member said that the log has it, as soon as it is taken', async () => {
    const cluster = played(shardOf('s1', 0));
    const feed = cluster.watch();
    cluster.stream('s1').started(3, 10);
    cluster.stream('s1').changes([change('put', 'a', 5), change('put', 'b', 6)], { epoch: 3, position: 12 });
    cluster.stream('s1').changes([], { epoch: 3, position: 14 });
    cluster.stream('s1').changes([change('put', 'c', 7)], { epoch: 4, position: 16 });
    expect(await seen(cluster, feed)).toEqual([undefined, [3, 14]]);
    expect(await seen(cluster, feed)).toEqual([
      [3, 14],
      [3, 14],
    ]);
    expect(await seen(cluster, feed)).toEqual([
      [3, 14],
      [4, 16],
    ]);
  });

  test('with the whole entry when it came in part', async () => {
    const cluster = played(shardOf('s1', 0));
    const place = { kind: 'after', position: { epoch: 1, position: 10 }, version: 6 } as const;
    const feed = cluster.watch({ from: encodeFeedToken(scope, new Map([['s1', place]])) });
    cluster.stream('s1').started(1, 10);
    cluster.stream('s1').changes([change('put', 'b', 6), change('put', 'c', 7)]);
    expect(await seen(cluster, feed)).toEqual([undefined, [1, 11]]);
    cluster.stream('s1').changes([change('put', 'd', 8)], { epoch: 1, position: 11 });
    cluster.stream('s1').changes([change('put', 'e', 9)]);
    expect(await seen(cluster, feed)).toEqual([
      [1, 11],
      [1, 11],
    ]);
    expect(await seen(cluster, feed)).toEqual([
      [1, 11],
      [1, 12],
    ]);
  });

  test('of a snapshot when it is over', async () => {
    const cluster = played(shardOf('s1', 0));
    const feed = cluster.watch({ from: 'start' });
    cluster.stream('s1').say({ kind: 'snapshot-begin', cause: 'start', node: 'n' });
    cluster.stream('s1').changes([change('snapshot', 'a', 5)]);
    cluster.stream('s1').say({ kind: 'snapshot-end', position: { epoch: 1, position: 9 } });
    expect(await seen(cluster, feed)).toEqual([undefined, undefined]);
    expect(await seen(cluster, feed)).toEqual([undefined, undefined]);
    expect(await seen(cluster, feed)).toEqual([undefined, [1, 9]]);
  });

  test('unless another cluster is at its address by now', async () => {
    const cluster = played(shardOf('s1', 0));
    const feed = cluster.watch();
    cluster.shardRoutes = [new ShardRoute('c2', 's1', systemEnvironment)];
    cluster.stream('s1').started(1, 10);
    cluster.stream('s1').changes([change('put', 'a', 5)], { epoch: 1, position: 11 });
    expect(await seen(cluster, feed)).toEqual([undefined, undefined]);
  });
});

describe('when a member dies', () => {
  test('the next one is asked to go on behind what was received', async () => {
    const cluster = played(shardOf('s1', 2));
    const feed = cluster.watch();
    cluster.stream('s1').started(1, 10);
    cluster.stream('s1').changes([change('put', 'a', 5)], { epoch: 1, position: 11 });
    cluster.stream('s1').changes([change('put', 'b', 6)]);
    cluster.stream('s1').die();
    await vi.waitUntil(() => cluster.hasStream('s1'));
    const stream = cluster.stream('s1');
    expect(stream.peer).toBe('s1-r2');
    expect(stream.open?.from).toEqual({ kind: 'after', position: { epoch: 1, position: 11 } });
    stream.started(1, 11);
    // The entry again, of which one change had come.
    stream.changes([change('put', 'b', 6), change('put', 'c', 7)], { epoch: 1, position: 12 });
    expect(texts(await take(feed, 3))).toEqual(['put a=v5', 'put b=v6', 'put c=v7']);
  });

  test('a snapshot begins anew, for the reason that it had', async () => {
    const cluster = played(shardOf('s1', 0));
    const feed = cluster.watch();
    cluster.stream('s1').started(1, 10);
    cluster.stream('s1').say({ kind: 'snapshot-begin', cause: 'log-too-short', node: 'n' });
    cluster.stream('s1').changes([change('snapshot', 'a', 5)]);
    cluster.stream('s1').die();
    await vi.waitUntil(() => cluster.hasStream('s1'));
    expect(cluster.stream('s1').open?.from).toEqual({ kind: 'start' });
    cluster.stream('s1').say({ kind: 'snapshot-begin', cause: 'start', node: 'n' });
    expect(texts(await take(feed, 3))).toEqual(['begin log-too-short', 'snapshot a=v5', 'begin log-too-short']);
  });

  test('all its members are asked in turn, and again when they refuse', async () => {
    const cluster = played(shardOf('s1', 1));
    cluster.watch();
    const asked: string[] = [];
    for (let attempt = 0; attempt < 4; attempt += 1) {
      await vi.waitUntil(() => cluster.hasStream('s1'));
      asked.push(cluster.stream('s1').peer);
      cluster.stream('s1').say({ kind: 'refused', cause: 'not-serving' });
    }
    expect(asked).toEqual(['s1-r1', 's1-w', 's1-r1', 's1-w']);
  });
});

describe('a member that the shard goes on without', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** What the map says of the member that gives the changes, which goes on to say that nothing happened. */
  async function learn(mapped: (member: Member) => readonly Member[], replicas = 2): Promise<PlayedCluster> {
    const cluster = played(shardOf('s1', replicas));
    cluster.watch();
    const stream = cluster.stream('s1');
    stream.started(1, 10);
    const shards = cluster.topology.shards.map((shard) => {
      const members = shard.members.flatMap((member) => (member.node === stream.peer ? mapped(member) : [member]));
      return { ...shard, members };
    });
    cluster.topology = { ...cluster.topology, revision: 2, shards };
    for (let second = 0; second < 10 && !stream.closed; second += 1) {
      stream.changes([], { epoch: 1, position: 10 }, 0);
      await vi.advanceTimersByTimeAsync(1000);
    }
    return cluster;
  }

  test.each([
    ['is in the map no more', () => []],
    ['is a learner', (member: Member) => [{ ...member, role: 'learner' } as const]],
  ])('and that %s is left for the next one, which goes on behind what was received', async (_, mapped) => {
    const cluster = await learn(mapped);
    expect(cluster.streams.map(({ peer, closed }) => [peer, closed])).toEqual([
      ['s1-r1', true],
      ['s1-r2', false],
    ]);
    expect(cluster.stream('s1').open?.from).toEqual({ kind: 'after', position: { epoch: 1, position: 10 } });
  });

  test('as far as info knows may be one that info alone does not hear', async () => {
    const cluster = await learn((member) => [{ ...member, alive: false }]);
    expect(cluster.streams.map(({ closed }) => closed)).toEqual([false]);
  });

  test('is kept where there is no other', async () => {
    const cluster = await learn(() => [], 0);
    expect(cluster.streams.map(({ closed }) => closed)).toEqual([false]);
  });
});

test('a shard of which nobody can give changes is asked every few seconds, until somebody can', async () => {
  vi.useFakeTimers();
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const cluster = played(shardOf('s1', 2));
  cluster.random = 0.75;
  cluster.watch();
  for (let step = 0; step < 600; step += 1) {
    if (cluster.hasStream('s1')) cluster.stream('s1').say({ kind: 'refused', cause: 'not-serving' });
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(cluster.streams.length).toBeLessThan(60);
  await vi.advanceTimersByTimeAsync(2000);
  expect(cluster.hasStream('s1')).toBe(true);
  expect(new Set(cluster.streams.map(({ peer }) => peer)).size).toBe(3);
});

describe('a member that says nothing', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('is left for the next one within three seconds, and nothing is missed or comes twice', async () => {
    const cluster = played(shardOf('s1', 1));
    const feed = cluster.watch();
    const stopped = cluster.stream('s1');
    stopped.started(1, 0);
    stopped.changes([change('put', 'a', 1)], { epoch: 1, position: 1 });
    stopped.changes([change('put', 'b', 2)]);
    await vi.advanceTimersByTimeAsync(2_000);
    stopped.changes([]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(cluster.stream('s1')).toBe(stopped);
    await vi.advanceTimersByTimeAsync(1_000);
    const next = cluster.stream('s1');
    expect(next.peer).toBe('s1-w');
    expect(next.open?.from).toEqual({ kind: 'after', position: { epoch: 1, position: 1 } });
    next.started(1, 1);
    stopped.changes([change('put', 'b', 2), change('put', 'c', 3)], { epoch: 1, position: 2 });
    next.changes([change('put', 'b', 2), change('put', 'c', 3)], { epoch: 1, position: 2 });
    expect(texts(await take(feed, 3))).toEqual(['put a=v1', 'put b=v2', 'put c=v3']);
  });

  test('is left when it does not even answer the opening', async () => {
    const cluster = played(shardOf('s1', 1));
    cluster.watch();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(cluster.stream('s1').peer).toBe('s1-w');
  });

  test('has longer when its answers come, but slowly', async () => {
    const cluster = played(shardOf('s1', 0));
    cluster.watch();
    cluster.stream('s1').started(1, 0);
    await vi.advanceTimersByTimeAsync(3_000);
    const again = cluster.stream('s1');
    again.started(1, 0);
    await vi.advanceTimersByTimeAsync(4_000);
    again.changes([change('put', 'a', 1)], { epoch: 1, position: 1 });
    await vi.advanceTimersByTimeAsync(2_000);
    expect(cluster.stream('s1')).toBe(again);
  });

  test('is not blamed for a time in which nothing could be read', async () => {
    const cluster = played(shardOf('s1', 1));
    cluster.watch();
    const stream = cluster.stream('s1');
    stream.started(1, 0);
    const nowMs = performance.now();
    vi.spyOn(performance, 'now').mockImplementation(() => nowMs + 10_000);
    onTestFinished(() => {
      vi.restoreAllMocks();
    });
    await vi.advanceTimersByTimeAsync(2_600);
    expect(cluster.stream('s1')).toBe(stream);
  });
});

describe('a token from the middle of an entry', () => {
  async function resume(): Promise<{ cluster: PlayedCluster; feed: WatchFeed }> {
    const cluster = played(shardOf('s1', 0));
    const place = { kind: 'after', position: { epoch: 1, position: 10 }, version: 6 } as const;
    const feed = cluster.watch({ from: encodeFeedToken(scope, new Map([['s1', place]])) });
    cluster.stream('s1').started(1, 10);
    return { cluster, feed };
  }

  test('goes on behind its event, wherever messages are cut', async () => {
    const { cluster, feed } = await resume();
    cluster.stream('s1').changes([change('put', 'a', 5)]);
    cluster.stream('s1').changes([change('put', 'b', 6)]);
    cluster.stream('s1').changes([change('put', 'c', 7)], { epoch: 1, position: 11 });
    expect(texts(await take(feed, 1))).toEqual(['put c=v7']);
  });

  test('takes all records when the shard has lost the entry: another change is in its place', async () => {
    const { cluster, feed } = await resume();
    cluster.stream('s1').changes([change('put', 'x', 9)], { epoch: 1, position: 11 });
    expect(cluster.stream('s1').open?.from).toEqual({ kind: 'start' });
    cluster.stream('s1').say({ kind: 'snapshot-begin', cause: 'start', node: 'n' });
    expect(texts(await take(feed, 1))).toEqual(['begin diverged']);
  });

  test('takes all records when the shard has lost the entry: another epoch has begun', async () => {
    const { cluster } = await resume();
    cluster.stream('s1').changes([], { epoch: 2, position: 11 });
    expect(cluster.stream('s1').open?.from).toEqual({ kind: 'start' });
  });

  test('resumes without loss and repetition from every event, however entries and messages are cut', async () => {
    // Entries of 1 – 4 changes; the member sends from the position asked for, cut by `cuts`.
    const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 });
    const cuts = fc.array(fc.boolean(), { minLength: 24, maxLength: 24 });
    const property = fc.asyncProperty(sizes, cuts, cuts, fc.nat(), async (entries, firstCuts, secondCuts, stop) => {
      const total = entries.reduce((sum, size) => sum + size, 0);
      const first = played(shardOf('s1', 0));
      const feed = first.watch();
      first.stream('s1').started(1, 0);
      sendLog(first, entries, 0, firstCuts);
      const events = await take(feed, 1 + (stop % total));
      const second = played(shardOf('s1', 0));
      const resumed = second.watch({ from: events.at(-1)?.token });
      const from = second.stream('s1').open?.from;
      const after = from?.kind === 'after' ? from.position.position : -1;
      second.stream('s1').started(1, after);
      sendLog(second, entries, after, secondCuts);
      const rest = await take(resumed, total - events.length);
      expect(texts([...events, ...rest])).toEqual(Array.from({ length: total }, (_, index) => `put k=v${index + 1}`));
      await feed.return();
      await resumed.return();
    });
    await fc.assert(property, { numRuns: 200 });
  });
});

/** What a member sends of a log whose entries have so many changes, cut anywhere. */
function sendLog(cluster: PlayedCluster, entries: readonly number[], after: number, cuts: readonly boolean[]): void {
  const stream = cluster.stream('s1');
  let version = 0;
  let pending: ReturnType<typeof change>[] = [];
  for (const [index, size] of entries.entries()) {
    const position = index + 1;
    for (let each = 0; each < size; each += 1) {
      version += 1;
      if (position <= after) continue;
      pending.push(change('put', 'k', version));
      if (cuts[version - 1] !== true) continue;
      stream.changes(pending, each === size - 1 ? { epoch: 1, position } : undefined);
      pending = [];
    }
  }
  stream.changes(pending, { epoch: 1, position: entries.length });
}

describe('a slow reader', () => {
  test('gives credit back only for what it has read', async () => {
    const cluster = played(shardOf('s1', 0));
    const feed = cluster.watch();
    const stream = cluster.stream('s1');
    const credit = stream.open?.creditBytes ?? 0;
    stream.started(1, 0);
    for (let index = 1; index <= 8; index += 1) {
      stream.changes([change('put', 'k', index)], { epoch: 1, position: index }, credit / 8);
    }
    expect(stream.grantedBytes).toBe(0);
    expect(feed.queuedBytes).toBe(credit);
    await take(feed, 8);
    expect(stream.grantedBytes).toBeGreaterThanOrEqual(credit / 2);
    expect(feed.queuedBytes).toBeLessThanOrEqual(credit / 8);
  });

  test('gets no new stream after one broke before it has room for what comes', async () => {
    vi.useFakeTimers();
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const cluster = played(shardOf('s1', 0));
    const feed = cluster.watch();
    const credit = cluster.stream('s1').open?.creditBytes ?? 0;
    cluster.stream('s1').started(1, 0);
    cluster.stream('s1').changes([change('put', 'a', 1)], { epoch: 1, position: 1 }, credit);
    cluster.stream('s1').changes([change('put', 'b', 2)], { epoch: 1, position: 2 }, 10);
    cluster.stream('s1').die();
    await vi.advanceTimersByTimeAsync(10_000);
    vi.useRealTimers();
    expect(cluster.hasStream('s1')).toBe(false);
    expect(texts(await take(feed, 2))).toEqual(['put a=v1', 'put b=v2']);
    expect(cluster.stream('s1').open).toMatchObject({ from: { position: { position: 2 } } });
  });
});

describe('a feed ends', () => {
  test('with all its streams when its reader leaves the loop', async () => {
    const cluster = played(shardOf('s1', 0), shardOf('s2', 0));
    const feeds = new WatchFeeds({ routes: cluster, transport: cluster, environment: systemEnvironment });
    setImmediate(() => {
      for (const { open } of [...cluster.streams]) cluster.stream(open?.shard ?? '').started(1, 0);
      cluster.stream('s1').changes([change('put', 'a', 1), change('put', 'b', 2)]);
    });
    let count = 0;
    for await (const event of feeds.watch('users')) {
      expect(event.kind).toBe('put');
      count += 1;
      if (count === 2) break;
    }
    expect(cluster.streams.every(({ closed }) => closed)).toBe(true);
  });

  test('when the signal fires, also before it began', async () => {
    const cluster = played(shardOf('s1', 0));
    const controller = new AbortController();
    const feed = cluster.watch({ signal: controller.signal });
    const next = feed.next();
    controller.abort();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(cluster.hasStream('s1')).toBe(false);
    expect((await cluster.watch({ signal: controller.signal }).next()).done).toBe(true);
    expect(cluster.hasStream('s1')).toBe(false);
  });

  test("with 'no-such-keyspace' at its begin where there is none, and which there are", () => {
    const cluster = played(shardOf('s1', 0));
    const people = { id: 5, name: 'people', strategy: 'hash', settings: defaultKeyspaceSettings, slots: [] } as const;
    cluster.topology = { ...cluster.topology, keyspaces: [people] };
    expect(() => cluster.watch()).toThrow('there is no keyspace users; the cluster has people');
  });

  test("with 'no-such-keyspace' when the keyspace is dropped, behind what was received", async () => {
    const cluster = played(shardOf('s1', 0));
    const feed = cluster.watch();
    cluster.stream('s1').started(1, 0);
    cluster.stream('s1').changes([change('put', 'a', 1)]);
    cluster.topology = { ...cluster.topology, revision: 2, keyspaces: [] };
    await vi.waitUntil(() => !cluster.hasStream('s1'));
    expect(texts(await take(feed, 1))).toEqual(['put a=v1']);
    await expect(feed.next()).rejects.toMatchObject({ code: 'no-such-keyspace' });
    expect((await feed.next()).done).toBe(true);
  });

  test("with 'closed' when its client closes, and none begins afterwards", async () => {
    const cluster = played(shardOf('s1', 0));
    const feeds = new WatchFeeds({ routes: cluster, transport: cluster, environment: systemEnvironment });
    const open = feeds.watch('users')[Symbol.asyncIterator]();
    const next = open.next();
    feeds.close();
    await expect(next).rejects.toMatchObject({ code: 'closed' });
    const late = feeds.watch('users')[Symbol.asyncIterator]();
    await expect(late.next()).rejects.toMatchObject({ code: 'closed' });
  });

  test.each([
    ['a token of another cluster', { from: encodeFeedToken({ ...scope, cluster: 'c2' }, new Map()) }],
    ['a token of another keyspace', { from: encodeFeedToken({ ...scope, keyspace: 5 }, new Map()) }],
    ['a token that was cut off', { from: encodeFeedToken(scope, new Map()).slice(0, -3) }],
    ['an empty text', { from: '' }],
    ['a prefix that is longer than a key', { prefix: 'x'.repeat(5000) }],
  ])("with 'invalid-argument' for %s", async (_, options) => {
    const cluster = played(shardOf('s1', 0));
    const feeds = new WatchFeeds({ routes: cluster, transport: cluster, environment: systemEnvironment });
    const feed = feeds.watch('users', options)[Symbol.asyncIterator]();
    await expect(feed.next()).rejects.toMatchObject({ code: 'invalid-argument' });
    expect(cluster.streams).toEqual([]);
  });
});

test('a shard that appears later joins by itself, with all that its log has', async () => {
  const cluster = played(shardOf('s1', 0));
  const feed = cluster.watch();
  cluster.stream('s1').started(1, 5);
  cluster.topology = { ...cluster.topology, revision: 2, shards: [...cluster.topology.shards, shardOf('s2', 0)] };
  await vi.waitUntil(() => cluster.hasStream('s2'));
  expect(cluster.stream('s2').open?.from).toEqual({ kind: 'after', position: { epoch: 0, position: 0 } });
  cluster.stream('s2').started(0, 0);
  cluster.stream('s2').changes([change('put', 'z', 1)], { epoch: 1, position: 2 });
  expect(texts(await take(feed, 1))).toEqual(['put z=v1']);
});
