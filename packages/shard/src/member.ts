import type {
  BatchRequest,
  BatchResponse,
  Configuration,
  EdisError,
  NodeReport,
  NodeRole,
  NodeStats,
  Registration,
  Timers,
  Topology,
} from '@edis/core';
import type { Logger } from '@edis/process';
import { advertisedEndpoints } from '@edis/process';
import type { MessageStream, Network, NodeServer, ShardHandlers } from '@edis/rpc';
import type { Store } from '@edis/store';
import { BatchRunner } from './batch-runner.ts';
import { BusyPoll } from './busy-poll.ts';
import type { ResponseHeader } from './client-stream.ts';
import { ClientStream } from './client-stream.ts';
import { ClientStreams } from './client-streams.ts';
import { Counters } from './counters.ts';
import { CurrentSide } from './current-side.ts';
import { execute } from './execute.ts';
import { InfoSession } from './info-session.ts';
import type { MemberConfig } from './member-config.ts';
import { MemberGroup } from './member-group.ts';
import { queryHandlers, replicationHandlers } from './member-handlers.ts';
import { nodeReport, nodeStats } from './member-stats.ts';
import { Ownership } from './ownership.ts';
import { waitUntil } from './patience.ts';
import type { LeadingView } from './primary-side.ts';
import { PrimarySide } from './primary-side.ts';
import { QueryService } from './query-service.ts';
import { Reader } from './reader.ts';
import { ReplicaSide } from './replica-side.ts';
import { Retirement } from './retirement.ts';
import { WatchFeeds } from './watch-feeds.ts';
import { isLedByAnother, WatchLevel } from './watch-level.ts';

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
  /** Never shows more time than has passed: what this member owes to others ends by it. */
  readonly monotonicMs: () => number;
  /** Goes on in a suspend, where the system can tell: what this member may do, and how old it is, goes by it. */
  readonly continuousMs: () => number;
  readonly random: () => number;
  readonly network: Network;
  readonly timers: Timers;
}

const rateTickMs = 1000;

/** How often a promise that waits for the end of a lease is thought of again. */
const groupTickMs = 50;

/** How long a draining primary waits for another one to take over, and for its first entry. */
const handOverMs = 4000;

