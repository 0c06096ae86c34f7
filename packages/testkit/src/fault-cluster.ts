import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, connect } from '@edis/client';
import { ClusterProcess, locateBinaries, type ProcessLine, type ProcessRole, textField } from '@edis/launcher';
import { FaultLinks } from './fault-links.ts';

const info = 'info';
/** The network in which nobody disturbs: for who only watches. */
const undisturbed = 'undisturbed';
const anyPort = '127.0.0.1:0';

const readyMs = 60_000;
const stopMs = 15_000;

export interface FaultClusterOptions {
  readonly shards: number;
  readonly replicas: number;
  /** Names that clients have among the links; each can be cut off by itself. */
  readonly clients: readonly string[];
  /** Further flags of info. */
  readonly info?: readonly string[];
  /** Of every node. */
  readonly node?: readonly string[];
  readonly onLine?: (process: ClusterProcess, line: ProcessLine) => void;
}

/**
 * A cluster of real processes in which every connection can be broken: each process is a network of its own, to which
 * the others advertise a proxy. Clients are networks, too.
 */
export class FaultCluster {
  readonly links: FaultLinks;
  readonly directory: string;
  readonly #processes = new Map<string, ClusterProcess>();
  readonly #clients: Client[] = [];
  readonly #options: FaultClusterOptions;

  private constructor(options: FaultClusterOptions, links: FaultLinks, directory: string) {
    this.#options = options;
    this.links = links;
    this.directory = directory;
  }

  static async start(options: FaultClusterOptions): Promise<FaultCluster> {
    const shards = shardsOf(options);
    const pairs = [...shards.values()].flatMap((members) =>
      members.flatMap((to) => [
        ...members.filter((from) => from !== to).map((from) => [from, to] as const),
        ...options.clients.map((client) => [client, to] as const),
        [to, info] as const,
      ]),
    );
    const links = await FaultLinks.start([...pairs, ...options.clients.map((client) => [client, info] as const)]);
    const cluster = new FaultCluster(options, links, await mkdtemp(join(tmpdir(), 'edis-faults-')));
    try {
      await cluster.#start(shards);
    } catch (caught) {
      await cluster.close();
      throw caught;
    }
    return cluster;
  }

  get processes(): readonly ClusterProcess[] {
    return [...this.#processes.values()];
  }

  /** Names of all but info. */
  get nodes(): readonly string[] {
    return [...this.#processes.keys()].filter((name) => name !== info);
  }

  process(name: string): ClusterProcess {
    const found = this.#processes.get(name);
    if (found === undefined) throw new Error(`there is no process ${name}`);
    return found;
  }

  /** One whose connections can be broken. */
  client(name: string, timeoutMs: number): Promise<Client> {
    return this.#connect(this.links.address(name, info), timeoutMs);
  }

  /** One that no fault reaches. */
  observer(timeoutMs = 20_000): Promise<Client> {
    return this.#connect(this.process(info).address ?? '', timeoutMs);
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    const timer = setTimeout(() => this.#signal(() => true, 'SIGKILL'), stopMs);
    for (const isNext of [(name: string) => name !== info, (name: string) => name === info]) {
      this.#signal(isNext, 'SIGCONT');
      this.#signal(isNext, 'SIGTERM');
      await Promise.all(this.processes.filter(({ name }) => isNext(name)).map((process) => process.exited));
    }
    clearTimeout(timer);
    await this.links.close();
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }

  #signal(isMeant: (name: string) => boolean, signal: NodeJS.Signals): void {
    for (const process of this.processes) if (isMeant(process.name)) process.kill(signal);
  }

  async #connect(address: string, timeoutMs: number): Promise<Client> {
    const client = await connect({ info: address, timeoutMs });
    this.#clients.push(client);
    return client;
  }

  async #start(shards: ReadonlyMap<string, readonly string[]>): Promise<void> {
    const nodes = [...shards.values()].flat();
    const own = this.#create(
      info,
      'info',
      [...nodes, ...this.#options.clients],
      [...['--initial-shards', String(this.#options.shards)], ...(this.#options.info ?? [])],
    );
    await own.start();
    await own.waitFor('listening', readyMs);
    // A shard's first member leads it.
    const firstOf = [...shards].map(([shard, [first = '']]) => this.#createNode(first, shard, shards));
    await startAll(firstOf);
    const others = [...shards].flatMap(([shard, members]) =>
      members.slice(1).map((name) => this.#createNode(name, shard, shards)),
    );
    await startAll(others);
  }

  #createNode(name: string, shard: string, shards: ReadonlyMap<string, readonly string[]>): ClusterProcess {
    const peers = (shards.get(shard) ?? []).filter((peer) => peer !== name);
    const role = name.startsWith('write') ? 'write-shard' : 'read-shard';
    return this.#create(
      name,
      role,
      [...peers, ...this.#options.clients],
      [...['--info', this.links.address(name, info), '--shard', shard], ...(this.#options.node ?? [])],
    );
  }

  #create(name: string, role: ProcessRole, dialledBy: readonly string[], flags: readonly string[]): ClusterProcess {
    const advertised = dialledBy.map((from) => `${from}=${this.links.address(from, name)}`);
    const process = new ClusterProcess({
      name,
      role,
      binary: locateBinaries()[role],
      flags: [
        ...['--node', name, '--data', join(this.directory, name)],
        ...[`${undisturbed}=${anyPort}`, ...advertised].flatMap((endpoint) => ['--advertise', endpoint]),
        ...flags,
      ],
      host: '127.0.0.1',
      port: 0,
      env: ownEnvironment(),
      onLine: (from, line) => {
        if (textField(line, 'event') === 'listening') this.links.setTarget(name, from.address ?? '');
        this.#options.onLine?.(from, line);
      },
    });
    this.#processes.set(name, process);
    return process;
  }
}

/** Members of each shard, its first primary first. */
function shardsOf({ shards, replicas }: FaultClusterOptions): Map<string, readonly string[]> {
  const count = (total: number) => Array.from({ length: total }, (_, index) => index + 1);
  return new Map(
    count(shards).map((shard) => [
      `s${shard}`,
      [`write-shard-${shard}`, ...count(replicas).map((replica) => `read-shard-${shard}-${replica}`)],
    ]),
  );
}

async function startAll(processes: readonly ClusterProcess[]): Promise<void> {
  await Promise.all(processes.map((process) => process.start()));
  await Promise.all(processes.map((process) => process.waitFor('ready', readyMs)));
}

function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('EDIS_')));
}
