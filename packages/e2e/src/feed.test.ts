import type { Client, WatchEvent } from '@edis/client';
import { TestCluster, waitFor } from '@edis/testkit';
import { expect, test } from 'vitest';
import { pause } from './pause.ts';

/** Between two writes of one caller. */
const pauseMs = 5;

/** A reader is stopped within so many events: some are stopped in a snapshot, and none waits for writes for long. */
const stopEvents = 100;

/** What a reader of changes builds of them, and checks on the way. */
class Mirror {
  readonly records = new Map<string, { readonly value: string; readonly shard: string }>();
  readonly kinds = new Map<string, number>();
  /** By cause, the shards that gave all their records for it: those of a snapshot that broke off come again. */
  readonly causes = new Map<string, Set<string>>();
  token: string | undefined;
  /** Of each key, the version of its last change: none comes twice. */
  readonly #versions = new Map<string, number>();
  /** By shard, the keys of the snapshot that is being taken. */
  readonly #snapshots = new Map<string, Set<string>>();

  apply(event: WatchEvent): void {
    const { shard } = event;
    this.token = event.token;
    this.kinds.set(event.kind, (this.kinds.get(event.kind) ?? 0) + 1);
    if (event.kind === 'snapshot-begin') {
      this.causes.set(event.cause, (this.causes.get(event.cause) ?? new Set()).add(shard));
      this.#snapshots.set(shard, new Set());
    } else if (event.kind === 'snapshot-end') {
      const kept = this.#snapshots.get(shard);
      for (const [key, record] of this.records) {
        if (record.shard === shard && kept?.has(key) !== true) this.records.delete(key);
      }
      this.#snapshots.delete(shard);
    } else {
      this.#applyChange(event);
    }
  }

  #applyChange(event: Exclude<WatchEvent, { kind: 'snapshot-begin' | 'snapshot-end' }>): void {
    const { shard, version } = event;
    const key = String(event.key);
    if (event.kind === 'snapshot') this.#snapshots.get(shard)?.add(key);
    else expect(version, `${event.kind} of ${key}`).toBeGreaterThan(this.#versions.get(key) ?? 0);
    this.#versions.set(key, version);
    if ('value' in event) this.records.set(key, { value: Buffer.from(event.value).toString(), shard });
    else this.records.delete(key);
  }

  get content(): Map<string, string> {
    return new Map([...this.records].map(([key, { value }]): [string, string] => [key, value]).sort(byKey));
  }
}

const byKey = ([left]: [string, string], [right]: [string, string]): number => (left < right ? -1 : 1);

const keys = Array.from({ length: 300 }, (_, index) => `key-${index}`);

async function contentOf(client: Client): Promise<Map<string, string>> {
  const found = await client.mget(keys, { consistency: 'strong' });
  const records = found.flatMap((record, index): [string, string][] =>
    record === undefined ? [] : [[keys[index] ?? '', Buffer.from(record.value).toString()]],
  );
  return new Map(records.sort(byKey));
}

/** The epoch of each shard. */
function epochsOf(client: Client): Map<string, number> {
  return new Map(keys.map((key) => client.locate(key)).map(({ shard, epoch }) => [shard, epoch]));
}

/** Reads on in a client of its own, which is gone afterwards. */
async function readOn(running: TestCluster, mirror: Mirror, until: (count: number) => Promise<boolean>): Promise<void> {
  const client = await running.client();
  let count = 0;
  for await (const event of client.watch({ from: mirror.token ?? 'start' })) {
    mirror.apply(event);
    count += 1;
    if (await until(count)) break;
  }
  await client.close();
}

/** Reads on until the mirror shows what the cluster has. */
async function catchUp(running: TestCluster, client: Client, mirror: Mirror): Promise<void> {
  const reader = await running.client();
  const controller = new AbortController();
  const reading = (async () => {
    const { signal } = controller;
    for await (const event of reader.watch({ from: mirror.token ?? 'start', signal })) mirror.apply(event);
  })();
  const level = async (): Promise<boolean> => {
    const content = await contentOf(client);
    return JSON.stringify([...mirror.content]) === JSON.stringify([...content]);
  };
  try {
    await waitFor(level, () => `the mirror of ${mirror.records.size} records is level`, 20_000);
  } finally {
    controller.abort();
    await reading;
    await reader.close();
  }
}

/** Writes of all kinds to random keys, until it is told to stop. */
function writeOn(client: Client): { stop(): Promise<void> } {
  let stopped = false;
  let round = 0;
  const run = async (): Promise<void> => {
    while (!stopped) {
      round += 1;
      const key = keys[Math.floor(Math.random() * keys.length)] ?? '';
      const choice = round % 5;
      if (choice === 0) await client.delete(key, { ack: 'memory' });
      else if (choice === 1) await client.put(key, `short-${round}`, { ack: 'memory', ttlMs: 20 });
      else await client.put(key, `value-${round}`, { ack: 'memory' });
      await pause(pauseMs);
    }
  };
  const running = Promise.all(Array.from({ length: 16 }, () => run()));
  return {
    stop: async () => {
      stopped = true;
      await running;
    },
  };
}

