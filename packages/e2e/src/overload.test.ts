import type { Client } from '@edis/client';
import type { NodeStats, Outcome, PutOperation } from '@edis/core';
import { EdisError } from '@edis/core';
import { RpcChannel } from '@edis/rpc';
import { TestCluster } from '@edis/testkit';
import { expect, test } from 'vitest';
import { sharedHash } from './shared-hash.ts';

/** Outcomes of puts in one message, none of which can leave the queue before the last one has come to it. */
async function putsAtOnce(channel: RpcChannel, count: number, value: string): Promise<readonly Outcome[]> {
  const operations = Array.from({ length: count }, (_, request): PutOperation => {
    const write = { sequence: 0, firstSentTimestamp: 0, ack: 'disk', condition: undefined } as const;
    const content = { value, metadata: undefined, ttlMs: 0, expiresAtMs: 0 };
    return { kind: 'put', request, keyspace: 0, key: `raw-${request}`, ...write, ...content };
  });
  const batch = { revision: 0, epoch: 0, client: '', completedBelow: 0, shard: '', operations };
  const { results } = await channel.execute(batch, { timeoutMs: 30_000 });
  return results.toSorted((left, right) => left.request - right.request).map(({ outcome }) => outcome);
}

test('a full queue answers busy by count and by bytes, and the client gets every write through', async () => {
  const running = await TestCluster.start({
    shards: 1,
    replicas: 0,
    settings: { writeShard: ['--queue-operations', '64', '--queue-bytes', '64KiB'] },
  });
  try {
    const client = await running.client();
    const value = 'v'.repeat(4000);
    const channel = new RpcChannel(client.locate('raw').members[0]?.address ?? '');
    // The first fill the queue, whatever comes behind them is refused: not one more, not one fewer.
    const byCount = await putsAtOnce(channel, 200, 'v');
    expect(byCount.slice(0, 64).every(({ kind }) => kind === 'put')).toBe(true);
    expect(new Set(byCount.slice(64).map(causeOf))).toEqual(new Set(['queue-operations']));
    const byBytes = await putsAtOnce(channel, 60, value);
    const taken = byBytes.findIndex(({ kind }) => kind !== 'put');
    expect(taken * value.length).toBeLessThanOrEqual(64 * 1024);
    expect((taken + 1) * (value.length + 200)).toBeGreaterThan(64 * 1024);
    expect(new Set(byBytes.slice(taken).map(causeOf))).toEqual(new Set(['queue-bytes']));
    channel.close();
    const before = (await client.stats())[0]?.stats;
    expect([before?.writeCount, before?.busyCount]).toEqual([64 + taken, 200 - 64 + 60 - taken]);
    const puts = Array.from({ length: 2000 }, (_, index) => client.put(`key-${index}`, value, { timeoutMs: 30_000 }));
    await Promise.all(puts);
    const stats = (await client.stats())[0]?.stats;
    expect(stats?.busyCount).toBeGreaterThan(before?.busyCount ?? 0);
    expect(stats?.writeCount).toBe(64 + taken + 2000);
    expect([stats?.queueOperations, stats?.queueBytes]).toEqual([0, 0]);
  } finally {
    await running.close();
  }
});

function causeOf(outcome: Outcome): string {
  return outcome.kind === 'busy' ? outcome.cause : outcome.kind;
}

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
  const running = await TestCluster.start({
    shards: 1,
    replicas: 1,
    settings: { writeShard: ['--queue-operations', '1024', '--queue-bytes', '512KiB'] },
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
