/**
 * The info role: runs the cluster machine on a store, a server and a clock.
 *
 * Guarantees: whatever leaves this process was durable before (see core/cluster for the order of effects); receivers
 * that do not read cost one missed map, never memory; a failed save takes the process out of service. Once it drains it
 * hears nothing more: nodes that leave because info ends must not go down in the store as dead.
 */
import type {
  ClusterDescription,
  ClusterState,
  InfoMessage,
  InfoNode,
  KeyspaceReply,
  KeyspaceSettings,
  NodeMessage,
  SessionId,
  Topology,
  TopologyUpdate,
} from '@edis/core';
import { Cluster, EdisError, unreachable, waitsFor } from '@edis/core';
import type { Logger, RunningRole } from '@edis/process';
import { advertisedEndpoints } from '@edis/process';
import type { InfoHandlers, MessageStream } from '@edis/rpc';
import { RpcServer } from '@edis/rpc';
import type { InfoConfig } from './config.ts';
import type { VisibleEffect } from './effect-runner.ts';
import { EffectRunner } from './effect-runner.ts';
import { KeyspaceRequests } from './keyspace-requests.ts';
import { NodeSession } from './node-session.ts';
import type { InfoStore } from './store.ts';
import { TopologyFeed } from './topology-feed.ts';
import { describeChange } from './topology-log.ts';

/** One per node; the topology holds at most as many members. */
const maxSessions = 65_536;
/** One per client process; each costs a stream and little else. */
const maxWatchers = 65_536;

/** What the role needs of the world around it. */
export interface InfoSurroundings {
  readonly store: InfoStore;
  readonly logger: Logger;
  /** Name for an info that has none yet. */
  readonly newNode: string;
  /** Identity for a cluster that does not exist yet. */
  readonly newCluster: string;
  readonly host: string;
  readonly pid: number;
  /** Any clock that does not go back. */
  nowMs(): number;
}

export class Info implements RunningRole, InfoHandlers {
  readonly failed: Promise<EdisError>;
  private readonly config: InfoConfig;
  private readonly around: InfoSurroundings;
  private readonly server: RpcServer;
  private readonly runner: EffectRunner;
  private readonly sessions = new Map<SessionId, NodeSession>();
  private readonly watchers = new Map<MessageStream<TopologyUpdate, never>, TopologyFeed>();
  private readonly keyspaceRequests = new KeyspaceRequests();
  private reportFailure: (error: EdisError) => void = () => undefined;
  private cluster: Cluster | undefined;
  /** The newest map that is durable: what everybody may see. */
  private published: Topology | undefined;
  private ticking: NodeJS.Timeout | undefined;
  private nextSession = 0;
  private stopping = false;
  private failure: EdisError | undefined;
  private closing: Promise<void> | undefined;

  constructor(config: InfoConfig, around: InfoSurroundings) {
    this.config = config;
    this.around = around;
    this.failed = new Promise((resolve) => {
      this.reportFailure = resolve;
    });
    this.runner = new EffectRunner({
      save: (state) => this.around.store.save(state),
      show: (effect) => this.show(effect),
      failed: (error) => this.fail(error),
    });
    this.server = new RpcServer({
      listen: config.listen,
      info: this,
      onError: (error) => around.logger.warn({ event: 'call-failed', code: error.code }, error.message),
    });
  }

  /** The topology that clients and nodes see. */
  get topology(): Topology {
    if (this.published === undefined) throw new EdisError('unreachable', 'info is starting');
    return this.published;
  }

  async start(): Promise<{ readonly port: number; readonly address: string }> {
    const { config, around } = this;
    if (config.deadAfterMs < 2 * config.reportMs) {
      throw new EdisError(
        'usage',
        `--dead-after (${config.deadAfterMs} ms) must be at least twice --report (${config.reportMs} ms)`,
      );
    }
    const state = await around.store.load();
    // The port is needed for the endpoints, hence listening comes first; until the map is published calls are refused.
    const { port, address } = await this.server.start();
    const cluster = new Cluster({
      initialShards: config.initialShards,
      reportMs: config.reportMs,
      deadAfterMs: config.deadAfterMs,
      self: this.selfNode(state, port),
      newCluster: around.newCluster,
      state,
    });
    this.cluster = cluster;
    this.runner.run(cluster.start(around.nowMs()));
    await this.runner.idle();
    if (this.failure !== undefined) throw this.failure;
    this.published = cluster.state.topology;
    this.ticking = setInterval(() => this.runner.run(cluster.tick(around.nowMs())), config.reportMs);
    this.server.setServing(true);
    const facts = { address, node: this.published.infos[0]?.node, role: 'info', cluster: this.published.cluster };
    around.logger.info({ event: 'listening', ...facts }, 'listening');
    around.logger.info({ event: 'ready', ...facts }, 'ready');
    return { port, address };
  }

  /** Ends all streams, so that nodes and clients look for an info elsewhere or wait for this one's return. */
  async drain(): Promise<void> {
    this.stop();
    for (const watcher of this.watchers.keys()) watcher.end();
    for (const session of this.sessions.values()) session.end(undefined);
    await this.server.drain(this.config.drainMs);
    await this.runner.idle();
  }

  close(): Promise<void> {
    this.closing ??= this.closeAll();
    return this.closing;
  }