test('a reader that is stopped at random points, and goes on elsewhere, rebuilds what the cluster has', async () => {
  const running = await TestCluster.start({ shards: 3, replicas: 1 });
  try {
    const client = await running.client();
    const epochs = epochsOf(client);
    const writing = writeOn(client);
    const mirror = new Mirror();
    for (let round = 0; round < 12; round += 1) {
      const stopAt = 1 + Math.floor(Math.random() * stopEvents);
      await readOn(running, mirror, async (count) => count >= stopAt);
      if (round === 6) running.cluster.process('read-shard-1-1').kill('SIGKILL');
    }
    await writing.stop();
    await catchUp(running, client, mirror);
    expect(mirror.content).toEqual(await contentOf(client));
    for (const kind of ['put', 'delete', 'expire', 'snapshot-end']) expect(mirror.kinds.get(kind), kind).toBeDefined();
    // Only a shard whose primary was replaced, as on a machine that stands still, may have lost what the feed showed.
    const diverged = mirror.causes.get('diverged') ?? new Set();
    for (const [shard, epoch] of epochsOf(client)) if (epochs.get(shard) !== epoch) diverged.delete(shard);
    expect([...diverged]).toEqual([]);
    expect(mirror.causes.get('log-too-short')).toBeUndefined();
  } finally {
    await running.close();
  }
});

test('a feed leaves a member that stands still within seconds, and misses and repeats nothing', async () => {
  const running = await TestCluster.start({ shards: 1, replicas: 2 });
  const controller = new AbortController();
  try {
    const client = await running.client();
    const reader = await running.client();
    const versions: number[] = [];
    let longestMs = 0;
    let lastMs = performance.now();
    const reading = (async () => {
      for await (const event of reader.watch({ from: 'start', signal: controller.signal })) {
        if (event.kind !== 'put') continue;
        versions.push(event.version);
        longestMs = Math.max(longestMs, performance.now() - lastMs);
        lastMs = performance.now();
      }
    })();
    const serving = await waitFor(async () => {
      const stats = await client.stats();
      return stats.find((each) => (each.stats?.watcherCount ?? 0) > 0)?.node;
    }, 'a member serves the feed');
    const written: number[] = [];
    const write = async (): Promise<void> => {
      // The member that is stopped may be the primary: what a quorum has, its successor has.
      written.push((await client.put('counted', `${written.length}`, { ack: 'quorum' })).version ?? 0);
    };
    await write();
    await waitFor(() => versions.length > 0, 'the feed has begun');
    running.cluster.process(serving).kill('SIGSTOP');
    const stoppedMs = performance.now();
    longestMs = 0;
    while (versions.length < 2 || performance.now() - stoppedMs < 4_000) {
      await write();
      await pause(pauseMs);
      expect(performance.now() - stoppedMs, 'the feed goes on').toBeLessThan(15_000);
    }
    running.cluster.process(serving).kill('SIGCONT');
    await write();
    await waitFor(() => versions.at(-1) === written.at(-1), 'the feed is level');
    expect(versions).toEqual(written);
    expect(longestMs).toBeLessThan(6_000);
    process.stdout.write(`the feed stood still for ${Math.round(longestMs)} ms\n`);
    controller.abort();
    await reading;
  } finally {
    controller.abort();
    await running.close();
  }
});

test('a reader that was away longer than the log reaches back is told so, and sent all records', async () => {
  const short = ['--segment', '64KiB', '--retention', '64KiB', '--retention-max', '128KiB'];
  const running = await TestCluster.start({
    shards: 3,
    replicas: 1,
    settings: { writeShard: short, readShard: short },
  });
  try {
    const client = await running.client();
    await client.mput(keys.map((key) => ({ key, value: 'first' })));
    const mirror = new Mirror();
    await readOn(running, mirror, async () => (mirror.kinds.get('snapshot-end') ?? 0) === 3);
    expect(mirror.records.size).toBe(keys.length);
    const value = 'x'.repeat(500);
    for (let round = 0; round < 20; round += 1) {
      await client.mput(keys.map((key) => ({ key, value: `${round}-${value}` })));
    }
    await Promise.all(keys.slice(0, 50).map((key) => client.delete(key)));
    await waitFor(
      async () => (await client.stats()).every(({ stats }) => (stats?.logFirstPosition ?? 0) > 10),
      () => 'all members have removed the beginning of their logs',
      20_000,
    );
    await catchUp(running, client, mirror);
    expect([...(mirror.causes.get('log-too-short') ?? [])].sort()).toEqual(['s1', 's2', 's3']);
    expect(mirror.records.size).toBe(keys.length - 50);
  } finally {
    await running.close();
  }
});

test('a reader that stops reading costs its shard no memory, and misses nothing when it goes on', async () => {
  const running = await TestCluster.start({ shards: 1, replicas: 0 });
  try {
    const client = await running.client();
    const reader = await running.client();
    const feed = reader.watch({ from: 'start' })[Symbol.asyncIterator]();
    await client.put('first', 'x');
    const begun = await feed.next();
    expect(begun.done === true || begun.value.kind).toBe('snapshot-begin');
    const value = 'v'.repeat(10_000);
    const rounds = 10;
    for (let round = 0; round < rounds; round += 1) {
      await client.mput(keys.map((key) => ({ key, value: `${round}-${value}` })));
    }
    const [figures] = await client.stats();
    // 30 MB went by; what the reader has not taken stands in the log file.
    // A feed that was left for a silence of its member comes back when there is room for it.
    expect(figures?.stats?.watcherCount).toBeLessThanOrEqual(1);
    expect(figures?.stats?.queueBytes).toBe(0);
    let count = 0;
    while (count < rounds * keys.length) {
      const next = await feed.next();
      if (next.done !== true && next.value.kind === 'put' && next.value.key !== 'first') count += 1;
    }
    expect(count).toBe(rounds * keys.length);
    await feed.return?.();
    await waitFor(
      async () => (await client.stats())[0]?.stats?.watcherCount === 0,
      () => 'the feed is closed',
    );
  } finally {
    await running.close();
  }
});
