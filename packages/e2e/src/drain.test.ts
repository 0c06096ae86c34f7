import type { Client } from '@edis/client';
import { TestCluster, waitFor } from '@edis/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pause } from './pause.ts';
import { sharedHash } from './shared-hash.ts';

const readers = 8;
const writers = 8;
const keysPerWriter = 40;
/** Between two operations of one caller. */
const pauseMs = 10;

let running: TestCluster;
let client: Client;

beforeAll(async () => {
  running = await TestCluster.start({ shards: 2, replicas: 1 });
  client = await running.client();
});

afterAll(async () => {
  await running.close();
});

/** Readers and writers at work until `stop`; what failed, and the last acknowledged value of each key. */
class Traffic {
  readonly readErrors: string[] = [];
  readonly writeErrors: string[] = [];
  readonly acknowledged = new Map<string, string>();
  reads = 0;
  writes = 0;
  #stopped = false;
  #done: Promise<unknown> = Promise.resolve();

  start(source: Client, prefix: string): void {
    const work = [
      ...Array.from({ length: writers }, (_, writer) => this.#write(source, `${prefix}-${writer}`)),
      ...Array.from({ length: readers }, (_, reader) => this.#read(source, `${prefix}-${reader}`)),
    ];
    this.#done = Promise.all(work);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #write(source: Client, prefix: string): Promise<void> {
    for (let count = 0; !this.#stopped; count += 1) {
      const key = `${prefix}-${count % keysPerWriter}`;
      try {
        await source.put(key, String(count));
        this.acknowledged.set(key, String(count));
        this.writes += 1;
      } catch (caught) {
        this.writeErrors.push(String(caught));
      }
      await pause(pauseMs);
    }
  }

  async #read(source: Client, prefix: string): Promise<void> {
    for (let count = 0; !this.#stopped; count += 1) {
      const key = `${prefix}-${count % keysPerWriter}`;
      const before = this.acknowledged.get(key);
      try {
        const read = await source.get(key);
        const seen = Number(Buffer.from(read?.value ?? []).toString() || -1);
        if (seen < Number(before ?? -1)) this.readErrors.push(`${key} was ${before}, then ${seen}`);
        this.reads += 1;
      } catch (caught) {
        this.readErrors.push(String(caught));
      }
      await pause(pauseMs);
    }
  }
}

async function untilMore(traffic: Traffic): Promise<void> {
  const { reads, writes } = traffic;
  await waitFor(
    () => traffic.reads > reads + 200 && traffic.writes > writes + 200,
    () => `200 more reads and writes; errors ${JSON.stringify([...traffic.readErrors, ...traffic.writeErrors])}`,
  );
}

/** Waits until reads go to the node again. */
async function untilServing(node: string): Promise<void> {
  const keys = Array.from({ length: 20 }, (_, index) => `rolling-0-${index}`);
  const served = async (): Promise<boolean> => {
    const reads = await client.mget(keys, { consistency: 'eventual' });
    return reads.some((read) => read?.servedBy.node === node);
  };
  await waitFor(served, `${node} serves reads again`);
}

async function expectAcknowledged(traffic: Traffic): Promise<void> {
  const keys = [...traffic.acknowledged.keys()];
  for (const consistency of ['strong', 'eventual'] as const) {
    const reads = await client.mget(keys, { consistency });
    const wrong = keys.filter(
      (key, index) => Buffer.from(reads[index]?.value ?? []).toString() !== traffic.acknowledged.get(key),
    );
    expect(wrong).toEqual([]);
  }
}

test('no reader and no writer notices that one read shard after the other is drained and started again', async () => {
  const traffic = new Traffic();
  traffic.start(await running.client({ timeoutMs: 5000 }), 'rolling');
  await untilMore(traffic);
  for (const name of ['read-shard-1-1', 'read-shard-2-1']) {
    const replica = running.cluster.process(name);
    replica.kill('SIGTERM');
    expect(await replica.exited).toEqual({ code: 0, signal: null });
    await untilMore(traffic);
    await replica.start();
    await replica.waitFor('ready', 30_000);
    await untilServing(name);
    await untilMore(traffic);
  }
  await traffic.stop();
  expect(traffic.readErrors).toEqual([]);
  expect(traffic.writeErrors).toEqual([]);
  expect(sharedHash(await running.settled(client))).toBeInstanceOf(Map);
  await expectAcknowledged(traffic);
});

test('a drained write shard loses no acknowledged write, and writers go on by themselves when it is back', async () => {
  const traffic = new Traffic();
  traffic.start(await running.client({ timeoutMs: 20_000 }), 'restart');
  await untilMore(traffic);
  const primary = running.cluster.process('write-shard-1');
  primary.kill('SIGTERM');
  expect(await primary.exited).toEqual({ code: 0, signal: null });
  await primary.start();
  await primary.waitFor('ready', 30_000);
  await untilMore(traffic);
  await traffic.stop();
  expect(traffic.readErrors).toEqual([]);
  expect(traffic.writeErrors).toEqual([]);
  expect(sharedHash(await running.settled(client))).toBeInstanceOf(Map);
  await expectAcknowledged(traffic);
});
