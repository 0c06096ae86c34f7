/**
 * The time in which this info decides: the cluster machine on the store, with the sessions of the nodes.
 *
 * Guarantees: what leaves was durable before (see core/cluster for the order of effects), and nothing leaves once
 * this info may act no longer: a store with several infos says so by `isActive`, at every single effect. After `end`
 * it hears and says nothing: nodes that lose their sessions then must not go down in the store as dead.
 */
import type {
  ClusterOptions,
  ClusterState,
  InfoMessage,
  KeyspaceReply,
  KeyspaceSettings,
  NodeMessage,
  NodeReport,
  PromoteReply,
  PromoteWish,
  SessionId,
  StoreId,
  Timers,
  Topology,
  TopologyDelta,
} from '@edis/core';
import { AttentiveClock, Cluster, EdisError, unreachable } from '@edis/core';
import type { Logger } from '@edis/process';
import type { MessageStream } from '@edis/rpc';
import type { VisibleEffect } from './effect-runner.ts';
import { EffectRunner } from './effect-runner.ts';
import { KeyspaceRequests } from './keyspace-requests.ts';
import { NodeSession } from './node-session.ts';
import type { InfoStore } from './store.ts';

/** One per node; the topology holds at most as many members. */
const maxSessions = 65_536;
/** A promotion goes on in steps of that; liveness needs less. */
const maxTickMs = 50;
/** A gap of more ticks than that is a standstill of this process, and so is one of that share of `--dead-after`. */
const maxGapTicks = 4;
const maxGapShare = 0.25;

export interface TenureParts {
  readonly options: ClusterOptions;
  readonly store: Pick<InfoStore, 'save' | 'isActive'>;
  readonly logger: Logger;
  readonly timers: Timers;
  /** Nodes that never come back, says the operator, at each start. */
  readonly forget: readonly string[];
  /** Any clock that does not go back. */
  nowMs(): number;
  /** The first map that is durable. */
  onBegun(topology: Topology): void;
  /** A step of the map, durable. */
  onStep(topology: Topology, delta: TopologyDelta): void;
  /** A save has failed: memory is ahead of the disk, and nothing more is shown. */
  onFailed(error: EdisError): void;
}

export class Tenure {
  readonly #parts: TenureParts;
  readonly #clock: AttentiveClock;
  readonly #tickMs: number;
  readonly #cluster: Cluster;
  readonly #runner: EffectRunner;
  readonly #sessions = new Map<SessionId, NodeSession>();
  readonly #keyspaceRequests = new KeyspaceRequests();
  #published: Topology | undefined;
  #stopTicking: () => void = () => undefined;
  #nextSession = 0;
  #ended = false;
  /** Somebody else decides. */
  #lost = false;

