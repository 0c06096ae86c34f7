import { type HistoryOperation, isAnswered } from '@edis/checker';
import type { Client } from '@edis/client';
import type { Ack } from '@edis/core';
import type { ClusterProcess } from '@edis/launcher';
import { TestCluster } from '@edis/testkit';
import { expect } from 'vitest';
import { type JudgedHistory, JudgedLoad, showFindings } from '../soak/judged-load.ts';
import { Receipts } from '../soak/receipts.ts';
import { leaderOf, wholeGroup } from '../src/failover-load.ts';

const replicas = 2;
const stopMs = 20_000;
/** Shorter than a failover: some outcomes stay unknown, and callers go on. */
const callTimeoutMs = 2000;

/** Info and one shard of three members. */
export interface Group {
  readonly directory: string;
  readonly processes: readonly ClusterProcess[];
  client(options: { readonly timeoutMs: number }): Promise<Client>;
  /** Ends all processes. */
  stop(): Promise<void>;
  /** Ends all, and removes the data. */
  close(): Promise<void>;
}

async function startOnThisMachine(): Promise<Group> {
  const running = await TestCluster.start({ shards: 1, replicas });
  return {
    directory: running.directory,
    processes: running.cluster.processes,
    client: (options) => running.client(options),
    stop: () => running.cluster.stop(stopMs),
    close: () => running.close(),
  };
}

/** A group of real processes, callers at work, and the judgement of what they saw. */
export class JudgedCluster {
  readonly group: Group;
  readonly client: Client;
  readonly load: JudgedLoad;
  readonly #receipts: Receipts;
  readonly #fromMs = performance.now();
  readonly #beforeRemoval: (() => void)[] = [];

  private constructor(group: Group, client: Client, load: JudgedLoad) {
    this.group = group;
    this.client = client;
    this.load = load;
    this.#receipts = new Receipts(group.directory);
  }

  static async start(startGroup: () => Promise<Group> = startOnThisMachine): Promise<JudgedCluster> {
    const running = await startGroup();
    try {
      const client = await running.client({ timeoutMs: 20_000 });
      await wholeGroup(client, 's1', replicas + 1);
      const load = new JudgedLoad({
        ...{ seed: 1, prefix: 'judged:', observer: client, callers: 12, pauseMs: 10 },
        clients: [await running.client({ timeoutMs: callTimeoutMs })],
        acks: [
          ['quorum', 1],
          ['disk', 1],
          ['memory', 1],
        ],
      });
      const judged = new JudgedCluster(running, client, load);
      await load.more(300);
      return judged;
    } catch (caught) {
      await running.close();
      throw caught;
    }
  }

  async primary(): Promise<ClusterProcess> {
    const name = await leaderOf(this.client, 's1');
    const found = this.group.processes.find((process) => process.name === name);
    if (found === undefined) throw new Error(`there is no process ${name}`);
    return found;
  }

  async replicas(): Promise<readonly ClusterProcess[]> {
    const primary = await this.primary();
    return this.group.processes.filter((one) => one !== primary && one.role !== 'info');
  }

  /** Starts what has ended. */
  async restart(process: ClusterProcess): Promise<void> {
    await process.start();
    await process.waitFor('ready', 60_000);
  }

  /** Every member votes. */
  whole(): Promise<void> {
    return wholeGroup(this.client, 's1', replicas + 1);
  }

  /** Called when no process runs any more, before the data are removed. */
  beforeRemoval(release: () => void): void {
    this.#beforeRemoval.push(release);
  }

  /** When everything is healed: no rule was broken, and every member has the same. */
  async expectHeld(): Promise<JudgedHistory> {
    await this.whole();
    await this.load.more(300);
    const nodes = this.group.processes.map(({ name }) => name);
    const judged = await this.load.judge(() => this.#receipts.take(nodes, this.#fromMs, performance.now()));
    expect(showFindings(judged)).toEqual([]);
    expect(judged.figures.members).toBe(replicas + 1);
    return judged;
  }

  async close(): Promise<void> {
    await this.load.end();
    await this.group.stop();
    for (const release of this.#beforeRemoval) release();
    await this.group.close();
  }
}

/** How long the writes of a level took, in the median, that were called between two moments. */
export function medianMs(history: readonly HistoryOperation[], ack: Ack, fromMs: number, toMs: number): number {
  const took = history
    .filter((one) => one.ack === ack && one.callMs > fromMs && one.callMs < toMs)
    .filter(isAnswered)
    .map(({ callMs, ending }) => ending.returnMs - callMs)
    .toSorted((left, right) => left - right);
  return took[Math.floor(took.length / 2)] ?? Number.NaN;
}
