import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@edis/client';
import { connect } from '@edis/client';
import type { Cluster, ProcessLine } from '@edis/launcher';
import { ClusterProcess, locateBinaries, startCluster, textField } from '@edis/launcher';
import { waitFor } from '@edis/testkit';
import { freePort } from './free-port.ts';
import type { Group } from './judged-cluster.ts';

const readyMs = 60_000;
/** Longer than nodes take to say what changes the map after their start. */
const quietMs = 2000;
const host = '127.0.0.1';

export interface EtcdInfosOptions {
  /** @default 1 of each shard */
  readonly replicas?: number;
  /** `--etcd-lease` of both infos. @default 3s: shorter than their own default, as tests wait for its end */
  readonly etcdLease?: string;
}

/** A cluster of real processes with two infos on one etcd. */
export class EtcdInfos implements Group {
  readonly cluster: Cluster;
  readonly infos: readonly ClusterProcess[];
  readonly directory: string;
  readonly #lines: Map<string, ProcessLine[]>;
  readonly #clients: Client[] = [];

  private constructor(
    cluster: Cluster,
    infos: readonly ClusterProcess[],
    directory: string,
    lines: Map<string, ProcessLine[]>,
  ) {
    this.cluster = cluster;
    this.infos = infos;
    this.directory = directory;
    this.#lines = lines;
  }

  static async start(
    endpoints: readonly string[],
    shards: number,
    { replicas = 1, etcdLease = '3s' }: EtcdInfosOptions = {},
  ): Promise<EtcdInfos> {
    const directory = await mkdtemp(join(tmpdir(), 'edis-etcd-infos-'));
    const lines = new Map<string, ProcessLine[]>();
    const onLine = (process: ClusterProcess, line: ProcessLine): void => {
      lines.set(process.name, [...(lines.get(process.name) ?? []), line]);
    };
    const flags = ['--store', 'etcd', ...endpoints.flatMap((endpoint) => ['--etcd', endpoint])];
    flags.push('--etcd-lease', etcdLease, '--initial-shards', String(shards));
    const ports = [await freePort(), await freePort()];
    const [first = 0, second = 0] = ports;
    const others = ['--info', `${host}:${second}`];
    const cluster = await startCluster({
      shards,
      replicas,
      infoPort: first,
      shardPort: 0,
      dataDirectory: directory,
      onLine,
      settings: { info: flags.slice(0, -2), writeShard: others, readShard: others },
    });
    const standby = new ClusterProcess({
      name: 'info-2',
      role: 'info',
      binary: locateBinaries().info,
      flags: ['--node', 'info-2', ...flags],
      host,
      port: second,
      env: process.env,
      onLine,
    });
    const infos = new EtcdInfos(cluster, [cluster.process('info'), standby], directory, lines);
    try {
      await standby.start();
      await Promise.all([standby.waitFor('ready', readyMs), cluster.waitReady(readyMs)]);
    } catch (caught) {
      await infos.close();
      throw caught;
    }
    return infos;
  }

  /** Infos and nodes. */
  get processes(): readonly ClusterProcess[] {
    return [...this.infos, ...this.cluster.processes.filter(({ role }) => role !== 'info')];
  }

  get addresses(): readonly string[] {
    return this.infos.map((info) => info.address ?? '');
  }

  async client({
    info = this.addresses,
    timeoutMs = 10_000,
  }: {
    readonly info?: string | readonly string[];
    readonly timeoutMs?: number;
  } = {}): Promise<Client> {
    const client = await connect({ info, timeoutMs });
    this.#clients.push(client);
    return client;
  }

  /** How often it has logged that: `active`, that it begins to decide; `standby`, that it stops. */
  count(info: ClusterProcess, event: 'active' | 'standby' | 'etcd-retry'): number {
    return (this.#lines.get(info.name) ?? []).filter((line) => textField(line, 'event') === event).length;
  }

  /** What all processes logged within `spanMs` of that time, in order. */
  linesAround(at: string, spanMs: number): readonly string[] {
    const atMs = Date.parse(at);
    return [...this.#lines]
      .flatMap(([name, lines]) => lines.map((line) => ({ time: textField(line, 'time') ?? '', name, text: line.text })))
      .filter(({ time }) => Math.abs(Date.parse(time) - atMs) <= spanMs)
      .sort((one, other) => one.time.localeCompare(other.time))
      .map(({ name, text }) => `${name} ${text}`);
  }

  /** The one that decides, as it says itself. */
  async active(other?: ClusterProcess): Promise<ClusterProcess> {
    return waitFor(
      () =>
        this.infos.find(
          (info) => info !== other && info.running && this.count(info, 'active') > this.count(info, 'standby'),
        ),
      () =>
        `an info that decides; ${[...this.#lines.values()]
          .flat()
          .slice(-5)
          .map((line) => line.text)
          .join('\n')}`,
    );
  }

  /** Waits until all nodes report to the info that decides. */
  async reporting(client: Client, nodes: number): Promise<void> {
    await waitFor(async () => {
      const { reports, topology } = await client.describe();
      const members = topology.shards.flatMap((shard) => shard.members);
      return reports.size === nodes && members.every((member) => member.alive);
    }, `${nodes} nodes that report`);
  }

  /** Waits until the map has been the same for a while. */
  async quiet(client: Client): Promise<void> {
    let seen = { revision: 0, sinceMs: 0 };
    await waitFor(() => {
      const { revision } = client.topology();
      if (revision !== seen.revision) seen = { revision, sinceMs: performance.now() };
      return performance.now() - seen.sinceMs > quietMs;
    }, 'a map that stays as it is');
  }

  /** Ends all processes; what they have written stays. */
  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    for (const info of this.infos.slice(1)) {
      info.kill('SIGKILL');
      await info.exited;
    }
    await this.cluster.stop(15_000);
  }

  async close(): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }
}
