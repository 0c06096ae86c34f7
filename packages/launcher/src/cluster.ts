/**
 * A whole cluster of real processes on this machine, for `edis up`, multi-process tests and benchmarks.
 *
 * It starts info, then the write shards, then each write shard's replicas: the first time as soon as that one knows its
 * shard, later as soon as it has read its data, because without its data one of them may have to lead in its place. It
 * restarts nothing by itself: a process that ended stays ended until somebody calls its `start()`.
 */
import { join } from 'node:path';
import { EdisError } from '@edis/core';
import { makeDataDirectory } from '@edis/store/make-data-directory';
import type { Binaries } from './binary.ts';
import { locateBinaries } from './binary.ts';
import type { ClusterProcessOptions, ProcessRole } from './cluster-process.ts';
import { ClusterProcess } from './cluster-process.ts';
import { readClusterRecord, writeClusterRecord } from './cluster-record.ts';
import type { ProcessLine } from './process-line.ts';

/** Flags for the processes of one role, after the launcher's own. */
export interface RoleFlags {
  readonly info?: readonly string[];
  readonly writeShard?: readonly string[];
  readonly readShard?: readonly string[];
}

export interface ClusterOptions {
  /** Number of write shards. */
  readonly shards: number;
  /** Read shards per write shard. */
  readonly replicas: number;
  /** One directory per process below it. Without it, or with `ephemeral`, nothing is kept. */
  readonly dataDirectory?: string | undefined;
  readonly ephemeral?: boolean | undefined;
  /** @default 7400; 0: a free one. */
  readonly infoPort?: number | undefined;
  /** First port of the shards, upwards; 0: free ones. @default infoPort + 10, or free ones when infoPort is 0 */
  readonly shardPort?: number | undefined;
  /** Where the processes listen. @default '127.0.0.1' */
  readonly host?: string | undefined;
  readonly settings?: RoleFlags | undefined;
  /** Added to the launcher's own environment. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Each process writes its lines to `<name>.log` in it. */
  readonly logDirectory?: string | undefined;
  /** Other files in place of the real binaries, for tests of the launcher. */
  readonly binaries?: Binaries | undefined;
  /** How long info may take until it listens. @default 15 s: it reads its database first, perhaps on a busy machine */
  readonly infoStartMs?: number | undefined;
  /** Ends the start: everything is killed, and startCluster rejects. */
  readonly signal?: AbortSignal | undefined;
  readonly onLine?: (process: ClusterProcess, line: ProcessLine) => void;
  /** A process changed its state. */
  readonly onChange?: (process: ClusterProcess) => void;
}

const defaultHost = '127.0.0.1';
const defaultInfoPort = 7400;
const shardPortDistance = 10;
const defaultInfoStartMs = 15_000;
/** A replica is started as soon as its write shard is registered; one that takes longer than this has failed. */
const replicaWaitMs = 10 * 60_000;
/** Processes of one machine: beyond this a mistyped number is likelier than a wish. */
const maxProcesses = 256;

/** What says who one process is; it must not reach all of them through the environment. */
const identityVariables = [
  'EDIS_ADVERTISE',
  'EDIS_DATA',
  'EDIS_EPHEMERAL',
  'EDIS_INFO',
  'EDIS_INITIAL_SHARDS',
  'EDIS_LISTEN',
  'EDIS_NODE',
  'EDIS_SHARD',
];

export class Cluster {
  readonly #options: ClusterOptions;
  readonly #binaries: Binaries;
  readonly #env: NodeJS.ProcessEnv;
  readonly #host: string;
  readonly #info: ClusterProcess;
  readonly #processes: ClusterProcess[] = [];
  /** The shards were there before: each has its name, whoever leads it. */
  readonly #isFormed: boolean;
  #nextShardPort: number;
  #addedCount = 0;
  #stopped: Promise<void> | undefined;

  /** Use {@link startCluster}. */
  constructor(options: ClusterOptions, isFormed: boolean) {
    checkCounts(options);
    this.#options = options;
    this.#isFormed = isFormed;
    this.#binaries = options.binaries ?? locateBinaries();
    this.#host = options.host ?? defaultHost;
    this.#env = childEnvironment(options.env);
    const infoPort = options.infoPort ?? defaultInfoPort;
    this.#nextShardPort = options.shardPort ?? (infoPort === 0 ? 0 : infoPort + shardPortDistance);
    const initialShards = ['--initial-shards', String(options.shards)];
    this.#info = this.#create('info', 'info', infoPort, [...initialShards, ...(options.settings?.info ?? [])]);
  }

