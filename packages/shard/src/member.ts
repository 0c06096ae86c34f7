import type {
  BatchRequest,
  BatchResponse,
  Configuration,
  MemberRole,
  NodeReport,
  NodeRole,
  NodeStats,
  Outcome,
  Registration,
  Topology,
} from '@edis/core';
import { EdisError, networkOf, pickEndpoint } from '@edis/core';
import type { Logger } from '@edis/process';
import { advertisedEndpoints } from '@edis/process';
import type { MessageStream, QueryHandlers, ReplicationHandlers, ShardHandlers } from '@edis/rpc';
import { RpcServer } from '@edis/rpc';
import type { Store } from '@edis/store';
import { Acknowledgements } from './acknowledgements.ts';
import { BatchRunner } from './batch-runner.ts';
import { BusyPoll } from './busy-poll.ts';
import type { ResponseHeader } from './client-stream.ts';
import { ClientStream } from './client-stream.ts';
import { ClientStreams } from './client-streams.ts';
import { Counters } from './counters.ts';
import { InfoSession } from './info-session.ts';
import type { MemberConfig } from './member-config.ts';
import { servingStats, storeStats } from './member-stats.ts';
import { Ownership } from './ownership.ts';
import { PrimarySide } from './primary-side.ts';
import { QueryService } from './query-service.ts';
import { Reader } from './reader.ts';
import { ReplicaSide } from './replica-side.ts';
import { CollectingSink } from './result-sink.ts';
import { WatchFeeds } from './watch-feeds.ts';

/** What the process hands in: everything that is not decided by the settings. */
export interface MemberSurroundings {
  readonly role: NodeRole;
  readonly node: string;
  readonly store: Store;
  readonly logger: Logger;
  readonly host: string;
  readonly pid: number;
  /** Random per process start: tells a restart from a reconnection. */
  readonly incarnation: number;
  readonly wallMs: () => number;
  readonly monotonicMs: () => number;
  readonly random: () => number;
}

const rateTickMs = 1000;

/** How often a draining node looks whether its writes are answered. */
const drainPollMs = 5;

type Side =
  | { readonly kind: 'primary'; readonly side: PrimarySide }
  | { readonly kind: 'replica'; readonly side: ReplicaSide };

/**
 * One member of a shard: a store, a server, a session with info, and the part that it plays.
 *
 * It wires; it decides nothing. Reads and writes go on with what was known last when info is away.
 */
export class Member {
  /** Resolves when the node must end. */
  readonly failed: Promise<EdisError>;
  readonly #config: MemberConfig;
  readonly #surroundings: MemberSurroundings;
  readonly #ownership = new Ownership();
  readonly #acknowledgements = new Acknowledgements();
  readonly #counters = new Counters();
  readonly #side: Side;
  readonly #reader: Reader;
  readonly #runner: BatchRunner;
  readonly #queries: QueryService;
  readonly #watchFeeds: WatchFeeds;
  readonly #server: RpcServer;
  readonly #session: InfoSession;
  readonly #streams: ClientStreams;
  #fail: (error: EdisError) => void = () => {};
  #port = 0;
  #ready = false;
  #closed = false;
  #knownEpoch = 0;
  #rateTimer: NodeJS.Timeout | undefined;

