import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client, NodeStatsReply } from '@edis/client';
import { connect } from '@edis/client';
import type { Cluster, ClusterOptions } from '@edis/launcher';
import { startCluster } from '@edis/launcher';
import { waitFor } from './wait-for.ts';

/** A machine with two busy cores starts seven processes in a few seconds; more means that something hangs. */
const readyMs = 60_000;
const stopMs = 15_000;

/** A cluster of real processes on free ports with data in a directory of its own, all gone after `close`. */
export class TestCluster {
  readonly cluster: Cluster;
  readonly directory: string;
  readonly #clients: Client[] = [];

  private constructor(cluster: Cluster, directory: string) {
    this.cluster = cluster;
    this.directory = directory;
  }

  static async start(options: Partial<ClusterOptions> & { shards: number; replicas: number }): Promise<TestCluster> {
    const directory = await mkdtemp(join(tmpdir(), 'edis-test-'));
    const cluster = await startCluster({ infoPort: 0, dataDirectory: directory, infoStartMs: readyMs, ...options });
    const test = new TestCluster(cluster, directory);
    try {
      await cluster.waitReady(readyMs);
    } catch (caught) {
      await test.close();
      throw caught;
    }
    return test;
  }

  async client(options: Omit<Parameters<typeof connect>[0], 'info'> = {}): Promise<Client> {
    const client = await connect({ info: this.cluster.info, timeoutMs: 20_000, ...options });
    this.#clients.push(client);
    return client;
  }

  /** Waits until every shard's members stand at the same position and have folded it, and returns their figures. */
  async settled(client: Client, timeoutMs = 30_000): Promise<NodeStatsReply[]> {
    let seen = '';
    return waitFor(
      async () => {
        const replies = await client.stats();
        seen = JSON.stringify(replies.map(({ node, stats, error }) => [node, stats?.viewPosition, error?.message]));
        const positions = new Map<string, number>();
        for (const { shard, stats } of replies) {
          if (stats === undefined || stats.viewPosition !== stats.lastEntry.position) return undefined;
          const position = positions.get(shard) ?? stats.viewPosition;
          if (position !== stats.viewPosition) return undefined;
          positions.set(shard, position);
        }
        return replies;
      },
      () => `all members of each shard at the same folded position; seen ${seen}`,
      timeoutMs,
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await this.cluster.stop(stopMs);
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }
}
