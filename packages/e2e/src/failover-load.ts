import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseReceipt } from '@edis/checker';
import type { Client } from '@edis/client';
import type { Ack } from '@edis/core';
import { EdisError } from '@edis/core';
import type { TestCluster } from '@edis/testkit';
import { waitFor } from '@edis/testkit';
import { expect } from 'vitest';
import { pause } from './pause.ts';

export const allAcks: readonly Ack[] = ['memory', 'disk', 'quorum'];
const writersPerAck = 6;
const readers = 4;

/** Between two operations of one caller. */
const pauseMs = 10;

/** The longest time without a success. */
class Gap {
  longestMs = 0;
  #lastMs = performance.now();

  succeed(): void {
    const nowMs = performance.now();
    this.longestMs = Math.max(this.longestMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
  }

  /** Measures from now on. */
  restart(): void {
    this.longestMs = 0;
    this.#lastMs = performance.now();
  }
}

/**
 * Writers and readers at work until `stop`. Each write has a key of its own, so that what was acknowledged is there or
 * is not. `no-quorum` is what a group says that lacks members: it is counted, and is no error.
 */
export class FailoverLoad {
  readonly acknowledged = new Map<string, Ack>();
  readonly errors: string[] = [];
  readonly readGap = new Gap();
  readonly writeGaps = new Map<Ack, Gap>();
  refusedQuorums = 0;
  reads = 0;
  #stopped = false;
  readonly #done: Promise<unknown>;

  constructor(client: Client, acks: readonly Ack[], prefix = 'load') {
    for (const ack of acks) this.writeGaps.set(ack, new Gap());
    const writers = acks.flatMap((ack) =>
      Array.from({ length: writersPerAck }, (_, writer) => this.#write(client, ack, `${prefix}-${ack}-${writer}`)),
    );
    this.#done = Promise.all([...writers, ...Array.from({ length: readers }, () => this.#read(client))]);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  count(ack: Ack): number {
    let count = 0;
    for (const each of this.acknowledged.values()) if (each === ack) count += 1;
    return count;
  }

  longestMs(ack: Ack): number {
    return Math.round(this.writeGaps.get(ack)?.longestMs ?? 0);
  }

  restartGaps(): void {
    this.readGap.restart();
    for (const gap of this.writeGaps.values()) gap.restart();
  }

  /** Waits for that many more writes of each kind. */
  async more(count: number): Promise<void> {
    for (const ack of this.writeGaps.keys()) {
      const before = this.count(ack);
      const seen = (): string => `${this.count(ack) - before} of ${count} more ${ack} writes; ${this.errors[0] ?? ''}`;
      await waitFor(() => this.count(ack) >= before + count, seen);
    }
  }

  async #write(client: Client, ack: Ack, prefix: string): Promise<void> {
    for (let count = 0; !this.#stopped; count += 1) {
      const key = `${prefix}-${count}`;
      try {
        await client.put(key, 'v', { ack });
        this.acknowledged.set(key, ack);
        this.writeGaps.get(ack)?.succeed();
      } catch (caught) {
        if (EdisError.from(caught).code === 'no-quorum') this.refusedQuorums += 1;
        else this.errors.push(`put ${key}: ${String(caught)}`);
      }
      await pause(pauseMs);
    }
  }

  async #read(client: Client): Promise<void> {
    while (!this.#stopped) {
      try {
        await client.get('load-disk-0-0', { consistency: 'eventual' });
        this.reads += 1;
        this.readGap.succeed();
      } catch (caught) {
        this.errors.push(`get: ${String(caught)}`);
      }
      await pause(pauseMs);
    }
  }
}

/** For whoever reads the test's output. */
export function printFigure(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Keys of all receipts in a node's data directory. */
export async function receiptedKeys(running: TestCluster, node: string): Promise<Set<string>> {
  const directory = join(running.directory, node, 'receipts');
  const names = await readdir(directory).catch(() => []);
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')));
  return new Set(texts.flatMap((text) => parseReceipt(text)).map(({ key }) => key));
}

/** No acknowledged `quorum` write is missing; each other one that is stands in a receipt of one of the nodes. */
export async function expectNothingLost(
  running: TestCluster,
  client: Client,
  load: FailoverLoad,
  nodes: readonly string[],
): Promise<void> {
  const keys = [...load.acknowledged.keys()];
  const reads = await client.mget(keys, { consistency: 'strong' });
  const receipts = new Set<string>();
  for (const node of nodes) for (const key of await receiptedKeys(running, node)) receipts.add(key);
  const missing = keys.filter((_, index) => reads[index] === undefined);
  expect(missing.filter((key) => load.acknowledged.get(key) === 'quorum')).toEqual([]);
  expect(missing.filter((key) => !receipts.has(key))).toEqual([]);
}

/** Waits until a shard is led by somebody (else), and returns who that is. */
export async function leaderOf(client: Client, shard: string, not = ''): Promise<string> {
  return waitFor(
    () => {
      const leader = leaderNow(client, shard);
      return leader === not || leader === '' ? undefined : leader;
    },
    () => `${shard} is led by another one than ${not}; its map is ${JSON.stringify(client.topology().shards)}`,
  );
}

function leaderNow(client: Client, shard: string): string {
  const found = client.topology().shards.find((each) => each.shard === shard);
  return found?.members.find(({ store }) => store === found.primary)?.node ?? '';
}

/** Waits until all nodes of a shard are alive, serve, and vote. */
export async function wholeGroup(client: Client, shard: string, size: number): Promise<void> {
  const isWhole = (): boolean => {
    const found = client.topology().shards.find((each) => each.shard === shard);
    const voting = found?.members.filter(
      ({ store, alive, role }) => alive && role !== 'learner' && found.voters.includes(store),
    );
    return voting?.length === size && found?.voters.length === size;
  };
  await waitFor(
    isWhole,
    () => `${size} members vote in ${shard}; its map is ${JSON.stringify(client.topology().shards)}`,
  );
}
