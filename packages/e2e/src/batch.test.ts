import type { BatchPart, Client, GetOptions } from '@edis/client';
import { TestCluster, waitFor } from '@edis/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pause } from './pause.ts';
import { sharedHash } from './shared-hash.ts';

let running: TestCluster;
let client: Client;

beforeAll(async () => {
  running = await TestCluster.start({ shards: 3, replicas: 1 });
  client = await running.client();
});

afterAll(async () => {
  await running.close();
});

/** Restarts a process after kill -9. */
async function killAndRestart(name: string): Promise<void> {
  const victim = running.cluster.process(name);
  victim.kill('SIGKILL');
  await victim.exited;
  await victim.start();
  await running.cluster.waitReady(60_000);
}

const pairCount = 48;

/**
 * What is killed may stay away for longer than the lease, on a busy machine. Then another member leads, and only what a
 * quorum has is promised to be there.
 */
const ack = 'quorum';

/** Writers of pairs: both records of a pair are written by one batch, or none. */
class PairLoad {
  readonly acknowledged = new Map<string, number>();
  acknowledgedCount = 0;
  #stopped = false;
  readonly #done: Promise<unknown>;

  constructor(writer: Client) {
    this.#done = Promise.all(Array.from({ length: pairCount }, (_, index) => this.#write(writer, `{pair-${index}}`)));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #write(writer: Client, tag: string): Promise<void> {
    for (let round = 1; !this.#stopped; round += 1) {
      const value = String(round);
      const { applied } = await writer.batch(
        [
          { kind: 'put', key: `${tag}:left`, value, metadata: { round: value } },
          { kind: 'put', key: `${tag}:right`, value, metadata: { round: value } },
          { kind: 'delete', key: `${tag}:${round % 2 === 0 ? 'odd' : 'even'}` },
          { kind: 'put', key: `${tag}:${round % 2 === 0 ? 'even' : 'odd'}`, value: '' },
        ],
        { ack, timeoutMs: 1500 },
      );
      if (!applied) continue;
      this.acknowledged.set(tag, round);
      this.acknowledgedCount += 1;
    }
  }
}

/** What of the pairs is half done, as one scan sees them; a page of a scan is of one moment of its shard. */
async function halves(options: GetOptions): Promise<string[]> {
  const pairs = new Map<string, Record<string, string>>();
  for await (const { key, value } of client.scan({ prefix: '{pair-', ...options })) {
    const [tag = '', name = ''] = String(key).split(':');
    pairs.set(tag, { ...pairs.get(tag), [name]: Buffer.from(value).toString() });
  }
  return [...pairs].flatMap(([tag, pair]) => {
    const { left = '', right } = pair;
    const parity = Number(left) % 2 === 0 ? 'even' : 'odd';
    const whole = left === right && pair[parity] === '' && Object.keys(pair).length === 3;
    return whole ? [] : [`${tag}: ${JSON.stringify(pair)}`];
  });
}

test('of a batch to one shard no reader ever sees half, whatever is killed', async () => {
  const load = new PairLoad(await running.client());
  await waitFor(() => load.acknowledged.size === pairCount, 'every pair is written once');
  let stopped = false;
  const broken: string[] = [];
  let looks = 0;
  const look = async (options: GetOptions): Promise<void> => {
    for (; !stopped; looks += 1) broken.push(...(await halves({ timeoutMs: 30_000, ...options })));
  };
  const readers = [look({ consistency: 'strong' }), look({ consistency: 'eventual' }), look({})];
  await killAndRestart('write-shard-1');
  await killAndRestart('read-shard-2-1');
  const before = load.acknowledgedCount;
  const goesOn = () => load.acknowledgedCount > before + 500 && looks > 10;
  await waitFor(goesOn, () => `batches go on after the restarts, and ${looks} looks`);
  await load.stop();
  stopped = true;
  await Promise.all(readers);
  expect(broken).toEqual([]);
  expect(sharedHash(await running.settled(client))).toBeInstanceOf(Map);
  for (const consistency of ['strong', 'eventual'] as const) {
    expect(await halves({ consistency })).toEqual([]);
    const behind: string[] = [];
    for (const [tag, round] of load.acknowledged) {
      const found = await client.get(`${tag}:left`, { consistency });
      if (Number(Buffer.from(found?.value ?? [])) < round) behind.push(tag);
    }
    expect(behind).toEqual([]);
  }
});