  /** Where clients and further nodes find info: host:port. */
  get info(): string {
    return this.#info.address ?? `${this.#host}:${this.#options.infoPort ?? defaultInfoPort}`;
  }

  get processes(): readonly ClusterProcess[] {
    return this.#processes;
  }

  process(name: string): ClusterProcess {
    const found = this.#processes.find((process) => process.name === name);
    if (found !== undefined) return found;
    const names = this.#processes.map((process) => process.name).join(', ');
    throw new EdisError('usage', `there is no process ${name}; there are ${names}`);
  }

  /** Starts info and waits until it listens, then starts the write shards; replicas follow their write shard. */
  async start(): Promise<void> {
    const { dataDirectory, shards, replicas, settings } = this.#options;
    if (dataDirectory !== undefined) await makeDataDirectory(dataDirectory);
    await this.#info.start();
    await this.#info.waitFor('listening', this.#options.infoStartMs ?? defaultInfoStartMs);
    const writeShards = count(shards).map((n) =>
      this.#create(`write-shard-${n}`, 'write-shard', this.#takeShardPort(), [
        ...this.#infoFlags(),
        // Asked for by name, so that names, ports and shards count alike; left to info, whoever is first gets s1.
        '--shard',
        `s${n}`,
        ...(settings?.writeShard ?? []),
      ]),
    );
    const replicasByPrimary = new Map<ClusterProcess, ClusterProcess[]>();
    for (const [index, writeShard] of writeShards.entries()) {
      replicasByPrimary.set(
        writeShard,
        count(replicas).map((n) => this.#createReadShard(`read-shard-${index + 1}-${n}`)),
      );
    }
    await Promise.all(writeShards.map((writeShard) => writeShard.start()));
    for (const [index, [writeShard, followers]] of [...replicasByPrimary].entries()) {
      // Cannot reject: a failure shows in the state of the process, where waitReady finds it.
      void this.#startFollowers(writeShard, `s${index + 1}`, followers);
    }
  }

  /**
   * Resolves when every process serves, but for those that need a person first (`appeal`); rejects as soon as one has
   * ended, or at the timeout.
   */
  async waitReady(timeoutMs: number): Promise<void> {
    // The first failure ends the other waits too: their timers would keep the caller's process alive.
    const others = new AbortController();
    try {
      await Promise.all(this.#processes.map((process) => process.waitFor('settled', timeoutMs, others.signal)));
    } finally {
      others.abort();
    }
    const { dataDirectory, ephemeral, shards } = this.#options;
    if (dataDirectory !== undefined && ephemeral !== true) writeClusterRecord(dataDirectory, shards);
  }

  /** Starts one more replica: of the shard, or of the one that info chooses. Resolves when the process runs. */
  async addReadShard(shard?: string): Promise<ClusterProcess> {
    if (this.#stopped !== undefined) throw new EdisError('closed', 'the cluster was stopped');
    this.#addedCount += 1;
    const process = this.#createReadShard(`read-shard-added-${this.#addedCount}`);
    if (shard !== undefined) process.addFlags(['--shard', shard]);
    await process.start();
    return process;
  }

  /**
   * Drains everything, and leaves each shard as it is: whoever leads ends first and hands nothing over, so that its
   * followers have all that it acknowledged, and all of them are its members still. Then any one of them may lose its
   * disk. Info is last. What has not ended by then is killed. Idempotent.
   */
  stop(deadlineMs: number): Promise<void> {
    this.#stopped ??= this.#stop(deadlineMs);
    return this.#stopped;
  }

  /** Ends every process now. */
  kill(): void {
    for (const process of this.#processes) process.kill('SIGKILL');
  }

  async #stop(deadlineMs: number): Promise<void> {
    const timer = setTimeout(() => this.kill(), deadlineMs);
    try {
      await this.#end((process) => process.leading);
      await this.#end((process) => process.role !== 'info');
      await this.#end(() => true);
    } finally {
      clearTimeout(timer);
      this.kill();
      for (const process of this.#processes) process.closeLog();
    }
  }

  async #end(isMeant: (process: ClusterProcess) => boolean): Promise<void> {
    const meant = this.#processes.filter((process) => process.running && isMeant(process));
    for (const process of meant) process.end();
    await Promise.all(meant.map((process) => process.exited));
  }

  async #startFollowers(
    writeShard: ClusterProcess,
    shard: string,
    followers: readonly ClusterProcess[],
  ): Promise<void> {
    try {
      await writeShard.waitFor(this.#isFormed ? 'listening' : 'ready', replicaWaitMs);
      for (const follower of followers) {
        if (this.#stopped !== undefined) return;
        follower.addFlags(['--shard', shard]);
        await follower.start();
      }
    } catch {
      // The write shard ended or never became ready: its replicas stay `waiting`, and waitReady tells why.
    }
  }

  #create(name: string, role: ProcessRole, port: number, flags: readonly string[]): ClusterProcess {
    const { logDirectory, dataDirectory, ephemeral, onLine, onChange } = this.#options;
    const kept = dataDirectory !== undefined && ephemeral !== true;
    const options: ClusterProcessOptions = {
      name,
      role,
      binary: this.#binaries[role],
      flags: ['--node', name, ...(kept ? ['--data', join(dataDirectory, name)] : ['--ephemeral']), ...flags],
      host: this.#host,
      port,
      env: this.#env,
      ...(logDirectory === undefined ? {} : { logFile: join(logDirectory, `${name}.log`) }),
      ...(onLine === undefined ? {} : { onLine }),
      ...(onChange === undefined ? {} : { onChange }),
    };
    const process = new ClusterProcess(options);
    this.#processes.push(process);
    return process;
  }

  #createReadShard(name: string): ClusterProcess {
    const flags = [...this.#infoFlags(), ...(this.#options.settings?.readShard ?? [])];
    return this.#create(name, 'read-shard', this.#takeShardPort(), flags);
  }

  #infoFlags(): string[] {
    return ['--info', this.info];
  }

  #takeShardPort(): number {
    if (this.#nextShardPort === 0) return 0;
    const port = this.#nextShardPort;
    this.#nextShardPort += 1;
    return port;
  }
}

