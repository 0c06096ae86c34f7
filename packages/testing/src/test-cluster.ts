import type { Client, ConnectOptions } from '@edis/client';
import { connect } from '@edis/client';
import { EdisError, type KeyspaceSettings } from '@edis/core';
import { clearRecords } from './clear-records.ts';
import { infoStarter, memberStarter } from './roles.ts';
import { TestNode } from './test-node.ts';

export interface TestClusterOptions {
  /**
   * Write shards.
   * @default 3
   */
  readonly shards?: number | undefined;
  /**
   * Read shards per write shard.
   * @default 1
   */
  readonly replicas?: number | undefined;
  /** Keyspaces that there are from the start, besides `default`. */
  readonly keyspaces?: Readonly<Record<string, Partial<KeyspaceSettings>>> | undefined;
  /** Is given each line that a node logs, as JSON. */
  readonly onLog?: ((line: string) => void) | undefined;
}

/** Nodes of one process: beyond this a mistyped number is likelier than a wish. */
const maxNodes = 64;

/**
 * A whole cluster inside this process, with its data in memory: real nodes that speak gRPC on free ports of this
 * machine.
 *
 * Guarantees that `close` leaves nothing behind: no socket, no timer, no client that `client()` made.
 */
export class TestCluster implements AsyncDisposable {
  readonly #options: TestClusterOptions;
  readonly #info: TestNode;
  readonly #writeShards: readonly TestNode[];
  readonly #readShards: readonly TestNode[];
  readonly #clients: Client[] = [];
  #ownClient: Promise<Client> | undefined;
  #closing: Promise<void> | undefined;

  private constructor(options: TestClusterOptions) {
    const { shards = 3, replicas = 1 } = options;
    checkCounts(shards, replicas);
    this.#options = options;
    this.#info = this.#node('info', infoStarter('info', shards));
    this.#writeShards = count(shards).map((n) => this.#member('write-shard', `write-shard-${n}`, `s${n}`));
    this.#readShards = count(shards).flatMap((n) =>
      count(replicas).map((replica) => this.#member('read-shard', `read-shard-${n}-${replica}`, `s${n}`)),
    );
  }

  /** Resolves when every node serves. When the cluster cannot be started, nothing is left running. */
  static async start(options: TestClusterOptions): Promise<TestCluster> {
    const cluster = new TestCluster(options);
    try {
      await cluster.#start();
    } catch (caught) {
      await cluster.close();
      throw caught;
    }
    return cluster;
  }

  /** Where clients find the cluster: host:port. */
  get info(): string {
    return this.#info.address;
  }

  /** Names of the nodes: `info`, `write-shard-1` … of shards `s1` …, `read-shard-1-1` … */
  get nodes(): readonly string[] {
    return this.#nodes.map((node) => node.name);
  }

  /** A client of its own for each call; `close` of the cluster closes it too. */
  async client(options: Omit<ConnectOptions, 'info'> = {}): Promise<Client> {
    this.#checkOpen();
    const client = await connect({ ...options, info: this.info });
    this.#clients.push(client);
    if (this.#closing !== undefined) await client.close();
    this.#checkOpen();
    return client;
  }

  /**
   * Removes all records of all keyspaces, at every node, so that no read of a later test finds them. The keyspaces
   * stay. Every write shard must run.
   */
  async clear(): Promise<void> {
    this.#checkOpen();
    await clearRecords(await this.#own());
  }

  /** Ends a node at once, as `kill -9` would. A shard without its write shard takes no writes. */
  async kill(name: string): Promise<void> {
    this.#checkOpen();
    await this.#find(name).kill();
  }

  /** Starts a node again, after killing it if it runs, with its data and at its address. Resolves when it serves. */
  async restart(name: string): Promise<void> {
    this.#checkOpen();
    await this.#find(name).restart();
  }

  /** Ends everything. May be called again. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #start(): Promise<void> {
    await this.#info.start();
    await Promise.all(this.#writeShards.map((node) => node.start()));
    // A read shard that comes before the cluster is formed would be sent away, and wait before it asks again.
    await Promise.all(this.#readShards.map((node) => node.start()));
    const { keyspaces = {} } = this.#options;
    const own = await this.#own();
    await Promise.all(Object.entries(keyspaces).map(([name, settings]) => own.createKeyspace(name, settings)));
  }

  async #close(): Promise<void> {
    const own = this.#ownClient?.then((client) => client.close());
    await Promise.allSettled([own, ...this.#clients.map((client) => client.close())]);
    // Followers first, info last: nobody looks in vain for a node that has ended.
    const ends: PromiseSettledResult<void>[] = [];
    for (const nodes of [this.#readShards, this.#writeShards, [this.#info]]) {
      ends.push(...(await Promise.allSettled(nodes.map((node) => node.kill()))));
    }
    for (const end of ends) if (end.status === 'rejected') throw EdisError.from(end.reason);
  }

  get #nodes(): readonly TestNode[] {
    return [this.#info, ...this.#writeShards, ...this.#readShards];
  }

  #own(): Promise<Client> {
    this.#ownClient ??= connect({ info: this.info });
    return this.#ownClient;
  }

  #find(name: string): TestNode {
    const found = this.#nodes.find((node) => node.name === name);
    if (found !== undefined) return found;
    throw new EdisError('invalid-argument', `there is no node ${name}; there are ${this.nodes.join(', ')}`);
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new EdisError('closed', 'the test cluster was closed');
  }

  #member(role: 'write-shard' | 'read-shard', name: string, shard: string): TestNode {
    return this.#node(
      name,
      memberStarter(role, name, shard, () => this.info),
    );
  }

  #node(name: string, start: ConstructorParameters<typeof TestNode>[0]['start']): TestNode {
    return new TestNode({ name, start, onLog: this.#options.onLog });
  }
}

/** Starts a cluster in this process. Resolves when every node serves; when one can not, nothing is left running. */
export function createTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  return TestCluster.start(options);
}

function checkCounts(shards: number, replicas: number): void {
  if (!Number.isInteger(shards) || shards < 1) {
    throw new EdisError('invalid-argument', `a cluster has 1 or more shards, not ${shards}`);
  }
  if (!Number.isInteger(replicas) || replicas < 0) {
    throw new EdisError('invalid-argument', `a shard has 0 or more replicas, not ${replicas}`);
  }
  const nodes = 1 + shards * (1 + replicas);
  if (nodes > maxNodes) {
    throw new EdisError('invalid-argument', `that would be ${nodes} nodes; one process has at most ${maxNodes}`);
  }
}

function count(total: number): number[] {
  return Array.from({ length: total }, (_, index) => index + 1);
}
