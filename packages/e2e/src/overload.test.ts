import type { Client } from '@edis/client';
import type { NodeStats } from '@edis/core';
import { EdisError } from '@edis/core';
import { TestCluster } from '@edis/testkit';
import { expect, test } from 'vitest';
import { sharedHash } from './shared-hash.ts';

test('a full queue answers busy by count and by bytes, and the client gets every write through', async () => {
  const running = await TestCluster.start({
    shards: 1,
    replicas: 0,
    settings: { writeShard: ['--queue-operations', '64', '--queue-bytes', '64KiB'] },
  });
  try {
    const client = await running.client();
    const value = 'v'.repeat(4000);
    const puts = Array.from({ length: 2000 }, (_, index) => client.put(`key-${index}`, value, { timeoutMs: 30_000 }));
    await Promise.all(puts);
    const stats = (await client.stats())[0]?.stats;
    expect(stats?.busyCount).toBeGreaterThan(0);
    expect(stats?.writeCount).toBe(2000);
  } finally {
    await running.close();
  }
});

test('a write that finds no room within its deadline fails as busy, with nothing done', async () => {
  const running = await TestCluster.start({
    shards: 1,
    replicas: 0,
    settings: { writeShard: ['--queue-operations', '1'] },
  });
  try {
    const client = await running.client();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 3000 }, (_, index) => client.put(`key-${index}`, 'x', { timeoutMs: 50 })),
    );
    const failures = outcomes.filter((outcome) => outcome.status === 'rejected').map((outcome) => outcome.reason);
    const done = outcomes.length - failures.length;
    for (const failure of failures) expect(failure).toBeInstanceOf(EdisError);
    const unknown = failures.filter((failure: EdisError) => failure.outcomeUnknown).length;
    const written = (await client.stats())[0]?.stats?.writeCount ?? 0;
    expect(written).toBeGreaterThanOrEqual(done);
    expect(written).toBeLessThanOrEqual(done + unknown);
  } finally {
    await running.close();
  }
});

const mebibyte = 1024 * 1024;

/** Callers without pause, who remember what was acknowledged. */
class Flood {
  readonly acknowledged = new Map<string, number>();
  readonly failures: unknown[] = [];
  acknowledgedCount = 0;
  #stopped = false;
  readonly #done: Promise<unknown>;

  constructor(client: Client, callers: number, value: string) {
    this.#done = Promise.all(Array.from({ length: callers }, (_, caller) => this.#write(client, caller, value)));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #write(client: Client, caller: number, value: string): Promise<void> {
    const key = `flood-${caller}`;
    for (let round = 1; !this.#stopped; round += 1) {
      try {
        await client.put(key, `${round}:${value}`, { timeoutMs: 30_000 });
        this.acknowledged.set(key, round);
        this.acknowledgedCount += 1;
      } catch (caught) {
        this.failures.push(caught);
      }
    }
  }
}

test('a client that offers far more than a shard takes is slowed down, stops nobody, and loses nothing', async () => {
  const queueOperations = 1024;
  const queueBytes = 512 * 1024;
  const running = await TestCluster.start({
    shards: 1,
    replicas: 1,
    settings: { writeShard: ['--queue-operations', String(queueOperations), '--queue-bytes', String(queueBytes)] },
  });
  try {
    const observer = await running.client();
    const figures = async (): Promise<NodeStats> => {
      const primary = (await observer.stats()).find(({ stats }) => stats?.role === 'primary')?.stats;
      if (primary === undefined) throw new Error('the primary gave no figures');
      return primary;
    };
    // 3000 callers with 4 KiB each: 24 times what the queue holds.
    const flood = new Flood(await running.client(), 3000, 'v'.repeat(4 * 1024));
    const gentle = await running.client();
    const samples: NodeStats[] = [];
    const gentleMs: number[] = [];
    const startMs = performance.now();
    while (performance.now() - startMs < 4000) {
      const sentMs = performance.now();
      await gentle.put('gentle', String(gentleMs.length));
      const read = await gentle.get('gentle');
      expect(Buffer.from(read?.value ?? []).toString()).toBe(String(gentleMs.length));
      gentleMs.push(performance.now() - sentMs);
      samples.push(await figures());
    }
    await flood.stop();
    const last = await figures();
    expect(flood.failures).toEqual([]);
    expect(Math.max(...samples.map((each) => each.queueOperations))).toBeLessThanOrEqual(queueOperations);
    expect(Math.max(...samples.map((each) => each.queueBytes))).toBeLessThanOrEqual(queueBytes);
    expect(Math.max(...samples.map((each) => each.residentBytes))).toBeLessThan(600 * mebibyte);
    // With all callers under way at once, most of what is sent would be refused.
    const middle = samples[Math.floor(samples.length / 2)] ?? last;
    expect(last.busyCount).toBeGreaterThan(0);
    expect(last.busyCount - middle.busyCount).toBeLessThan((last.writeCount - middle.writeCount) / 10);
    expect(gentleMs.length).toBeGreaterThan(10);
    expect(flood.acknowledged.size).toBe(3000);
    const keys = [...flood.acknowledged.keys()];
    const found = await observer.mget(keys, { consistency: 'strong', timeoutMs: 30_000 });
    const lost = keys.filter((key, index) => {
      const round = Number.parseInt(Buffer.from(found[index]?.value ?? []).toString(), 10);
      return round !== flood.acknowledged.get(key);
    });
    expect(lost).toEqual([]);
    expect(sharedHash(await running.settled(observer))).toBeInstanceOf(Map);
  } finally {
    await running.close();
  }
});