/** Starts a cluster. When it cannot be started, nothing is left running. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const cluster = new Cluster(options, checkData(options));
  const abort = () => cluster.kill();
  options.signal?.addEventListener('abort', abort, { once: true });
  try {
    await cluster.start();
  } catch (error) {
    await cluster.stop(0);
    throw EdisError.from(error);
  } finally {
    options.signal?.removeEventListener('abort', abort);
  }
  return cluster;
}

function checkCounts({ shards, replicas, infoPort, shardPort }: ClusterOptions): void {
  if (!Number.isInteger(shards) || shards < 1) {
    throw new EdisError('usage', `a cluster needs at least 1 shard, not ${shards}`);
  }
  if (!Number.isInteger(replicas) || replicas < 0) {
    throw new EdisError('usage', `a shard has 0 or more replicas, not ${replicas}`);
  }
  const processes = 1 + shards * (1 + replicas);
  if (processes > maxProcesses) {
    throw new EdisError('usage', `that would be ${processes} processes; one machine starts at most ${maxProcesses}`);
  }
  for (const port of [infoPort, shardPort]) {
    if (port !== undefined && (!Number.isInteger(port) || port < 0 || port + processes + shardPortDistance > 65_535)) {
      throw new EdisError('usage', `port ${port} leaves no room for the ports of ${processes} processes above it`);
    }
  }
}

/** Whether the cluster was formed there before. */
function checkData({ dataDirectory, ephemeral, shards }: ClusterOptions): boolean {
  if (dataDirectory === undefined || ephemeral === true) return false;
  const record = readClusterRecord(dataDirectory);
  if (record === undefined) return false;
  if (record.shards === shards) return true;
  throw new EdisError(
    'data-directory',
    `${dataDirectory} holds a cluster of ${record.shards} shards, not ${shards}; ` +
      `start it with ${record.shards} shards, or use another data directory`,
  );
}

function childEnvironment(added: Readonly<Record<string, string>> | undefined): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !identityVariables.includes(name));
  const environment: NodeJS.ProcessEnv = { ...allocatorEnvironment, ...Object.fromEntries(inherited), ...added };
  const { NODE_OPTIONS: options = '' } = environment;
  // Behind ours, so that what the user says there wins.
  return { ...environment, NODE_OPTIONS: `${collectorOptions} ${options}`.trimEnd() };
}

/**
 * What a write shard frees stays resident, a tenth of its memory, unless glibc is told otherwise: two heaps in place of
 * one per thread, and memory of its own for each block of a MiB or more, which goes back at once (by itself glibc
 * raises that bound to 32 MiB). Measured no slower. Other allocators ignore it.
 */
const allocatorEnvironment: NodeJS.ProcessEnv = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '1048576',
  MALLOC_TRIM_THRESHOLD_: '8388608',
};

/**
 * V8's young generation may grow to three times this many MiB and keeps it. Half of Node's default costs a load of a
 * million records a few percent of its speed and leaves a write shard 25 MB smaller.
 */
const collectorOptions = '--max-semi-space-size=8';

function count(total: number): number[] {
  return Array.from({ length: total }, (_, index) => index + 1);
}
