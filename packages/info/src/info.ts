/**
 * The info role: serves the map to everybody, and decides about it while the store says that it is its turn.
 *
 * Guarantees: whatever leaves this process was durable before; receivers that do not read cost one missed map, never
 * memory; a failed save takes the process out of service. With several infos on one store, one decides; the others
 * stand by: they serve the map as it is stored, and answer changes and sessions with who decides. One that is cut off
 * from the store sends its receivers on, and takes those who come back: an old map is better than none. The map that a
 * receiver has never goes back when that changes.
 */
import type {
  ClusterDescription,
  ClusterOptions,
  ClusterState,
  InfoMessage,
  InfoNode,
  KeyspaceReply,
  KeyspaceSettings,
  NodeMessage,
  PromoteReply,
  PromoteWish,
  Timers,
  Topology,
  TopologyDelta,
  TopologyUpdate,
} from '@edis/core';
import { Cluster, deltaBetween, EdisError } from '@edis/core';
import type { Logger, RunningRole } from '@edis/process';
import { advertisedEndpoints } from '@edis/process';
import type { InfoHandlers, MessageStream, Network, NodeServer } from '@edis/rpc';
import type { InfoConfig } from './config.ts';
import { withSharedParts } from './shared-parts.ts';
import type { InfoStore } from './store.ts';
import { Tenure } from './tenure.ts';
import { TopologyFeed } from './topology-feed.ts';
import { describeChange } from './topology-log.ts';

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
  readonly network: Network;
  readonly timers: Timers;
  /** Any clock that does not go back. */
  nowMs(): number;
}

export class Info implements RunningRole, InfoHandlers {
  readonly failed: Promise<EdisError>;
  readonly #config: InfoConfig;
  readonly #around: InfoSurroundings;
  readonly #server: NodeServer;
  readonly #watchers = new Map<MessageStream<TopologyUpdate, never>, TopologyFeed>();
  /** Resolves when there is a map to serve. */
  readonly #firstMap: Promise<void>;
  #onFirstMap: () => void = () => undefined;
  #reportFailure: (error: EdisError) => void = () => undefined;
  /** While this info decides. */
  #tenure: Tenure | undefined;
  /** The newest map that is durable: what everybody may see. */
  #published: Topology | undefined;
  /** While another one decides: what is stored. */
  #stored: ClusterState | undefined;
  #self: InfoNode | undefined;
  #stopping = false;
  #closing: Promise<void> | undefined;

