import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { isDeepStrictEqual } from 'node:util';
import type { Client } from '@edis/client';
import type { NodeStats } from '@edis/core';
import { TestCluster, waitFor } from '@edis/testkit';
import { expect, test } from 'vitest';
import { pause } from './pause.ts';
import { Mirror, type MirrorRecord, parseMirrorState } from './worker/mirror.ts';

const keeperFile = join(
  dirname(createRequire(import.meta.url).resolve('@edis/e2e/package.json')),
  'dist/worker/mirror-keeper.js',
);

/** Between two writes of one caller. */
const pauseMs = 5;

/** So many processes are killed one after the other. */
const kills = 6;
/** Each after so many of its saves, and some more moments: some are killed in a snapshot, and none waits for long. */
const mostSaves = 12;

/** Large values cost little per byte. */
const largeBytes = 200_000;

const mebibytes = (bytes: number): number => Math.round(bytes / 1024 / 1024);

/** Of the only member. */
async function figuresOf(client: Client): Promise<NodeStats> {
  const [figures] = await client.stats();
  if (figures?.stats === undefined) throw new Error('the member gives no figures', { cause: figures?.error });
  return figures.stats;
}

/** A process that mirrors the cluster in a file. */
class MirrorProcess {
  readonly #child;
  readonly #ended: Promise<NodeJS.Signals | number | null>;
  #saves = 0;
  #running = true;

  constructor(info: string, file: string) {
    this.#child = spawn(process.execPath, [keeperFile, info, file], { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.#child.stdout }).on('line', () => {
      this.#saves += 1;
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        this.#running = false;
        resolve(signal ?? code);
      });
    });
  }

  async saved(count: number): Promise<void> {
    await waitFor(
      () => this.#saves >= count || !this.#running,
      () => `${count} saves of the mirror, there were ${this.#saves}`,
    );
    expect(this.#running, 'the mirror goes on').toBe(true);
  }

  /** Returns how it ended. */
  kill(): Promise<NodeJS.Signals | number | null> {
    this.#child.kill('SIGKILL');
    return this.#ended;
  }

  /** Returns how it ended. */
  close(): Promise<NodeJS.Signals | number | null> {
    this.#child.stdin.end();
    return this.#ended;
  }
}

const keys = Array.from({ length: 300 }, (_, index) => `key-${index}`);

type Content = ReadonlyMap<string, MirrorRecord>;

/** What a scan says that there is. */
async function contentOf(client: Client): Promise<Content> {
  const content = new Map<string, MirrorRecord>();
  for await (const { key, value, version, expiresAtMs = 0, shard } of client.scan({ consistency: 'strong' })) {
    content.set(String(key), { value: Buffer.from(value).toString(), version, expiresAtMs, shard });
  }
  return content;
}

/** Waits until the mirror has what the cluster has, and returns what both have. */
async function level(client: Client, mirrored: () => Content): Promise<Content> {
  return waitFor(
    async () => {
      const content = await contentOf(client);
      return isDeepStrictEqual(mirrored(), content) && content;
    },
    () => `the mirror of ${mirrored().size} records is level`,
    20_000,
  );
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
  try {
    await level(client, () => mirror.records);
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
      const choice = round % 6;
      if (choice === 0) await client.delete(key, { ack: 'memory' });
      else if (choice === 1) await client.put(key, `short-${round}`, { ack: 'memory', ttlMs: 20 });
      else if (choice === 2) await client.put(key, `long-${round}`, { ack: 'memory', ttlMs: 3_600_000 });
      else await client.put(key, `value-${round}`, { ack: 'memory' });
      await pause(pauseMs);
    }
  };
  const running = Promise.all(Array.from({ length: 8 }, () => run()));
  return {
    stop: async () => {
      stopped = true;
      await running;
    },
  };
}

test('a reader that is killed at random, and goes on in another process, rebuilds what the cluster has', async () => {
  const running = await TestCluster.start({ shards: 3, replicas: 1 });
  const file = join(running.directory, 'mirror.json');
  let reader: MirrorProcess | undefined;
  try {
    const client = await running.client();
    await client.mput(keys.map((key) => ({ key, value: 'first' })));
    const epochs = epochsOf(client);
    const writing = writeOn(client);
    for (let round = 0; round < kills; round += 1) {
      reader = new MirrorProcess(running.cluster.info, file);
      await reader.saved(1 + Math.floor(Math.random() * mostSaves));
      await pause(Math.random() * 20);
      expect(await reader.kill()).toBe('SIGKILL');
      if (round === 3) running.cluster.process('read-shard-1-1').kill('SIGKILL');
    }
    reader = new MirrorProcess(running.cluster.info, file);
    await reader.saved(1);
    await writing.stop();
    const content = await level(client, () => new Mirror(parseMirrorState(readFileSync(file, 'utf8'))).records);
    expect(await reader.close()).toBe(0);
    const mirror = new Mirror(parseMirrorState(readFileSync(file, 'utf8')));
    expect(mirror.records).toEqual(content);
    expect([...content.values()].some(({ expiresAtMs }) => expiresAtMs > 0)).toBe(true);
    for (const kind of ['put', 'delete', 'expire', 'snapshot-end']) expect(mirror.kinds.get(kind), kind).toBeDefined();
    // Only a shard whose primary was replaced, as on a machine that stands still, may have lost what the feed showed.
    const diverged = mirror.causes.get('diverged') ?? new Set();
    for (const [shard, epoch] of epochsOf(client)) if (epochs.get(shard) !== epoch) diverged.delete(shard);
    expect([...diverged]).toEqual([]);
    expect(mirror.causes.get('log-too-short')).toBeUndefined();
  } finally {
    await reader?.kill();
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
    const large = keys.slice(0, 50);
    const writeLarge = async (rounds: number): Promise<void> => {
      for (let round = 0; round < rounds; round += 1) {
        const value = `${round}-`.padEnd(largeBytes, 'v');
        await client.mput(
          large.map((key) => ({ key, value })),
          { ack: 'memory' },
        );
      }
    };
    // What the shard needs to write at all, it has from then on.
    await writeLarge(10);
    await Promise.all(large.map((key) => client.delete(key)));
    const feed = reader.watch({ from: 'start' })[Symbol.asyncIterator]();
    await client.put('first', 'x');
    const begun = await feed.next();
    expect(begun.done === true || begun.value.kind).toBe('snapshot-begin');
    const before = await figuresOf(client);
    const rounds = 16;
    await writeLarge(rounds);
    const figures = await figuresOf(client);
    // 160 MB went by; what the reader has not taken stands in the log file. The figure itself goes up and down by 40.
    const writtenBytes = rounds * large.length * largeBytes;
    const grownBytes = figures.residentBytes - before.residentBytes;
    process.stdout.write(`a standing reader: ${mebibytes(writtenBytes)} MiB, memory +${mebibytes(grownBytes)} MiB\n`);
    expect(grownBytes).toBeLessThan(writtenBytes / 2);
    // A feed that was left for a silence of its member comes back when there is room for it.
    expect(figures.watcherCount).toBeLessThanOrEqual(1);
    let count = 0;
    while (count < rounds * large.length) {
      const next = await feed.next();
      if (next.done !== true && next.value.kind === 'put' && next.value.key !== 'first') count += 1;
    }
    expect(count).toBe(rounds * large.length);
    await feed.return?.();
    await waitFor(
      async () => (await figuresOf(client)).watcherCount === 0,
      () => 'the feed is closed',
    );
  } finally {
    await running.close();
  }
});