/** How often a draining node looks whether its writes are answered. */
const drainPollMs = 5;

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
  readonly #counters = new Counters();
  readonly #group: MemberGroup;
  readonly #replica: ReplicaSide;
  readonly #current: CurrentSide;
  readonly #reader: Reader;
  readonly #runner: BatchRunner;
  readonly #queries: QueryService;
  readonly #watchFeeds: WatchFeeds;
  readonly #server: NodeServer;
  readonly #session: InfoSession;
  readonly #streams: ClientStreams;
  #fail: (error: EdisError) => void = () => {};
  #port = 0;
  #ready = false;
  #closed = false;
  #isTopologyFresh = false;
  readonly #cancelTimers: (() => void)[] = [];

  constructor(config: MemberConfig, surroundings: MemberSurroundings) {
    this.#config = config;
    this.#surroundings = surroundings;
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
    const { store, logger, monotonicMs, wallMs } = surroundings;
    this.#streams = new ClientStreams(new BusyPoll(config.busyPollUs, monotonicMs), monotonicMs);
    this.#replica = this.#makeReplica();
    this.#current = new CurrentSide({ kind: 'replica', side: this.#replica });
    this.#group = new MemberGroup({
      store,
      logger,
      ownership: this.#ownership,
      replica: this.#replica,
      current: this.#current,
      monotonicMs,
      makePrimary: (configuration) => this.#makePrimary(configuration),
      say: (message) => this.#session.say(message),
      onSideChanged: () => this.#onSideChanged(),
      onPart: () => this.#updateReady(),
      onFailed: (error) => this.#onStoreFailed(error),
    });
    this.#reader = new Reader({
      store,
      role: this.#current,
      counters: this.#counters,
      sessionWaitMs: config.sessionWaitMs,
      timers: surroundings.timers,
      monotonicMs,
      wallMs,
      onDamaged: (error) => logger.error({ event: 'damaged', reason: error.message }, 'a stored record is damaged'),
    });
    this.#runner = new BatchRunner({
      ownership: this.#ownership,
      reader: this.#reader,
      writer: () => this.#current.primary?.writer,
      epoch: () => this.#epoch(),
    });
    this.#queries = this.#makeQueries();
    this.#watchFeeds = this.#makeWatchFeeds();
    this.#server = surroundings.network.serve({
      listen: config.listen,
      shard: this.#shardHandlers(),
      query: queryHandlers(this.#queries),
      feed: { watch: (stream) => this.#watchFeeds.watch(stream) },
      replication: replicationHandlers(this.#current),
      onError: (error) => logger.error({ event: 'rpc-failed', reason: error.message }, 'a call failed inside'),
    });
    this.#session = new InfoSession({
      addresses: config.info,
      registration: () => this.#registration(),
      report: () => this.#report(),
      fencing: () => store.identity.infoFencing,
      logger,
      network: surroundings.network,
      timers: surroundings.timers,
      random: surroundings.random,
      listener: {
        onRegistered: (cluster, shard, fencing) => this.#onRegistered(cluster, shard, fencing),
        onEnded: () => this.#group.onSession(),
        onTopology: (topology, dialled) => this.#onTopology(topology, dialled),
        onConfiguration: (configuration, dialled, fresh) => this.#group.onConfiguration(configuration, dialled, fresh),
        onPrepare: (prepare) => this.#group.onPrepare(prepare),
        onHandOver: (epoch, to) => this.#current.primary?.handOver(epoch, to),
        onProposalRefused: (epoch) => this.#current.primary?.onProposalRefused(epoch),
        onRefused: (error) => this.#fail(error),
      },
    });
  }

  /** What it leads with, for whoever watches it from outside; undefined: it is a replica. */
  get leading(): LeadingView | undefined {
    return this.#current.primary?.leading;
  }

  async start(): Promise<void> {
    const { store, logger, node, role, timers, monotonicMs } = this.#surroundings;
    store.onSynced((position) => this.#onSynced(position));
    store.onFailed((error) => this.#onStoreFailed(error));
    this.#recall();
    const { port, address } = await this.#server.start();
    this.#port = port;
    logger.info({ event: 'listening', address, node, role }, 'listening');
    this.#cancelTimers.push(
      timers.every(rateTickMs, () => this.#tick(monotonicMs())),
      timers.every(groupTickMs, () => this.#group.tick()),
    );
    this.#session.start();
    this.#updateReady();
  }

  /** Hands over if it leads and others go on, takes nothing new, answers what it has, makes everything durable. */
  async drain(withCluster = false): Promise<void> {
    if (!withCluster) await this.#retire();
    await this.#session.leave();
    this.#server.setServing(false);
    const { primary } = this.#current;
    if (primary !== undefined) {
      await primary.stop();
      await this.#until(() => primary.writer.idle, this.#config.drainMs);
      primary.endFollowing();
    }
    this.#watchFeeds.drain();
    this.#streams.end();
    await this.#server.drain(this.#config.drainMs / 2);
    await this.#surroundings.store.flush();
  }

  /** A primary with other members lets one of them take over first, so that no client sees an error. */
  async #retire(): Promise<void> {
    const members = this.#group.configuration?.members.length ?? 0;
    if (this.#current.primary?.active !== true || members < 2) return;
    const { logger, monotonicMs } = this.#surroundings;
    logger.info({ event: 'retiring' }, 'another member is to be the primary');
    const retirement = new Retirement({
      followerCount: () => this.#current.primary?.followerCount,
      isLevel: () => this.#replica.isLevel,
      say: () => this.#session.say({ kind: 'retire' }),
      monotonicMs,
    });
    await this.#until(() => retirement.isOver(), Math.min(handOverMs, this.#config.drainMs / 2));
  }

  #until(condition: () => boolean, timeoutMs: number): Promise<void> {
    const { timers, monotonicMs } = this.#surroundings;
    const patience = { timers, monotonicMs, timeoutMs, pollMs: drainPollMs };
    return waitUntil(() => this.#closed || condition(), patience);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const cancel of this.#cancelTimers) cancel();
    this.#group.close();
    this.#session.close();
    this.#reader.close();
    this.#queries.close();
    this.#watchFeeds.close();
    this.#replica.close();
    this.#current.primary?.abandon();
    await this.#server.close();
    await this.#surroundings.store.close();
  }

  #tick(nowMs: number): void {
    this.#counters.tick(nowMs);
    this.#streams.figures.tick(nowMs);
    this.#watchFeeds.look();
  }

  #makeWatchFeeds(): WatchFeeds {
    const { store, logger, node, timers, wallMs } = this.#surroundings;
    return new WatchFeeds({
      store,
      timers,
      node,
      cluster: () => store.identity.cluster,
      shard: () => store.identity.shard,
      serving: () => this.#current.serving,
      level: new WatchLevel({
        stalenessMs: () => this.#current.state().stalenessMs,
        leaseMs: () => this.#group.configuration?.leaseMs ?? 0,
        isLedByAnother: () => isLedByAnother(this.#ownership.topology, store.identity.shard, store.identity.store),
      }),
      wallMs,
      onCount: (count) => {
        this.#counters.watchers = count;
      },
      onError: (error) => logger.error({ event: 'feed-failed', reason: error.message }, 'a change feed broke off'),
    });
  }

  #makePrimary(configuration: Configuration): PrimarySide {
    const { store, logger, timers, wallMs, continuousMs } = this.#surroundings;
    const { queueOperations, queueBytes, overlayBytes } = this.#config;
    return new PrimarySide({
      store,
      configuration,
      counters: this.#counters,
      logger,
      timers,
      queueOperations,
      queueBytes,
      overlayBytesMax: overlayBytes,
      wallMs,
      monotonicMs: continuousMs,
      clientCount: () => this.#streams.size,
      cluster: () => store.identity.cluster,
      shard: () => store.identity.shard,
      onActive: (epoch) => this.#onActive(epoch),
      onShown: () => this.#watchFeeds.onShown(),
      onPropose: (proposal) => this.#group.say({ kind: 'propose', proposal }),
      onHandedOver: (epoch, to) => this.#group.say({ kind: 'handed-over', epoch, to }),
    });
  }

  #makeReplica(): ReplicaSide {
    const { store, logger, node, network, timers, random, continuousMs, wallMs } = this.#surroundings;
    return new ReplicaSide({
      store,
      node,
      logger,
      network,
      timers,
      replicationDelayMs: this.#config.replicationDelayMs,
      random,
      monotonicMs: continuousMs,
      wallMs,
      serving: store.identity.serving,
      onShown: () => this.#onApplied(),
      onServing: () => this.#onServing(),
      onLease: (primary, beacon) => this.#group.onBeacon(primary, beacon),
      onSnapshot: () => {
        this.#counters.snapshots += 1;
      },
    });
  }

  #makeQueries(): QueryService {
    const { store, logger, timers, wallMs, monotonicMs } = this.#surroundings;
    return new QueryService({
      store,
      timers,
      ownership: this.#ownership,
      role: this.#current,
      epoch: () => this.#epoch(),
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
    this.#group.start(this.#config.info[0] ?? '');
  }

  #onRegistered(cluster: string, shard: string, infoFencing: number): void {
    this.#group.onSession();
    this.#ownership.onShard(shard);
    this.#saveIdentity({ cluster, shard, infoFencing });
    this.#updateReady();
  }

  #onTopology(topology: Topology, dialled: string): void {
    this.#learn(topology, true);
    this.#watchSave(this.#surroundings.store.saveIdentitySoon({ topology }));
    this.#group.onTopology(dialled);
  }

  /** The log knows a keyspace before the first write of it is let in. */
  #learn(topology: Topology, fromInfo: boolean): void {
    this.#current.primary?.onTopology(topology, fromInfo);
    this.#isTopologyFresh ||= fromInfo;
    this.#ownership.onTopology(topology);
  }

  /** It became the primary, or is it no longer. */
  #onSideChanged(): void {
    const { primary } = this.#current;
    const { topology } = this.#ownership;
    if (primary !== undefined && topology !== undefined) primary.onTopology(topology, this.#isTopologyFresh);
    this.#onApplied();
    this.#streams.greet();
    this.#session.reportNow();
  }

  #onActive(epoch: number): void {
    this.#surroundings.logger.info({ event: 'active', epoch }, 'the primary of its shard');
    // What it has now, it may serve as a replica later.
    this.#saveIdentity({ serving: true });
    this.#session.reportNow();
    this.#streams.greet();
    this.#updateReady();
  }

  #epoch(): number {
    return Math.max(this.#group.knownEpoch, this.#current.epoch);
  }

  #saveIdentity(change: Parameters<Store['saveIdentity']>[0]): void {
    this.#watchSave(this.#surroundings.store.saveIdentity(change));
  }

  #watchSave(saved: Promise<void>): void {
    saved.catch((caught: EdisError) => this.#onStoreFailed(caught));
  }

  #onSynced(position: number): void {
    this.#current.now.side.onSynced(position);
    if (this.#current.primary !== undefined) this.#onApplied();
  }

  /** What the reads show moved on, or the role changed. */
  #onApplied(): void {
    this.#reader.onApplied();
    this.#queries.onApplied();
    this.#watchFeeds.onShown();
  }

  #onStoreFailed(error: EdisError): void {
    this.#surroundings.logger.fatal({ event: 'store-failed', reason: error.message }, 'out of service');
    this.#current.primary?.onFailed(error);
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
    if (!this.#current.serving || this.#group.isWaiting) return;
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
      execute: (request) => execute(request, this.#runner, () => this.#header()),
      stats: () => this.#stats(),
    };
  }

  #onBatchStream(stream: MessageStream<BatchResponse, BatchRequest>): void {
    const client = new ClientStream(stream, this.#runner, () => this.#header(), this.#streams);
    this.#streams.add(client);
    client.greet();
  }

  #header(): ResponseHeader {
    const { node, store } = this.#surroundings;
    const state = this.#current.state();
    return {
      node,
      role: this.#current.role,
      shard: this.#ownership.shard,
      epoch: state.applied.epoch,
      timestamp: this.#current.primary?.timestamp ?? store.lastTimestamp,
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
      seenEpoch: Math.max(this.#group.knownEpoch, store.lastEntry.epoch),
      host,
      pid,
      incarnation,
      promisedEpoch: this.#group.promisedEpoch,
    };
  }

  #report(): NodeReport {
    const { store } = this.#surroundings;
    return nodeReport({ store, counters: this.#counters, current: this.#current, group: this.#group });
  }

  #stats(): NodeStats {
    const { store, node } = this.#surroundings;
    const { shard } = this.#ownership;
    const { figures } = this.#streams;
    return nodeStats({ store, node, shard, counters: this.#counters, current: this.#current, figures });
  }
}