  constructor(config: InfoConfig, around: InfoSurroundings) {
    this.#config = config;
    this.#around = around;
    this.failed = new Promise((resolve) => {
      this.#reportFailure = resolve;
    });
    this.#firstMap = new Promise((resolve) => {
      this.#onFirstMap = resolve;
    });
    this.#server = around.network.serve({
      listen: config.listen,
      info: this,
      onError: (error) => around.logger.warn({ event: 'call-failed', code: error.code }, error.message),
    });
  }

  /** The topology that clients and nodes see. */
  get topology(): Topology {
    if (this.#published === undefined) throw new EdisError('unreachable', 'info is starting');
    return this.#published;
  }

  async start(): Promise<{ readonly port: number; readonly address: string }> {
    const config = this.#config;
    const around = this.#around;
    if (config.deadAfterMs < 2 * config.reportMs) {
      throw new EdisError(
        'usage',
        `--dead-after (${config.deadAfterMs} ms) must be at least twice --report (${config.reportMs} ms)`,
      );
    }
    const state = await around.store.load();
    // The port is needed for the endpoints, hence listening comes first; until the map is published calls are refused.
    const { port, address } = await this.#server.start();
    const self = this.#selfNode(state, port);
    this.#self = self;
    await around.store.join(self, {
      onActive: (stored, fencing) => this.#beginTenure(self, stored, fencing),
      onStandby: (error) => this.#loseTenure(error),
      onState: (stored) => this.#onStored(self, stored),
      onCutOff: (error) => this.#sendOn(error),
      onFailed: (error) => this.#fail(error),
    });
    const failure = await Promise.race([this.#firstMap, this.failed]);
    if (failure !== undefined) throw failure;
    this.#server.setServing(true);
    const facts = { address, node: self.node, role: 'info', cluster: this.topology.cluster };
    around.logger.info({ event: 'listening', ...facts }, 'listening');
    around.logger.info({ event: 'ready', ...facts }, 'ready');
    return { port, address };
  }

  /** Ends all streams, so that nodes and clients look for an info elsewhere or wait for this one's return. */
  async drain(): Promise<void> {
    this.#stop();
    for (const watcher of this.#watchers.keys()) watcher.end();
    this.#tenure?.endSessions(undefined);
    await this.#tenure?.idle();
    await this.#around.store.leave();
    await this.#server.drain(this.#config.drainMs);
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  session(stream: MessageStream<InfoMessage, NodeMessage>): void {
    const tenure = this.#tenure;
    if (this.#stopping || tenure?.serves !== true) this.#turnAway(stream, this.#refusal());
    else tenure.session(stream);
  }

  watchTopology(stream: MessageStream<TopologyUpdate, never>): void {
    if (this.#stopping || this.#published === undefined) {
      this.#turnAway(stream, notReady(this.#stopping));
      return;
    }
    if (this.#watchers.size >= maxWatchers) {
      this.#turnAway(stream, new EdisError('busy', `info has ${maxWatchers} watchers, which is the limit`));
      return;
    }
    const feed = new TopologyFeed(
      (update) => stream.send(update),
      () => this.topology,
    );
    this.#watchers.set(stream, feed);
    stream.listen({
      onMessage: () => undefined,
      onDrain: () => feed.drained(),
      onClose: () => {
        this.#watchers.delete(stream);
      },
    });
    feed.sendWhole(this.#published);
  }

  describeCluster(): ClusterDescription {
    if (this.#stopping) throw notReady(true);
    const tenure = this.#tenure;
    const self = this.#self;
    const stored = this.#stored;
    const { topology } = this;
    if (tenure?.serves === true) return { topology, reports: tenure.lastReports, waitsFor: tenure.waitsFor() };
    // What was reported is known where nodes report. What is missing in the map is missing for all.
    const waitsFor = self === undefined ? [] : new Cluster(this.#clusterOptions(self, stored, 0)).waitsFor();
    return { topology, reports: new Map(), waitsFor };
  }

  async createKeyspace(name: string, settings: KeyspaceSettings): Promise<KeyspaceReply> {
    return this.#deciding().createKeyspace(name, settings);
  }

  async dropKeyspace(name: string): Promise<KeyspaceReply> {
    return this.#deciding().dropKeyspace(name);
  }

  async promote(wish: PromoteWish): Promise<PromoteReply> {
    return this.#deciding().promote(wish);
  }

  #deciding(): Tenure {
    const tenure = this.#tenure;
    if (this.#stopping || tenure?.serves !== true) throw this.#refusal();
    return tenure;
  }

  /** Why a change or a session is not for this info now. */
  #refusal(): EdisError {
    if (this.#stopping || this.#published === undefined || this.#tenure !== undefined) return notReady(this.#stopping);
    const { deciding } = this.#around.store;
    return new EdisError(
      'unreachable',
      `${this.#self?.node ?? 'this info'} stands by and changes nothing; ${deciding}`,
    );
  }

  #turnAway<Out, In>(stream: MessageStream<Out, In>, error: EdisError): void {
    stream.listen({ onMessage: () => undefined, onClose: () => undefined });
    stream.cancel(error);
  }

  #clusterOptions(self: InfoNode, state: ClusterState | undefined, fencing: number): ClusterOptions {
    const { initialShards, reportMs, deadAfterMs, leaseMs, rollCallMs } = this.#config;
    const { newCluster } = this.#around;
    return { initialShards, reportMs, deadAfterMs, leaseMs, rollCallMs, fencing, self, newCluster, state };
  }

  #beginTenure(self: InfoNode, state: ClusterState | undefined, fencing: number): void {
    if (this.#stopping) return;
    const { store, logger } = this.#around;
    const tenure = new Tenure({
      options: this.#clusterOptions(self, state, fencing),
      store,
      logger,
      nowMs: () => this.#around.nowMs(),
      timers: this.#around.timers,
      forget: this.#config.forget,
      onBegun: (topology) => {
        if (this.#tenure === tenure) this.#publish(topology);
      },
      onStep: (topology, delta) => {
        if (this.#tenure === tenure) this.#publishStep(topology, delta);
      },
      onFailed: (error) => {
        if (this.#tenure === tenure) this.#fail(error);
      },
    });
    this.#tenure = tenure;
    this.#stored = undefined;
    if (fencing > 0) logger.info({ event: 'active', fencing }, 'this info decides from now on');
    // Never rejects: a failed save ends in `onFailed`.
    void tenure.begin();
  }

  #loseTenure(error: EdisError): void {
    const tenure = this.#tenure;
    this.#tenure = undefined;
    if (tenure === undefined) return;
    if (!this.#stopping) this.#around.logger.warn({ event: 'standby', code: error.code }, error.message);
    tenure.lose(error);
  }

  #sendOn(cause: EdisError): void {
    const watchers = [...this.#watchers.keys()];
    if (watchers.length === 0) return;
    const message = `this info hears of no changes (${cause.message}); another one may know more`;
    this.#around.logger.warn({ event: 'cut-off', code: cause.code, watchers: watchers.length }, message);
    const error = new EdisError('unreachable', message, { cause });
    for (const watcher of watchers) watcher.cancel(error);
  }

  #onStored(self: InfoNode, stored: ClusterState): void {
    if (this.#stopping || this.#tenure !== undefined) return;
    this.#stored = stored;
    const { topology } = stored;
    // Whoever reached this info has to find it in the map, to know the network that it is in.
    const isListed = topology.infos.some((info) => info.node === self.node);
    this.#publish(isListed ? topology : { ...topology, infos: [...topology.infos, self] });
  }

  /** A map that was not made here, or not out of the published one. */
  #publish(topology: Topology): void {
    const before = this.#published;
    if (before === undefined) {
      this.#published = topology;
      this.#onFirstMap();
    } else if (before.cluster !== topology.cluster) {
      this.#published = topology;
      for (const watcher of this.#watchers.values()) watcher.sendWhole(topology);
    } else if (before.revision < topology.revision) {
      const next = withSharedParts(before, topology);
      this.#publishStep(next, deltaBetween(before, next));
    }
  }

  #publishStep(topology: Topology, delta: TopologyDelta): void {
    for (const line of describeChange(this.topology, topology)) this.#around.logger.info(line.facts, line.text);
    this.#published = topology;
    for (const watcher of this.#watchers.values()) watcher.push(delta);
  }

  #selfNode(state: ClusterState | undefined, port: number): InfoNode {
    const config = this.#config;
    const around = this.#around;
    // The name in the map is that of whoever decided last: with several infos perhaps another one.
    const known = config.store === 'embedded' ? state?.topology.infos[0]?.node : undefined;
    return {
      node: config.node ?? known ?? around.newNode,
      endpoints: advertisedEndpoints(config.advertise, config.listen, port),
      host: around.host,
      pid: around.pid,
    };
  }

  #fail(error: EdisError): void {
    this.#stop();
    this.#server.setServing(false);
    this.#tenure?.rejectRequests(error);
    this.#reportFailure(error);
  }

  #stop(): void {
    this.#stopping = true;
    this.#tenure?.stop();
  }

  async #closeAll(): Promise<void> {
    this.#stop();
    await this.#server.close();
    await this.#tenure?.idle();
    this.#tenure?.rejectRequests(notReady(true));
    await this.#around.store.close();
  }
}

function notReady(stopping: boolean): EdisError {
  return new EdisError('unreachable', stopping ? 'info is ending' : 'info is starting');
}
