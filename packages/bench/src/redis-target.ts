import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Target } from './target.ts';
import type { Durability } from './work.ts';

const settleDeadlineMs = 120_000;

/** Redis has its durability per server, so there are two: one syncs each second, one before each reply. */
export class RedisTarget implements Target {
  readonly #servers: Readonly<Record<Durability, Redis>>;

  constructor(ports: Readonly<Record<Durability, number>>) {
    // Auto-pipelining is to ioredis what batching per event-loop turn is to the Edis SDK.
    const open = (port: number): Redis => new Redis({ host: '127.0.0.1', port, enableAutoPipelining: true });
    this.#servers = { memory: open(ports.memory), disk: open(ports.disk) };
  }

  put(key: string, value: string, durability: Durability): Promise<unknown> {
    return this.#servers[durability].set(key, value);
  }

  async get(key: string, durability: Durability): Promise<boolean> {
    return (await this.#servers[durability].get(key)) !== null;
  }

  load(key: string, value: string): Promise<unknown> {
    return Promise.all([this.#servers.memory.set(key, value), this.#servers.disk.set(key, value)]);
  }

  async settle(): Promise<void> {
    const deadline = performance.now() + settleDeadlineMs;
    for (const server of Object.values(this.#servers)) {
      // Writing a million keys makes Redis rewrite its append-only file in a child process.
      while (/aof_rewrite_(in_progress|scheduled):1/.test(await server.info('persistence'))) {
        if (performance.now() > deadline) throw new Error('Redis still rewrites its append-only file after 2 minutes');
        await sleep(100);
      }
    }
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#servers).map((server) => server.quit()));
  }
}