  session(stream: MessageStream<InfoMessage, NodeMessage>): void {
    const { cluster } = this;
    if (this.stopping || cluster === undefined || this.published === undefined) {
      this.turnAway(stream);
      return;
    }
    if (this.sessions.size >= maxSessions) {
      stream.listen({ onMessage: () => undefined, onClose: () => undefined });
      stream.cancel(new EdisError('busy', `info has ${maxSessions} sessions, which is the limit`));
      return;
    }
    const id = ++this.nextSession;
    const session = new NodeSession(stream, () => this.topology);
    this.sessions.set(id, session);
    cluster.onOpen(id, this.around.nowMs());
    stream.listen({
      onMessage: (message) => this.onMessage(cluster, id, message),
      onDrain: () => session.drained(),
      onClose: () => {
        this.sessions.delete(id);
        if (!this.stopping) this.runner.run(cluster.onDisconnect(id));
      },
    });
  }

  watchTopology(stream: MessageStream<TopologyUpdate, never>): void {
    if (this.stopping || this.published === undefined) {
      this.turnAway(stream);
      return;
    }
    if (this.watchers.size >= maxWatchers) {
      stream.listen({ onMessage: () => undefined, onClose: () => undefined });
      stream.cancel(new EdisError('busy', `info has ${maxWatchers} watchers, which is the limit`));
      return;
    }
    const feed = new TopologyFeed(
      (update) => stream.send(update),
      () => this.topology,
    );
    this.watchers.set(stream, feed);
    stream.listen({
      onMessage: () => undefined,
      onDrain: () => feed.drained(),
      onClose: () => {
        this.watchers.delete(stream);
      },
    });
    feed.sendWhole(this.published);
  }

  describeCluster(): ClusterDescription {
    const { lastReports } = this.servingCluster();
    const { topology } = this;
    return { topology, reports: lastReports, waitsFor: waitsFor(topology) };
  }

  async createKeyspace(name: string, settings: KeyspaceSettings): Promise<KeyspaceReply> {
    const cluster = this.servingCluster();
    return this.keyspaceRequests.ask((request) => this.runner.run(cluster.onCreateKeyspace(request, name, settings)));
  }

  async dropKeyspace(name: string): Promise<KeyspaceReply> {
    const cluster = this.servingCluster();
    return this.keyspaceRequests.ask((request) => this.runner.run(cluster.onDropKeyspace(request, name)));
  }

  private servingCluster(): Cluster {
    if (this.stopping || this.cluster === undefined || this.published === undefined) throw notReady(this.stopping);
    return this.cluster;
  }

  private onMessage(cluster: Cluster, session: SessionId, message: NodeMessage): void {
    if (this.stopping) return;
    const nowMs = this.around.nowMs();
    switch (message.kind) {
      case 'register':
        this.runner.run(cluster.onRegister(session, message.registration, nowMs));
        return;
      case 'report':
        this.runner.run(cluster.onReport(session, message.report, nowMs));
        return;
      case 'leave':
        this.runner.run(cluster.onLeave(session));
        return;
    }
    unreachable(message);
  }

  private turnAway<Out, In>(stream: MessageStream<Out, In>): void {
    stream.listen({ onMessage: () => undefined, onClose: () => undefined });
    stream.cancel(notReady(this.stopping));
  }

  private show(effect: VisibleEffect): void {
    switch (effect.kind) {
      case 'send':
        this.logMessage(effect.session, effect.message);
        this.sessions.get(effect.session)?.send(effect.message);
        return;
      case 'end-session':
        this.sessions.get(effect.session)?.end(effect.error);
        return;
      case 'reply':
        this.keyspaceRequests.settle(effect);
        return;
      case 'broadcast':
        for (const line of describeChange(this.topology, effect.topology))
          this.around.logger.info(line.facts, line.text);
        this.published = effect.topology;
        for (const watcher of this.watchers.values()) watcher.push(effect.delta);
        for (const session of this.sessions.values()) session.push(effect.delta);
        return;
    }
    unreachable(effect);
  }

  private logMessage(session: SessionId, message: InfoMessage): void {
    if (message.kind === 'refused') {
      const { cause } = message;
      // A read shard that comes before the cluster is formed asks again and again; the others want an operator.
      const level = cause === 'no-such-shard' ? 'debug' : 'warn';
      this.around.logger[level]({ event: 'refused', session, cause }, message.message);
    } else if (message.kind === 'registered') {
      this.around.logger.info({ event: 'registered', session, shard: message.shard }, 'node registered');
    }
  }

  private selfNode(state: ClusterState | undefined, port: number): InfoNode {
    const { config, around } = this;
    return {
      node: config.node ?? state?.topology.infos[0]?.node ?? around.newNode,
      endpoints: advertisedEndpoints(config.advertise, config.listen, port),
      host: around.host,
      pid: around.pid,
    };
  }

  private fail(error: EdisError): void {
    this.stop();
    this.failure = error;
    this.server.setServing(false);
    this.keyspaceRequests.rejectAll(error);
    this.reportFailure(error);
  }

  private stop(): void {
    this.stopping = true;
    clearInterval(this.ticking);
  }

  private async closeAll(): Promise<void> {
    this.stop();
    await this.server.close();
    await this.runner.idle();
    this.keyspaceRequests.rejectAll(notReady(true));
    await this.around.store.close();
  }
}

function notReady(stopping: boolean): EdisError {
  return new EdisError('unreachable', stopping ? 'info is ending' : 'info is starting');
}