  constructor(parts: TenureParts) {
    this.#parts = parts;
    const { reportMs, deadAfterMs } = parts.options;
    this.#tickMs = Math.min(maxTickMs, reportMs);
    this.#clock = new AttentiveClock(parts.nowMs(), Math.min(maxGapTicks * this.#tickMs, maxGapShare * deadAfterMs));
    this.#cluster = new Cluster(parts.options);
    this.#runner = new EffectRunner({
      save: (state) => this.#save(state),
      show: (effect) => this.#show(effect),
      failed: (error) => this.#fail(error),
    });
  }

  /** Whether nodes may register: its first map is durable, and it has not ended. */
  get serves(): boolean {
    return this.#published !== undefined && !this.#ended;
  }

  /** What each store reported last, since this info began to decide. */
  get lastReports(): ReadonlyMap<StoreId, NodeReport> {
    return this.#cluster.lastReports;
  }

  waitsFor(): readonly string[] {
    return this.#cluster.waitsFor();
  }

  async begin(): Promise<void> {
    const cluster = this.#cluster;
    const parts = this.#parts;
    this.#runner.run(cluster.start(this.#nowMs()));
    this.#forget(parts.forget);
    await this.#runner.idle();
    if (this.#ended) return;
    this.#published = cluster.state.topology;
    this.#stopTicking = parts.timers.every(this.#tickMs, () => this.#runner.run(cluster.tick(this.#nowMs())));
    parts.onBegun(this.#published);
  }

  session(stream: MessageStream<InfoMessage, NodeMessage>): void {
    const cluster = this.#cluster;
    if (this.#sessions.size >= maxSessions) {
      stream.listen({ onMessage: () => undefined, onClose: () => undefined });
      stream.cancel(new EdisError('busy', `info has ${maxSessions} sessions, which is the limit`));
      return;
    }
    const id = ++this.#nextSession;
    const session = new NodeSession(stream, () => this.#topology);
    this.#sessions.set(id, session);
    stream.listen({
      onMessage: (message) => {
        if (!this.#ended) this.#runner.run(cluster.onMessage(id, message, this.#nowMs()));
      },
      onDrain: () => session.drained(),
      onClose: () => {
        this.#sessions.delete(id);
        if (!this.#ended) this.#runner.run(cluster.onDisconnect(id, this.#nowMs()));
      },
    });
    cluster.onOpen(id, this.#nowMs());
  }

  createKeyspace(name: string, settings: KeyspaceSettings): Promise<KeyspaceReply> {
    return this.#keyspaceRequests.ask((request) =>
      this.#runner.run(this.#cluster.onCreateKeyspace(request, name, settings)),
    );
  }

  dropKeyspace(name: string): Promise<KeyspaceReply> {
    return this.#keyspaceRequests.ask((request) => this.#runner.run(this.#cluster.onDropKeyspace(request, name)));
  }

  promote(wish: PromoteWish): PromoteReply {
    const { reply, effects } = this.#cluster.onPromote(wish, this.#nowMs());
    this.#parts.logger.info({ event: 'promote-asked', ...wish, answer: reply.kind }, 'another primary is asked for');
    this.#runner.run(effects);
    return reply;
  }

  /** Hears nothing more. What it has begun to save is saved and told to those who asked for it. */
  stop(): void {
    this.#ended = true;
    this.#stopTicking();
  }

  /** Somebody else decides from now on: says nothing more, saves nothing more. */
  lose(error: EdisError): void {
    this.stop();
    this.#lost = true;
    this.#keyspaceRequests.rejectAll(error);
    this.endSessions(error);
  }

  /** Ends all sessions, so that nodes look for the info that decides now; with the error if there is one. */
  endSessions(error: EdisError | undefined): void {
    for (const session of this.#sessions.values()) session.end(error);
  }

  /** Resolves when all that was begun is saved and told. */
  idle(): Promise<void> {
    return this.#runner.idle();
  }

  /** Whoever still waits for an answer gets the error. */
  rejectRequests(error: EdisError): void {
    this.#keyspaceRequests.rejectAll(error);
  }

  #forget(nodes: readonly string[]): void {
    const { outcomes, effects } = this.#cluster.onForget(nodes);
    const { logger } = this.#parts;
    for (const { node, refused } of outcomes) {
      if (refused === undefined) logger.warn({ event: 'forgotten', node }, 'a node is forgotten: it never comes back');
      else logger.warn({ event: 'not-forgotten', node, reason: refused }, `a node is not forgotten: ${refused}`);
    }
    this.#runner.run(effects.filter((effect) => effect.kind !== 'broadcast'));
  }

  /** What it waits for counts only while it listens: its first look after a standstill decides nothing. */
  #nowMs(): number {
    return this.#clock.at(this.#parts.nowMs());
  }

  get #topology(): Topology {
    if (this.#published === undefined) throw new EdisError('internal', 'a session before the first map');
    return this.#published;
  }

  #save(state: ClusterState): Promise<void> {
    if (!this.#lost) return this.#parts.store.save(state);
    return Promise.reject(new EdisError('unreachable', 'this info decides no longer'));
  }

  #show(effect: VisibleEffect): void {
    // If only the store knows so far, it is about to say so.
    if (this.#lost || !this.#parts.store.isActive) return;
    switch (effect.kind) {
      case 'send':
        this.#logMessage(effect.session, effect.message);
        this.#sessions.get(effect.session)?.send(effect.message);
        return;
      case 'end-session':
        this.#sessions.get(effect.session)?.end(effect.error);
        return;
      case 'reply':
        this.#keyspaceRequests.settle(effect);
        return;
      case 'broadcast':
        this.#published = effect.topology;
        this.#parts.onStep(effect.topology, effect.delta);
        for (const session of this.#sessions.values()) session.push(effect.delta);
        return;
    }
    unreachable(effect);
  }

  #logMessage(session: SessionId, message: InfoMessage): void {
    const { logger } = this.#parts;
    if (message.kind === 'refused') {
      const { cause } = message;
      // Whoever asks again and again says so itself, once; the others want an operator.
      const level = cause === 'no-such-shard' || cause === 'waits-for-operator' ? 'debug' : 'warn';
      logger[level]({ event: 'refused', session, cause }, message.message);
    } else if (message.kind === 'registered') {
      logger.info({ event: 'registered', session, shard: message.shard }, 'node registered');
    }
  }

  #fail(error: EdisError): void {
    if (this.#lost) return;
    this.stop();
    this.#keyspaceRequests.rejectAll(error);
    this.#parts.onFailed(error);
  }
}
