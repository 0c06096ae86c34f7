import { randomUUID } from 'node:crypto';
import type { Client, GetOptions } from '@edis/client';
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
/** Longer than the lease of the nodes: what was granted before has ended by then. */
const leaseOverMs = 2500;

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
  /** Why writes failed, with their keys. */
  readonly failures: { readonly key: string; readonly why: string }[] = [];
  readonly #counts = new Map<Ack, number>();
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

  count(ack: Ack): number {
    return this.#counts.get(ack) ?? 0;
  }

  /** Waits for that many more of each of the three kinds. */
  async more(count: number): Promise<void> {
    const before = new Map(allAcks.map((ack) => [ack, this.count(ack)]));
    const more = (ack: Ack): number => this.count(ack) - (before.get(ack) ?? 0);
    await waitFor(
      () => allAcks.every((ack) => more(ack) >= count),
      () => `${count} more writes of each kind; ${allAcks.map(more).join(', ')}, ${this.failures.at(-1)?.why}`,
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
        this.#counts.set(ack, this.count(ack) + 1);
        // What was tried before the acknowledged value can not come back.
        this.attempted.set(key, new Set([value]));
      } catch (caught) {
        // It may have been done, or may not: it stays among what was tried.
        this.failures.push({ key, why: String(caught) });
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

test('kill -9 of one write shard loses no acknowledged write, and it takes writes again', async () => {
  await withLoad(async () => {
    const { cluster } = running;
    const victim = cluster.process(await leaderOf(client, 's2'));
    victim.kill('SIGKILL');
    await victim.exited;
    await victim.start();
    await cluster.waitReady(60_000);
    const keys = Array.from({ length: 100 }, (_, index) => ({ key: `after-${index}`, value: 'x' }));
    expect(await client.mput(keys)).toHaveLength(100);
  }, allAcks);
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
    const replies = await client.stats();
    // Counted since its start: it has read the rest of the log, and nothing from the beginning.
    expect(replies.find(({ node }) => node === victim.name)?.stats?.snapshotCount).toBe(0);
  });
});

async function textOf(key: string, options: GetOptions): Promise<string> {
  return Buffer.from((await client.get(key, options))?.value ?? []).toString();
}

/** A key that the shard has. */
function keyOf(shard: string, beginning: string): string {
  for (let index = 0; ; index += 1) {
    const key = `${beginning}-${index}`;
    if (client.locate(key).shard === shard) return key;
  }
}

/** Every kind of write and of read at these shards is carried out. */
async function expectUndisturbed(undisturbed: readonly string[], beginning: string): Promise<void> {
  for (const shard of undisturbed) {
    for (const ack of allAcks) {
      const key = keyOf(shard, `${beginning}-${ack}`);
      await client.put(key, ack, { ack });
      expect(await textOf(key, { consistency: 'strong' })).toBe(ack);
      expect(await textOf(key, { consistency: 'session' })).toBe(ack);
      for (const late of [{ consistency: 'eventual' }, { consistency: 'bounded', maxStalenessMs: 500 }] as const) {
        await waitFor(
          async () => (await textOf(key, late)) === ack,
          `a ${late.consistency} read of ${shard} to show a ${ack} write`,
        );
      }
    }
  }
}

/** Nobody who may answer does so in time. */
const unanswered = { code: expect.stringMatching(/^(?:deadline|unreachable)$/) };

async function acknowledges(shard: string, timeoutMs: number): Promise<boolean> {
  return client.put(keyOf(shard, 'tried'), 'x', { timeoutMs }).then(
    () => true,
    () => false,
  );
}

/** For that long, however often one tries. */
async function acknowledgesNothing(shard: string, spanMs: number): Promise<void> {
  for (const endMs = performance.now() + spanMs; performance.now() < endMs; await pause(pauseMs)) {
    expect(await acknowledges(shard, 400)).toBe(false);
  }
}

test('with info killed reads and writes go on, but for a shard of two that loses one, until it is back', async () => {
  await withLoad(async (load) => {
    const { cluster } = running;
    const before = client.topology();
    const info = cluster.process('info');
    const failed = load.failures.length;
    info.kill('SIGKILL');
    await info.exited;
    await expectUndisturbed(shards, 'without-info');
    const victim = cluster.process(await replicaOf('s1'));
    const killedMs = performance.now();
    victim.kill('SIGKILL');
    await victim.exited;
    await waitFor(
      async () => !(await acknowledges('s1', 400)) && performance.now() - killedMs > leaseOverMs,
      's1 to stop, and every lease to end that was granted while info lived',
    );
    await acknowledgesNothing('s1', 500);
    const read = keyOf('s1', 'without-info-disk');
    await expect(client.get(read, { consistency: 'strong', timeoutMs: 400 })).rejects.toMatchObject(unanswered);
    expect(await textOf(read, { consistency: 'eventual' })).toBe('disk');
    await expectUndisturbed(['s2', 's3'], 'without-info-and-one');
    await load.more(10);
    const others = load.failures.slice(failed).filter(({ key }) => client.locate(key).shard !== 's1');
    expect(others).toEqual([]);
    await info.start();
    await waitFor(() => acknowledges('s1', 5000), 's1 to go on with one member');
    expect(victim.running).toBe(false);
    await victim.start();
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

test('a write shard restarted while info is down leads again once info is back, and nobody does before', async () => {
  await withLoad(async () => {
    const { cluster } = running;
    const info = cluster.process('info');
    const victim = cluster.process(await leaderOf(client, 's1'));
    const read = keyOf('s1', 'copied');
    await client.put(read, 'x');
    await waitFor(async () => (await textOf(read, { consistency: 'eventual' })) === 'x', 'a replica to show a write');
    info.kill('SIGKILL');
    victim.kill('SIGKILL');
    await Promise.all([info.exited, victim.exited]);
    await victim.start();
    await victim.waitFor('listening', 20_000);
    // Nobody leads without info: neither the one that has led, nor its replica when the lease is over.
    await acknowledgesNothing('s1', leaseOverMs);
    expect(victim.state).not.toBe('ready');
    expect(await textOf(read, { consistency: 'eventual' })).toBe('x');
    await info.start();
    await cluster.waitReady(60_000);
    const keys = Array.from({ length: 100 }, (_, index) => ({ key: `again-${index}`, value: 'x' }));
    expect(await client.mput(keys)).toHaveLength(100);
  });
});
