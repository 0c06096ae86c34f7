import { randomUUID } from 'node:crypto';
import type { Client } from '@edis/client';
import type { Ack } from '@edis/core';
import { TestCluster, waitFor } from '@edis/testkit';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { allAcks, leaderOf, wholeGroup } from './failover-load.ts';
import { pause } from './pause.ts';
import { sharedHash } from './shared-hash.ts';

const callers = 64;
/** Between two writes of one caller. */
const pauseMs = 40;
const shards = ['s1', 's2', 's3'];

let running: TestCluster;
let client: Client;

beforeAll(async () => {
  running = await TestCluster.start({ shards: shards.length, replicas: 1 });
  client = await running.client();
});

// Whatever a test did and however it ended, the next one finds a whole cluster.
afterEach(async () => {
  const { cluster } = running;
  for (const process of cluster.processes) if (!process.running) await process.start();
  await cluster.waitReady(60_000);
});

afterAll(() => running.close());

/** Writers that remember what was acknowledged; unknown outcomes are written again under the next number. */
class Load {
  readonly acknowledged = new Map<string, string>();
  readonly attempted = new Map<string, Set<string>>();
  #stopped = false;
  readonly #done: Promise<unknown>;

  constructor(writer: Client, acks: readonly Ack[]) {
    const prefix = randomUUID();
    this.#done = Promise.all(
      Array.from({ length: callers }, (_, caller) =>
        this.#write(writer, `${prefix}-${caller}`, acks[caller % acks.length]),
      ),
    );
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #write(writer: Client, caller: string, ack: Ack = 'disk'): Promise<void> {
    for (let count = 0; !this.#stopped; count += 1) {
      const key = `${caller}-${count % 50}`;
      const value = `${caller}:${count}`;
      const attempts = this.attempted.get(key) ?? new Set();
      attempts.add(value);
      this.attempted.set(key, attempts);
      try {
        await writer.put(key, value, { ack, timeoutMs: 2000 });
        this.acknowledged.set(key, value);
        // What was tried before the acknowledged value can not come back.
        this.attempted.set(key, new Set([value]));
      } catch {
        // It may have been done, or may not: it stays among what was tried.
      }
      await pause(pauseMs);
    }
  }
}

/** Every acknowledged write is there: its value, or one that was tried after it without an answer. */
async function expectAcknowledged(load: Load, consistency: 'strong' | 'eventual'): Promise<void> {
  const keys = [...load.acknowledged.keys()];
  const reads = await client.mget(keys, { consistency });
  const wrong = keys.filter((key, index) => {
    const read = reads[index];
    return read === undefined || load.attempted.get(key)?.has(Buffer.from(read.value).toString()) !== true;
  });
  expect(wrong).toEqual([]);
}

async function withLoad(run: (load: Load) => Promise<void>, acks: readonly Ack[] = ['disk']): Promise<void> {
  for (const shard of shards) await wholeGroup(client, shard, 2);
  const load = new Load(await running.client(), acks);
  try {
    await waitFor(() => load.acknowledged.size >= callers * 20, 'the load is under way');
    await run(load);
  } finally {
    await load.stop();
  }
  expect(load.acknowledged.size).toBeGreaterThan(0);
  const replies = await running.settled(client);
  expect(sharedHash(replies)).toBeInstanceOf(Map);
  await expectAcknowledged(load, 'strong');
  await expectAcknowledged(load, 'eventual');
}

test('kill -9 of every process loses no acknowledged disk write', async () => {
  await withLoad(async () => {
    const { cluster } = running;
    for (const process of cluster.processes) process.kill('SIGKILL');
    await Promise.all(cluster.processes.map((process) => process.exited));
    for (const process of cluster.processes) await process.start();
    await cluster.waitReady(60_000);
    expect(cluster.processes.every(({ state }) => state === 'ready')).toBe(true);
  });
});

test('kill -9 of one write shard loses no acknowledged disk write, and it takes writes again', async () => {
  await withLoad(async () => {
    const { cluster } = running;
    const victim = cluster.process(await leaderOf(client, 's2'));
    victim.kill('SIGKILL');
    await victim.exited;
    await victim.start();
    await cluster.waitReady(60_000);
    const keys = Array.from({ length: 100 }, (_, index) => ({ key: `after-${index}`, value: 'x' }));
    expect(await client.mput(keys)).toHaveLength(100);
  });
});

/** The one that does not lead. */
async function replicaOf(shard: string): Promise<string> {
  const leader = await leaderOf(client, shard);
  const replica = client
    .topology()
    .shards.find((each) => each.shard === shard)
    ?.members.find(({ node }) => node !== leader);
  if (replica === undefined) throw new Error(`${shard} has no replica`);
  return replica.node;
}

test('kill -9 of one replica disturbs no reader, and it follows on from its last position', async () => {
  await withLoad(async (load) => {
    const { cluster } = running;
    const victim = cluster.process(await replicaOf('s1'));
    const keys = [...load.acknowledged.keys()];
    victim.kill('SIGKILL');
    await victim.exited;
    for (let read = 0; read < 200; read += 1) await client.get(keys[read % keys.length] ?? '');
    await victim.start();
    await cluster.waitReady(60_000);
    expect(victim.state).toBe('ready');
  });
});

test('with info killed reads and writes go on, and it comes back with the same cluster', async () => {
  await withLoad(async (load) => {
    const { cluster } = running;
    const before = client.topology();
    const info = cluster.process('info');
    info.kill('SIGKILL');
    await info.exited;
    await client.put('while-info-is-down', 'yes');
    expect(Buffer.from((await client.get('while-info-is-down'))?.value ?? []).toString()).toBe('yes');
    expect(load.acknowledged.size).toBeGreaterThan(0);
    await info.start();
    await cluster.waitReady(60_000);
    await waitFor(() => client.topology().revision > before.revision, 'the client hears of the restarted info');
    const after = client.topology();
    expect(after.cluster).toBe(before.cluster);
    expect(after.keyspaces).toEqual(before.keyspaces);
    await waitFor(
      () => client.topology().shards.every((shard) => shard.members.every((member) => member.alive)),
      'every node has registered again',
    );
  }, allAcks);
});

test('a write shard restarted while info is down takes writes once info is back', async () => {
  await withLoad(async () => {
    const { cluster } = running;
    const info = cluster.process('info');
    const victim = cluster.process(await leaderOf(client, 's1'));
    info.kill('SIGKILL');
    victim.kill('SIGKILL');
    await Promise.all([info.exited, victim.exited]);
    await victim.start();
    await victim.waitFor('listening', 20_000);
    await info.start();
    await cluster.waitReady(60_000);
    const keys = Array.from({ length: 100 }, (_, index) => ({ key: `again-${index}`, value: 'x' }));
    expect(await client.mput(keys)).toHaveLength(100);
  });
});