/** Between two batches of one caller. */
const pauseMs = 5;

/** A few keys of each shard. */
function keysByShard(prefix: string, each: number): Map<string, string[]> {
  const keys = new Map<string, string[]>();
  for (let index = 0; [...keys.values()].filter((list) => list.length === each).length < 3; index += 1) {
    const key = `${prefix}-${index}`;
    const { shard } = client.locate(key);
    const list = keys.get(shard) ?? [];
    if (list.length < each) keys.set(shard, [...list, key]);
  }
  return keys;
}

test('a batch over three shards, one of them killed, says which part was done, and tells the truth', async () => {
  const batches: { keys: readonly string[]; parts: readonly BatchPart[] }[] = [];
  let stopped = false;
  const write = async (caller: number): Promise<void> => {
    for (let round = 0; !stopped; round += 1) {
      const keys = [...keysByShard(`over-${caller}-${round}`, 3).values()].flat();
      const writes = keys.map((key) => ({ kind: 'put', key, value: 'x' }) as const);
      const { parts } = await client.batch(writes, { ack, timeoutMs: 400 });
      batches.push({ keys, parts });
      await pause(pauseMs);
    }
  };
  const writers = Promise.all(Array.from({ length: 8 }, (_, caller) => write(caller)));
  await waitFor(() => batches.length > 50, 'batches are under way');
  // With its replica, so that nobody answers for the shard, however long the others take for their parts.
  const victims = ['write-shard-2', 'read-shard-2-1'].map((name) => running.cluster.process(name));
  for (const victim of victims) victim.kill('SIGKILL');
  await Promise.all(victims.map((victim) => victim.exited));
  const killedAt = batches.length;
  const halfDone = () =>
    batches
      .slice(killedAt)
      .filter(({ parts }) => parts.every(({ shard, status }) => (status === 'done') === (shard !== 's2'))).length;
  await waitFor(() => halfDone() > 16, 'batches meet the killed shard, and the others do their parts');
  await Promise.all(victims.map((victim) => victim.start()));
  await running.cluster.waitReady(60_000);
  stopped = true;
  await writers;
  const wrong: string[] = [];
  for (const { keys, parts } of batches) {
    expect(parts.map(({ shard }) => shard).sort()).toEqual(['s1', 's2', 's3']);
    for (const { shard, status, indexes } of parts) {
      const found = await client.mget(
        indexes.map((index) => keys[index] ?? ''),
        { consistency: 'strong' },
      );
      const there = found.filter((record) => record !== undefined).length;
      const expected = status === 'done' ? [3] : status === 'unknown' ? [0, 3] : [0];
      if (!expected.includes(there)) wrong.push(`${there} of 3 writes of the part of ${shard}, which was ${status}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(batches.some(({ parts }) => parts.every(({ status }) => status === 'done'))).toBe(true);
});

test('an unmet condition leaves all writes of its shard undone, and no others', async () => {
  const keys = keysByShard('condition', 3);
  const [guarded = '', ...beside] = keys.get('s2') ?? [];
  await client.put(guarded, 'first');
  const others = [...(keys.get('s1') ?? []), ...(keys.get('s3') ?? [])];
  const { applied, parts } = await client.batch([
    ...beside.map((key) => ({ kind: 'increment', key }) as const),
    ...others.map((key) => ({ kind: 'put', key, value: 'x' }) as const),
    { kind: 'put', key: guarded, value: 'second', ifAbsent: true },
  ]);
  expect(applied).toBe(false);
  expect(new Map(parts.map(({ shard, status }) => [shard, status]))).toEqual(
    new Map([
      ['s1', 'done'],
      ['s2', 'condition-failed'],
      ['s3', 'done'],
    ]),
  );
  const { token } = client;
  for (const consistency of ['strong', 'session'] as const) {
    const found = await client.mget([guarded, ...beside, ...others], {
      consistency,
      ...(consistency === 'session' ? { after: token } : {}),
    });
    const values = found.map((record) => (record === undefined ? undefined : Buffer.from(record.value).toString()));
    expect(values).toEqual(['first', ...beside.map(() => undefined), ...others.map(() => 'x')]);
  }
});
