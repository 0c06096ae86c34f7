import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { RedisSync } from './redis-server.ts';
import { freePort, RedisServer } from './redis-server.ts';

const nodeCount = 3;
const slotCount = 16_384;
const formDeadlineMs = 30_000;
const pollMs = 100;

/** A Redis Cluster of three masters without replicas, which share the slots evenly. */
export class RedisCluster {
  readonly port: number;
  readonly #servers: readonly RedisServer[];

  private constructor(port: number, servers: readonly RedisServer[]) {
    this.port = port;
    this.#servers = servers;
  }

  static async start(parentFolder: string, sync: RedisSync): Promise<RedisCluster> {
    const servers: RedisServer[] = [];
    try {
      const busPorts: number[] = [];
      for (let node = 0; node < nodeCount; node += 1) {
        const busPort = await freePort();
        busPorts.push(busPort);
        servers.push(await RedisServer.start(parentFolder, sync, busPort));
      }
      const port = await form(servers, busPorts);
      return new RedisCluster(port, servers);
    } catch (error) {
      await Promise.all(servers.map((server) => server.stop()));
      throw error;
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop()));
  }
}

/** Gives each node its slots, introduces the others to the first one, and waits until all know all. */
async function form(servers: readonly RedisServer[], busPorts: readonly number[]): Promise<number> {
  const connections = servers.map(({ port }) => new Redis({ host: '127.0.0.1', port }));
  try {
    const [first] = connections;
    const port = servers[0]?.port;
    if (first === undefined || port === undefined) throw new Error('a cluster without nodes');
    for (const [node, connection] of connections.entries()) {
      const from = Math.floor((node * slotCount) / connections.length);
      const to = Math.floor(((node + 1) * slotCount) / connections.length) - 1;
      await connection.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to));
    }
    for (const [node, server] of servers.entries()) {
      if (node > 0) await first.call('CLUSTER', 'MEET', '127.0.0.1', String(server.port), String(busPorts[node]));
    }
    const deadline = performance.now() + formDeadlineMs;
    while (!(await Promise.all(connections.map(knowsAll))).every(Boolean)) {
      if (performance.now() > deadline)
        throw new Error('the nodes of the Redis Cluster did not find each other in time');
      await sleep(pollMs);
    }
    return port;
  } finally {
    for (const connection of connections) connection.disconnect();
  }
}

async function knowsAll(connection: Redis): Promise<boolean> {
  const info = String(await connection.call('CLUSTER', 'INFO'));
  return info.includes('cluster_state:ok') && info.includes(`cluster_slots_ok:${slotCount}`);
}
