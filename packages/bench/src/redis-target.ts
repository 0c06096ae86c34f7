import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster, Redis } from 'ioredis';
import type { Target } from './target.ts';
import type { Durability } from './work.ts';

const settleDeadlineMs = 120_000;

/** Redis has its durability per server, so there are two: one syncs each second, one before each reply. */
export class RedisTarget implements Target {
  readonly records = undefined;
  readonly #servers: Readonly<Record<Durability, Redis | Cluster>>;

  private constructor(servers: Readonly<Record<Durability, Redis | Cluster>>) {
    this.#servers = servers;
  }

  static toServers(ports: Readonly<Record<Durability, number>>): RedisTarget {
    // Auto-pipelining is to ioredis what batching per event-loop turn is to the Edis SDK.
    const open = (port: number): Redis => new Redis({ host: '127.0.0.1', port, enableAutoPipelining: true });
    return new RedisTarget({ memory: open(ports.memory), disk: open(ports.disk) });
  }

  /** The ports are those of one node of each cluster; the client finds the others. */
  static toClusters(ports: Readonly<Record<Durability, number>>): RedisTarget {
    const open = (port: number): Cluster => new Cluster([{ host: '127.0.0.1', port }], { enableAutoPipelining: true });
    return new RedisTarget({ memory: open(ports.memory), disk: open(ports.disk) });
  }

  put(key: string, value: string, durability: Durability): Promise<unknown> {
    return this.#servers[durability].set(key, value);
  }

  async get(key: string, durability: Durability): Promise<boolean> {
    return (await this.#servers[durability].get(key)) !== null;
  }

  putMany(keys: readonly string[], value: string, durability: Durability): Promise<unknown> {
    const server = this.#servers[durability];
    // MSET takes only keys of one slot; with auto-pipelining, single commands of a turn travel together per node.
    return Promise.all(keys.map((key) => server.set(key, value)));
  }

  async getMany(keys: readonly string[], durability: Durability): Promise<number> {
    const server = this.#servers[durability];
    const found = await Promise.all(keys.map((key) => server.get(key)));
    return found.reduce((count, value) => (value === null ? count : count + 1), 0);
  }

  load(key: string, value: string): Promise<unknown> {
    return Promise.all([this.#servers.memory.set(key, value), this.#servers.disk.set(key, value)]);
  }

  async settle(): Promise<void> {
    const deadline = performance.now() + settleDeadlineMs;
    const nodes = Object.values(this.#servers).flatMap((server) =>
      server instanceof Cluster ? server.nodes('master') : [server],
    );
    for (const node of nodes) {
      // Writing a million keys makes Redis rewrite its append-only file in a child process.
      while (/aof_rewrite_(in_progress|scheduled):1/.test(await node.info('persistence'))) {
        if (performance.now() > deadline) throw new Error('Redis still rewrites its append-only file after 2 minutes');
        await sleep(100);
      }
    }
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#servers).map((server) => server.quit()));
  }
}
