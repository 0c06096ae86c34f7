import type { Client } from '@edis/client';
import { FaultProxy, TestCluster, waitFor } from '@edis/testkit';
import { expect, test } from 'vitest';
import { scaled } from './scale.ts';

const callers = 64;
const counters = 8;
const total = Math.max(10_000, scaled(100_000));

/** Of all replies, as many are lost on the way. */
const lostShare = 0.05;

interface Bed {
  readonly running: TestCluster;
  readonly proxy: FaultProxy;
  /** Past the proxy: its calls are never disturbed. */
  readonly direct: Client;
  readonly client: Client;
}

async function withProxiedShard(run: (bed: Bed) => Promise<void>): Promise<void> {
  const proxy = await FaultProxy.start();
  const running = await TestCluster.start({
    shards: 1,
    replicas: 0,
    settings: { writeShard: ['--advertise', 'direct=127.0.0.1:0', '--advertise', `proxied=${proxy.address}`] },
  });
  try {
    const direct = await running.client({ network: 'direct' });
    const endpoints = direct.topology().shards[0]?.members[0]?.endpoints ?? [];
    proxy.setTarget(endpoints.find(({ network }) => network === 'direct')?.address ?? '');
    const client = await running.client({ network: 'proxied', timeoutMs: 60_000 });
    await run({ running, proxy, direct, client });
  } finally {
    await running.close();
    await proxy.close();
  }
}

/** Increments until all are done, and knows how many are. */
class Load {
  readonly expected = new Map<string, bigint>();
  /** Resolves to the error that ended it early, if any did. */
  readonly done: Promise<unknown>;
  acknowledged = 0;
  #begun = 0;
  #isBroken = false;
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
    this.done = Promise.all(Array.from({ length: callers }, () => this.#run())).then(
      () => undefined,
      (caught: unknown) => {
        this.#isBroken = true;
        return caught;
      },
    );
  }

  get finished(): boolean {
    return this.#isBroken || this.acknowledged >= total;
  }

  async #run(): Promise<void> {
    while (this.#begun < total && !this.#isBroken) {
      const number = this.#begun;
      this.#begun += 1;
      const key = `sum-${number % counters}`;
      const by = BigInt((number % 7) + 1);
      this.expected.set(key, (this.expected.get(key) ?? 0n) + by);
      await this.#client.increment(key, by, { ack: number % 2 === 0 ? 'disk' : 'memory' });
      this.acknowledged += 1;
    }
  }
}

/**
 * Lets the shard carry out what is under way, while its replies stay in the proxy, and breaks the connection then: the
 * client must send it all again.
 */
async function loseReplies({ proxy, direct }: Bed): Promise<void> {
  let before = -1;
  proxy.holdReplies(true);
  await waitFor(async () => {
    const now = (await direct.stats())[0]?.stats?.writeCount ?? 0;
    const stands = now === before;
    before = now;
    return stands;
  }, 'the shard has carried out all increments that are under way');
  proxy.cut();
  proxy.holdReplies(false);
}

/** Writes that were sent again, and answered from memory, since the shard started: their first replies were lost. */
async function repeatedCount(client: Client): Promise<number> {
  return (await client.stats())[0]?.stats?.repeatedCount ?? 0;
}

async function killAndRestart({ running, proxy }: Bed): Promise<void> {
  const shard = running.cluster.process('write-shard-1');
  shard.kill('SIGKILL');
  await shard.exited;
  proxy.cut();
  await shard.start();
  await running.cluster.waitReady(60_000);
}

test(`${total} increments with 5 % of the replies lost and two restarts by kill -9 give the exact sum`, async () => {
  await withProxiedShard(async (bed) => {
    const load = new Load(bed.client);
    const restartsAt = [total / 3, (total * 2) / 3];
    let lostBefore = 0;
    while (!load.finished) {
      const { acknowledged } = load;
      const lost = lostBefore + (await repeatedCount(bed.direct));
      const [restartAt = total] = restartsAt;
      if (acknowledged >= restartAt) {
        lostBefore = lost;
        await killAndRestart(bed);
        restartsAt.shift();
      } else if (lost < acknowledged * lostShare) {
        await loseReplies(bed);
      }
      await waitFor(() => load.finished || load.acknowledged > acknowledged, 'the increments go on', 60_000);
    }
    expect(await load.done).toBeUndefined();
    expect(restartsAt).toEqual([]);
    expect(lostBefore + (await repeatedCount(bed.direct))).toBeGreaterThanOrEqual(total * lostShare * 0.9);
    for (const [key, sum] of load.expected) {
      const record = await bed.direct.get(key, { consistency: 'strong' });
      expect(`${key} ${Buffer.from(record?.value ?? []).toString()}`).toBe(`${key} ${sum}`);
    }
  });
});