  constructor(config: MemberConfig, surroundings: MemberSurroundings) {
    this.#config = config;
    this.#surroundings = surroundings;
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
    const { store, logger, monotonicMs, wallMs } = surroundings;
    this.#streams = new ClientStreams(new BusyPoll(config.busyPollUs, monotonicMs), monotonicMs);
    this.#side = this.#makeSide();
    const { side } = this.#side;
    this.#reader = new Reader({
      store,
      role: side,
      acknowledgements: this.#acknowledgements,
      counters: this.#counters,
      sessionWaitMs: config.sessionWaitMs,
      monotonicMs,
      wallMs,
      onDamaged: (error) => logger.error({ event: 'damaged', reason: error.message }, 'a stored record is damaged'),
    });
    this.#runner = new BatchRunner({
      ownership: this.#ownership,
      reader: this.#reader,
      writer: this.#side.kind === 'primary' ? this.#side.side.writer : undefined,
      epoch: () => Math.max(this.#knownEpoch, side.epoch),
    });
    this.#queries = this.#makeQueries();
    this.#watchFeeds = this.#makeWatchFeeds();
    this.#server = new RpcServer({
      listen: config.listen,
      shard: this.#shardHandlers(),
      query: queryHandlers(this.#queries),
      feed: { watch: (stream) => this.#watchFeeds.watch(stream) },
      replication: replicationHandlers(side),
      onError: (error) => logger.error({ event: 'rpc-failed', reason: error.message }, 'a call failed inside'),
    });
    this.#session = new InfoSession({
      addresses: config.info,
      registration: () => this.#registration(),
      report: () => this.#report(),
      logger,
      random: surroundings.random,
      listener: {
        onRegistered: (cluster, shard) => this.#onRegistered(cluster, shard),
        onTopology: (topology) => this.#onTopology(topology),
        onConfiguration: (configuration, dialled) => this.#onConfiguration(configuration, dialled),
        onRefused: (error) => this.#fail(error),
      },
    });
  }

  async start(): Promise<void> {
    const { store, logger, node, role } = this.#surroundings;
    store.onSynced((position) => this.#onSynced(position));
    store.onFailed((error) => this.#onStoreFailed(error));
    this.#recall();
    const { port, address } = await this.#server.start();
    this.#port = port;
    logger.info({ event: 'listening', address, node, role }, 'listening');
    this.#rateTimer = setInterval(() => this.#tick(this.#surroundings.monotonicMs()), rateTickMs);
    if (this.#side.kind === 'primary') this.#side.side.start();
    this.#session.start();
    this.#updateReady();
  }

  /** Takes nothing new, answers what it has, makes everything durable. */
  async drain(): Promise<void> {
    await this.#session.leave();
    this.#server.setServing(false);
    if (this.#side.kind === 'primary') {
      const { writer } = this.#side.side;
      await this.#side.side.stop();
      while (!writer.idle && !this.#closed) {
        await new Promise<void>((resolve) => {
          setTimeout(resolve, drainPollMs);
        });
      }
      this.#side.side.endFeeds();
    }
    this.#watchFeeds.drain();
    this.#streams.end();
    await this.#server.drain(this.#config.drainMs / 2);
    await this.#surroundings.store.flush();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#rateTimer);
    this.#session.close();
    this.#reader.close();
    this.#queries.close();
    this.#watchFeeds.close();
    if (this.#side.kind === 'replica') this.#side.side.close();
    else await this.#side.side.stop();
    await this.#server.close();
    await this.#surroundings.store.close();
  }

  #tick(nowMs: number): void {
    this.#counters.tick(nowMs);
    this.#streams.figures.tick(nowMs);
  }

  #makeWatchFeeds(): WatchFeeds {
    const { store, logger, node, wallMs } = this.#surroundings;
    return new WatchFeeds({
      store,
      node,
      cluster: () => store.identity.cluster,
      shard: () => store.identity.shard,
      serving: () => (this.#side.kind === 'primary' ? this.#side.side.active : this.#side.side.serving),
      wallMs,
      onCount: (count) => {
        this.#counters.watchers = count;
      },
      onError: (error) => logger.error({ event: 'feed-failed', reason: error.message }, 'a change feed broke off'),
    });
  }

  #makeSide(): Side {
    const { store, logger, node, role, random, wallMs, monotonicMs } = this.#surroundings;
    const { queueOperations, queueBytes, overlayBytes, replicationDelayMs } = this.#config;
    if (role === 'write-shard') {
      const side = new PrimarySide({
        store,
        acknowledgements: this.#acknowledgements,
        counters: this.#counters,
        logger,
        queueOperations,
        queueBytes,
        overlayBytesMax: overlayBytes,
        wallMs,
        monotonicMs,
        clientCount: () => this.#streams.size,
        cluster: () => store.identity.cluster,
        shard: () => store.identity.shard,
        onActive: () => this.#updateReady(),
        onShown: () => this.#watchFeeds.onShown(),
      });
      return { kind: 'primary', side };
    }
    const side = new ReplicaSide({
      store,
      node,
      logger,
      replicationDelayMs,
      random,
      monotonicMs,
      serving: store.identity.serving,
      onShown: () => this.#onApplied(),
      onServing: () => this.#onServing(),
      onSnapshot: () => {
        this.#counters.snapshots += 1;
      },
    });
    return { kind: 'replica', side };
  }

  #makeQueries(): QueryService {
    const { store, logger, wallMs, monotonicMs } = this.#surroundings;
    const { side } = this.#side;
    return new QueryService({
      store,
      ownership: this.#ownership,
      role: side,
      epoch: () => Math.max(this.#knownEpoch, side.epoch),
      sessionWaitMs: this.#config.sessionWaitMs,
      node: this.#surroundings.node,
      wallMs,
      monotonicMs,
      onAnswered: () => {
        this.#counters.queries += 1;
      },
      onDamaged: (error) => logger.error({ event: 'damaged', reason: error.message }, 'a stored record is damaged'),
    });
  }

  /** A restarted node acts on what it knew last, so that it serves reads while info is away. */
  #recall(): void {
    const { identity } = this.#surroundings.store;
    if (identity.shard !== '') this.#ownership.onShard(identity.shard);
    if (identity.topology !== undefined) this.#learn(identity.topology, false);
    if (identity.configuration !== undefined && this.#side.kind === 'replica') {
      this.#follow(identity.configuration, this.#config.info[0] ?? '');
    }
  }

  #onRegistered(cluster: string, shard: string): void {
    this.#ownership.onShard(shard);
    this.#saveIdentity({ cluster, shard });
    this.#updateReady();
  }

  #onTopology(topology: Topology): void {
    this.#learn(topology, true);
    this.#saveIdentity({ topology });
    if (this.#side.kind === 'replica' && this.#surroundings.store.identity.configuration !== undefined) {
      this.#follow(this.#surroundings.store.identity.configuration, this.#config.info[0] ?? '');
    }
  }

  /** The log knows a keyspace before the first write of it is let in. */
  #learn(topology: Topology, fromInfo: boolean): void {
    if (this.#side.kind === 'primary') this.#side.side.onTopology(topology, fromInfo);
    this.#ownership.onTopology(topology);
  }

  #onConfiguration(configuration: Configuration, dialled: string): void {
    this.#knownEpoch = Math.max(this.#knownEpoch, configuration.epoch);
    this.#saveIdentity({ configuration });
    if (this.#side.kind === 'primary') this.#side.side.onConfiguration(configuration);
    else this.#follow(configuration, dialled);
  }

  #follow(configuration: Configuration, dialled: string): void {
    const { topology, shard } = this.#ownership;
    if (this.#side.kind !== 'replica' || topology === undefined || shard === '') return;
    const endpoint = pickEndpoint(configuration.primaryEndpoints, networkOf(topology, dialled));
    if (endpoint === undefined) return;
    this.#side.side.followTarget({
      address: endpoint.address,
      epoch: configuration.epoch,
      shard,
      cluster: topology.cluster,
    });
  }

  #saveIdentity(change: Parameters<Store['saveIdentity']>[0]): void {
    this.#surroundings.store.saveIdentity(change).catch((caught: EdisError) => this.#onStoreFailed(caught));
  }

  #onSynced(position: number): void {
    this.#side.side.onSynced(position);
    if (this.#side.kind === 'primary') this.#onApplied();
  }

  /** What the reads show moved on, or the role changed. */
  #onApplied(): void {
    this.#reader.onApplied();
    this.#queries.onApplied();
    this.#watchFeeds.onShown();
  }

  #onStoreFailed(error: EdisError): void {
    this.#surroundings.logger.fatal({ event: 'store-failed', reason: error.message }, 'out of service');
    if (this.#side.kind === 'primary') this.#side.side.onFailed(error);
    this.#fail(error);
  }

  #onServing(): void {
    this.#saveIdentity({ serving: true });
    this.#session.reportNow();
    this.#streams.greet();
    this.#updateReady();
  }

  /** Ready: registered once, and of use to clients. */
  #updateReady(): void {
    if (this.#ready || this.#port === 0 || this.#ownership.shard === '') return;
    if (!(this.#side.kind === 'primary' ? this.#side.side.active : this.#side.side.serving)) return;
    this.#ready = true;
    const { logger, node, role } = this.#surroundings;
    this.#server.setServing(true);
    this.#session.reportNow();
    logger.info({ event: 'ready', address: this.#address(), node, role, shard: this.#ownership.shard }, 'ready');
  }

  #address(): string {
    const endpoints = advertisedEndpoints(this.#config.advertise, this.#config.listen, this.#port);
    return endpoints[0]?.address ?? '';
  }

  #shardHandlers(): ShardHandlers {
    return {
      batch: (stream) => this.#onBatchStream(stream),
      execute: (request) => this.#execute(request),
      stats: () => this.#stats(),
    };
  }

  #onBatchStream(stream: MessageStream<BatchResponse, BatchRequest>): void {
    const client = new ClientStream(stream, this.#runner, () => this.#header(), this.#streams);
    this.#streams.add(client);
    client.greet();
  }

  #execute(request: BatchRequest): Promise<BatchResponse> {
    const { operations } = request;
    if (new Set(operations.map((operation) => operation.request)).size < operations.length) {
      const message = 'two operations have the same `request` number; give each its own';
      return Promise.reject(new EdisError('protocol', message));
    }
    return new Promise((resolve) => {
      const done = (outcomes: readonly Outcome[]): void => {
        const results = outcomes.map((outcome, index) => ({
          request: request.operations[index]?.request ?? 0,
          outcome,
        }));
        resolve({ ...this.#header(), results });
      };
      const sink = new CollectingSink(request.operations, done);
      const origin = { sink, batch: request };
      for (const operation of request.operations) this.#runner.run(operation, origin);
      sink.flush();
    });
  }

  #role(): MemberRole {
    return this.#side.kind === 'primary' ? 'primary' : this.#side.side.role;
  }

  #header(): ResponseHeader {
    const { node, store } = this.#surroundings;
    const state = this.#side.side.state();
    return {
      node,
      role: this.#role(),
      shard: this.#ownership.shard,
      epoch: state.applied.epoch,
      timestamp: this.#side.kind === 'primary' ? this.#side.side.timestamp : store.lastTimestamp,
      stalenessMs: state.stalenessMs,
    };
  }

  #registration(): Registration {
    const { store, node, role, host, pid, incarnation } = this.#surroundings;
    const { identity } = store;
    return {
      node,
      role,
      store: identity.store,
      cluster: identity.cluster,
      shard: this.#config.shard ?? identity.shard,
      endpoints: advertisedEndpoints(this.#config.advertise, this.#config.listen, this.#port),
      lastEntry: store.lastEntry,
      seenEpoch: Math.max(this.#knownEpoch, identity.configuration?.epoch ?? 0, store.lastEntry.epoch),
      host,
      pid,
      incarnation,
    };
  }

  #report(): NodeReport {
    const { store } = this.#surroundings;
    const state = this.#side.side.state();
    const replica = this.#side.kind === 'replica' ? this.#side.side : undefined;
    return {
      lastEntry: store.lastEntry,
      applied: state.applied,
      lagEntries: replica?.lagEntries ?? 0,
      lagMs: state.stalenessMs,
      serving: replica === undefined ? state.active : replica.serving,
      recordCount: store.recordCount,
      operationsPerSecond: this.#counters.operationsPerSecond,
    };
  }

  #stats(): NodeStats {
    const { store, node } = this.#surroundings;
    const { kind, side } = this.#side;
    return {
      node,
      shard: this.#ownership.shard,
      role: this.#role(),
      ...storeStats(store),
      ...servingStats(this.#counters, this.#streams.figures),
      queueOperations: kind === 'primary' ? side.queueOperations : 0,
      queueBytes: kind === 'primary' ? side.queueBytes : 0,
      followerCount: kind === 'primary' ? side.followerCount : 0,
      lagEntries: kind === 'replica' ? side.lagEntries : 0,
      stalenessMs: kind === 'replica' ? side.stalenessMs : 0,
      residentBytes: process.memoryUsage.rss(),
    };
  }
}

/** Handlers lose their object when they are handed on; the arrows keep it. */
function queryHandlers(queries: QueryService): QueryHandlers {
  return {
    scan: (request, signal) => queries.scan(request, signal),
    search: (request, signal) => queries.search(request, signal),
    aggregate: (request, signal) => queries.aggregate(request, signal),
  };
}

/** Handlers lose their object when they are handed on; the arrows keep it. */
function replicationHandlers(side: ReplicationHandlers): ReplicationHandlers {
  return {
    follow: (stream) => side.follow(stream),
    snapshot: (stream) => side.snapshot(stream),
    beacon: (stream) => side.beacon(stream),
  };
}
