/**
 * The configuration manager's decisions, without I/O: who is in the cluster, in which place, in which epoch.
 *
 * Contract with the shell that runs it:
 * - Each input returns effects. The effects of all inputs are run in the order in which they were returned, and nothing
 *   behind a `persist` runs before it is durable. So whatever a node or client sees survives a crash of info, and the
 *   revision and the epochs that they saw never go back. A later state covers the earlier ones: a shell that has
 *   several `persist` waiting may write the last and then run all that stands behind them.
 * - A failed persist ends the shell. It must not go on with this machine, whose memory is ahead of the disk.
 * - A session that was sent a whole topology takes part in each `broadcast` from then on.
 *
 * The failure that shaped it: a primary that only lost its connection must keep its epoch, since it may have
 * acknowledged writes in it while info was away, and a restarted one must get a new epoch, since it forgot what it
 * acknowledged. The incarnation that a process draws at its start tells the two apart, and is part of the durable
 * record. Who leads a shard next is decided by `ShardPromotion`, out of what its members promised.
 */
import type { ClusterState, Place, ShardRecord } from './cluster-state.ts';
import {
  configurationOf,
  emptyCluster,
  incarnationOf,
  isPrimaryNew,
  placeOfStore,
  sameConfiguration,
  sameInfo,
  withFormation,
  withMember,
  withPrimary,
  withVoters,
} from './cluster-state.ts';
import { EdisError, unreachable } from './error.ts';
import type { LivenessChange } from './failure-detector.ts';
import { FailureDetector } from './failure-detector.ts';
import { decideCreation, decideRemoval } from './keyspace-decision.ts';
import type { KeyspaceSettings } from './keyspace-settings.ts';
import type { Admission, Liveness } from './node-admission.ts';
import { admit, describeWaits } from './node-admission.ts';
import type {
  Configuration,
  InfoMessage,
  KeyspaceReply,
  MembershipProposal,
  NodeMessage,
  NodeReport,
  PromoteReply,
  Registration,
} from './node-message.ts';
import type { PromoteWish } from './promote-decision.ts';
import { decidePromote } from './promote-decision.ts';
import { decideProposal } from './proposal-decision.ts';
import { checkRegistration } from './registration-check.ts';
import type { ShardFacts, ShardStep } from './shard-promotion.ts';
import { ShardPromotion } from './shard-promotion.ts';
import type { ClusterId, InfoNode, MemberRole, ShardId, StoreId, Topology, TopologyDelta } from './topology.ts';
import { deltaBetween } from './topology-change.ts';

/** The shell's number for one session stream, never used twice. */
export type SessionId = number;

/** The shell's number for one request about keyspaces, never used twice. */
export type KeyspaceRequestId = number;

export type ClusterEffect =
  /** Make this state durable before anything that follows. */
  | { readonly kind: 'persist'; readonly state: ClusterState }
  | { readonly kind: 'send'; readonly session: SessionId; readonly message: InfoMessage }
  /** End the stream after what was sent; with the error if there is one. */
  | { readonly kind: 'end-session'; readonly session: SessionId; readonly error: EdisError | undefined }
  /** The answer to a request about keyspaces. */
  | { readonly kind: 'reply'; readonly request: KeyspaceRequestId; readonly reply: KeyspaceReply }
  /** To everybody who has the map before; who lags gets the whole `topology` later instead. */
  | { readonly kind: 'broadcast'; readonly delta: TopologyDelta; readonly topology: Topology };

export interface ClusterOptions {
  readonly initialShards: number;
  readonly reportMs: number;
  readonly deadAfterMs: number;
  /** How long a primary may act on what a member granted. */
  readonly leaseMs: number;
  /** How long a primary is waited for when all members of its shard were started anew. */
  readonly rollCallMs: number;
  /** Of the active info: rises with each. 0: there is one alone. */
  readonly fencing: number;
  /** This info process. */
  readonly self: InfoNode;
  /** Identity for a cluster that does not exist yet. */
  readonly newCluster: ClusterId;
  /** What was persisted last; undefined: nothing yet. */
  readonly state: ClusterState | undefined;
}

const firstIsRegister = 'the first message of a session is register';

interface Session {
  readonly openedMs: number;
  /** Undefined until it has registered. */
  store: StoreId | undefined;
  /** It said that it ends: what it still reports is no sign of life. */
  left: boolean;
}

export class Cluster {
  private readonly options: ClusterOptions;
  private readonly detector: FailureDetector;
  private readonly sessions = new Map<SessionId, Session>();
  private readonly sessionOfStore = new Map<StoreId, SessionId>();
  private readonly reports = new Map<StoreId, NodeReport>();
  /** Since when a primary reports that it does not serve. */
  private readonly idleSinceMs = new Map<StoreId, number>();
  private readonly promotions = new Map<ShardId, ShardPromotion>();
  private current: ClusterState;

  constructor(options: ClusterOptions) {
    this.options = options;
    this.detector = new FailureDetector({ deadAfterMs: options.deadAfterMs });
    this.current = options.state ?? emptyCluster(options.newCluster, options.initialShards);
  }

  /** The newest state; it is ahead of what is durable while a `persist` waits. */
  get state(): ClusterState {
    return this.current;
  }

  /** What each store reported last, since this info started. */
  get lastReports(): ReadonlyMap<StoreId, NodeReport> {
    return this.reports;
  }

  /**
   * First input: info becomes active. Who was alive before gets a full period to come back, so nobody flaps. There is
   * no broadcast: nobody has this info's map yet, and `initialShards`, which may change here, is no part of a delta.
   */
  start(nowMs: number): readonly ClusterEffect[] {
    const { topology } = this.current;
    for (const shard of topology.shards) {
      for (const member of shard.members) if (member.alive) this.detector.onPresumed(member.store, nowMs);
    }
    this.detector.tick(nowMs);
    const { self, initialShards } = this.options;
    const infos = topology.infos.some((info) => sameInfo(info, self)) ? topology.infos : [self];
    const wanted = topology.formed ? topology.initialShards : initialShards;
    const unchanged = infos === topology.infos && wanted === topology.initialShards;
    const next = unchanged
      ? this.current
      : { ...this.current, topology: { ...topology, infos, initialShards: wanted } };
    return this.adopt(withFormation(next)).filter((effect) => effect.kind !== 'broadcast');
  }

  onOpen(session: SessionId, nowMs: number): void {
    this.sessions.set(session, { openedMs: nowMs, store: undefined, left: false });
  }

  onRegister(sessionId: SessionId, registration: Registration, nowMs: number): readonly ClusterEffect[] {
    const session = this.sessions.get(sessionId);
    if (session === undefined) return [];
    if (session.store !== undefined) return this.breakOff(sessionId, 'register was sent twice on one session', nowMs);
    const invalid = checkRegistration(registration);
    const admission: Admission =
      invalid === undefined ? admit(this.current, registration, this.liveness) : { kind: 'refused', refusal: invalid };
    if (admission.kind === 'refused') {
      this.sessions.delete(sessionId);
      return [
        { kind: 'send', session: sessionId, message: { kind: 'refused', ...admission.refusal } },
        { kind: 'end-session', session: sessionId, error: undefined },
      ];
    }
    const isNewProcess = this.isNewProcess(registration);
    const effects: ClusterEffect[] = [];
    for (const store of [registration.store, ...admission.forgotten]) {
      effects.push(...this.endOlderSession(store));
      this.reports.delete(store);
      this.detector.onDisconnected(store);
    }
    this.detector.onConnected(registration.store, nowMs);
    effects.push(...this.adopt(withFormation(admission.state)));
    session.store = registration.store;
    this.sessionOfStore.set(registration.store, sessionId);
    effects.push(...this.welcome(sessionId, registration.store));
    effects.push(...this.greetMember(registration, isNewProcess, nowMs));
    return effects;
  }

  /** Whatever a registered node says. */
  onMessage(sessionId: SessionId, message: NodeMessage, nowMs: number): readonly ClusterEffect[] {
    switch (message.kind) {
      case 'register':
        return this.onRegister(sessionId, message.registration, nowMs);
      case 'report':
        return this.onReport(sessionId, message.report, nowMs);
      case 'leave':
        return this.onLeave(sessionId, nowMs);
      case 'promise':
      case 'propose':
      case 'handed-over':
      case 'retire':
        return this.onGroupMessage(sessionId, message, nowMs);
      default:
        return unreachable(message);
    }
  }

  onReport(sessionId: SessionId, report: NodeReport, nowMs: number): readonly ClusterEffect[] {
    const session = this.sessions.get(sessionId);
    if (session === undefined || session.left) return [];
    if (session.store === undefined) return this.breakOff(sessionId, firstIsRegister, nowMs);
    this.reports.set(session.store, report);
    this.detector.onReport(session.store, nowMs);
    const place = placeOfStore(this.current, session.store);
    if (place === undefined) return [];
    const isPrimary = place.member.role === 'primary';
    const role = isPrimary ? 'primary' : report.serving ? 'replica' : 'learner';
    if (!isPrimary || report.serving) this.idleSinceMs.delete(session.store);
    else if (!this.idleSinceMs.has(session.store)) this.idleSinceMs.set(session.store, nowMs);
    return this.adopt(this.withMemberChange(place, { role, alive: true }));
  }

  onLeave(sessionId: SessionId, nowMs: number): readonly ClusterEffect[] {
    const session = this.sessions.get(sessionId);
    if (session === undefined) return [];
    if (session.store === undefined) return this.breakOff(sessionId, firstIsRegister, nowMs);
    session.left = true;
    return [...this.applyLiveness(this.detector.onDisconnected(session.store)), ...this.reviewOf(session.store, nowMs)];
  }

  onDisconnect(sessionId: SessionId, nowMs: number): readonly ClusterEffect[] {
    const store = this.sessions.get(sessionId)?.store;
    this.sessions.delete(sessionId);
    if (store === undefined || this.sessionOfStore.get(store) !== sessionId) return [];
    this.sessionOfStore.delete(store);
    this.promotionOf(this.shardOf(store))?.onGone(store);
    return [...this.applyLiveness(this.detector.onDisconnected(store)), ...this.reviewOf(store, nowMs)];
  }

  /** The operator wants another primary. The reply says whether it is under way, not that it has happened. */
  onPromote(wish: PromoteWish, nowMs: number): { reply: PromoteReply; effects: readonly ClusterEffect[] } {
    const { reply, to } = decidePromote(this.current, wish, (store) => this.isLiving(store));
    const promotion = this.promotionOf(wish.shard);
    if (reply.kind === 'refused' || promotion === undefined) return { reply, effects: [] };
    if (wish.isUnsafe) promotion.requestUnsafe(to);
    else promotion.requestHandOver(to, nowMs);
    return { reply, effects: this.review(wish.shard, nowMs) };
  }

  /**
   * The reply names a revision that shows the keyspace: of a new one the first, of one that was there the newest, which
   * the asker may have to wait for just as well.
   */
  onCreateKeyspace(request: KeyspaceRequestId, name: string, settings: KeyspaceSettings): readonly ClusterEffect[] {
    const creation = decideCreation(this.current, name, settings);
    if (creation.kind === 'refused') return [{ kind: 'reply', request, reply: creation }];
    const effects = this.adopt(creation.state);
    const { keyspace } = creation;
    const { revision } = this.current.topology;
    return [...effects, { kind: 'reply', request, reply: { kind: 'created', keyspace, revision } }];
  }

  onDropKeyspace(request: KeyspaceRequestId, name: string): readonly ClusterEffect[] {
    const removal = decideRemoval(this.current, name);
    if (removal.kind === 'refused') return [{ kind: 'reply', request, reply: removal }];
    const effects = this.adopt(removal.state);
    const { revision } = this.current.topology;
    return [...effects, { kind: 'reply', request, reply: { kind: 'dropped', revision } }];
  }

  tick(nowMs: number): readonly ClusterEffect[] {
    const effects: ClusterEffect[] = [];
    for (const [sessionId, session] of this.sessions) {
      if (session.store === undefined && nowMs - session.openedMs >= this.options.deadAfterMs) {
        effects.push(...this.breakOff(sessionId, `no register within ${this.options.deadAfterMs} ms`, nowMs));
      }
    }
    effects.push(...this.applyLiveness(this.detector.tick(nowMs)));
    for (const { shard } of this.current.topology.shards) effects.push(...this.review(shard, nowMs));
    return effects;
  }

  /** Why not all keys are served, for people; empty: they are. */
  waitsFor(): readonly string[] {
    return describeWaits(this.current.topology, (shard) => this.promotions.get(shard)?.waitsFor ?? '');
  }

  private readonly liveness: Liveness = {
    isLiving: (store) => this.isLiving(store),
    isAlive: (store) => this.detector.isAlive(store),
  };

  private onGroupMessage(
    sessionId: SessionId,
    message: Extract<NodeMessage, { kind: 'promise' | 'propose' | 'handed-over' | 'retire' }>,
    nowMs: number,
  ): readonly ClusterEffect[] {
    const session = this.sessions.get(sessionId);
    if (session === undefined) return [];
    if (session.store === undefined) return this.breakOff(sessionId, firstIsRegister, nowMs);
    const { store } = session;
    const place = placeOfStore(this.current, store);
    const promotion = this.promotionOf(place?.shard.shard);
    if (place === undefined || promotion === undefined) return [];
    const { record } = place;
    switch (message.kind) {
      case 'promise':
        promotion.onAnswer(store, message.answer, nowMs);
        break;
      case 'propose':
        return this.onProposal(sessionId, place, message.proposal);
      case 'handed-over':
        if (record.primary === store && record.epoch === message.epoch) promotion.onHandedOver(message.to);
        break;
      case 'retire': {
        const { to } = decidePromote(this.current, { shard: record.shard, node: '', isUnsafe: false }, (other) =>
          this.isLiving(other),
        );
        if (record.primary === store && to !== '') promotion.requestHandOver(to, nowMs);
        break;
      }
      default:
        return unreachable(message);
    }
    return this.review(record.shard, nowMs);
  }

  /** Never while another primary is being looked for. */
  private onProposal(session: SessionId, place: Place, proposal: MembershipProposal): readonly ClusterEffect[] {
    const promotion = this.promotionOf(place.record.shard);
    const next =
      promotion === undefined || promotion.isUnderWay
        ? undefined
        : decideProposal(this.current, place, proposal, promotion.highestPromise);
    if (next !== undefined) return this.adopt(next);
    return [{ kind: 'send', session, message: { kind: 'proposal-refused', epoch: proposal.epoch } }];
  }

  private isNewProcess({ store, incarnation }: Registration): boolean {
    const record = placeOfStore(this.current, store)?.record;
    return record === undefined || incarnation === 0 || incarnationOf(record, store) !== incarnation;
  }

  private greetMember(registration: Registration, isNew: boolean, nowMs: number): readonly ClusterEffect[] {
    const { store, promisedEpoch, seenEpoch } = registration;
    this.idleSinceMs.delete(store);
    // It has seen more than info knows when info was set up again from an older copy of its data.
    this.promotionOf(this.shardOf(store))?.onSession(store, Math.max(promisedEpoch, seenEpoch), isNew);
    return this.reviewOf(store, nowMs);
  }

  private shardOf(store: StoreId): ShardId | undefined {
    return placeOfStore(this.current, store)?.shard.shard;
  }

  private recordOf(shardId: ShardId): ShardRecord | undefined {
    return this.current.records.find((candidate) => candidate.shard === shardId);
  }

  private promotionOf(shardId: ShardId | undefined): ShardPromotion | undefined {
    if (shardId === undefined) return undefined;
    let promotion = this.promotions.get(shardId);
    if (promotion === undefined) {
      const { leaseMs, rollCallMs } = this.options;
      promotion = new ShardPromotion({ leaseMs, rollCallMs });
      this.promotions.set(shardId, promotion);
    }
    return promotion;
  }

  private reviewOf(store: StoreId, nowMs: number): readonly ClusterEffect[] {
    const shardId = this.shardOf(store);
    return shardId === undefined ? [] : this.review(shardId, nowMs);
  }

  private review(shardId: ShardId, nowMs: number): readonly ClusterEffect[] {
    const facts = this.factsOf(shardId, nowMs);
    const promotion = this.promotionOf(shardId);
    if (facts === undefined || promotion === undefined) return [];
    return promotion.review(facts).flatMap((step) => this.effectsOf(step, facts.record.shard, facts.record.epoch));
  }

  private factsOf(shardId: ShardId, nowMs: number): ShardFacts | undefined {
    const { topology, records } = this.current;
    const index = topology.shards.findIndex((candidate) => candidate.shard === shardId);
    const record = records[index];
    const shard = topology.shards[index];
    if (record === undefined || shard === undefined) return undefined;
    const idleSinceMs = this.idleSinceMs.get(record.primary);
    return {
      record,
      stores: shard.members.map((member) => member.store),
      nowMs,
      isConnected: (store) => this.isLiving(store),
      isAlive: (store) => this.detector.isAlive(store),
      nameOf: (store) => shard.members.find((member) => member.store === store)?.node ?? store,
      isPrimaryNew: isPrimaryNew(record),
      idleMs: idleSinceMs === undefined ? 0 : nowMs - idleSinceMs,
    };
  }

  private effectsOf(step: ShardStep, shardId: ShardId, epoch: number): readonly ClusterEffect[] {
    switch (step.kind) {
      case 'ask':
        return this.sendTo(step.store, { kind: 'prepare', prepare: step.prepare });
      case 'hand-over':
        return this.sendTo(this.recordOf(shardId)?.primary ?? '', { kind: 'hand-over', epoch, to: step.to });
      case 'promote':
        this.idleSinceMs.delete(step.primary);
        return this.adopt(withPrimary(this.current, shardId, step));
      case 'raise':
        return this.adopt(withVoters(this.current, shardId, step.epoch, this.recordOf(shardId)?.members ?? []));
      default:
        return unreachable(step);
    }
  }

  private sendTo(store: StoreId, message: InfoMessage): readonly ClusterEffect[] {
    const session = this.sessionOfStore.get(store);
    return session === undefined ? [] : [{ kind: 'send', session, message }];
  }

  private breakOff(session: SessionId, message: string, nowMs: number): readonly ClusterEffect[] {
    const effects = this.onDisconnect(session, nowMs);
    return [...effects, { kind: 'end-session', session, error: new EdisError('invalid-argument', message) }];
  }

  /** A store has one session: its process reconnected, or was restarted, before the old stream was seen to break. */
  private endOlderSession(store: StoreId): readonly ClusterEffect[] {
    const older = this.sessionOfStore.get(store);
    if (older === undefined) return [];
    this.sessions.delete(older);
    this.sessionOfStore.delete(store);
    return [
      { kind: 'end-session', session: older, error: new EdisError('closed', 'a newer session replaced this one') },
    ];
  }

  private welcome(session: SessionId, store: StoreId): readonly ClusterEffect[] {
    const { topology } = this.current;
    const shard = placeOfStore(this.current, store)?.shard.shard ?? '';
    const configuration = this.configurationFor(session, shard);
    const { reportMs, deadAfterMs, fencing } = this.options;
    const messages: InfoMessage[] = [
      { kind: 'registered', cluster: topology.cluster, shard, reportMs, deadAfterMs, fencing },
      { kind: 'topology', update: { kind: 'whole', topology } },
    ];
    if (configuration !== undefined) messages.push({ kind: 'configuration', configuration });
    return messages.map((message) => ({ kind: 'send', session, message }));
  }

  /** It has a session and is heard on it. */
  private isLiving(store: StoreId): boolean {
    return this.sessionOfStore.has(store) && this.detector.isAlive(store);
  }

  private applyLiveness(changes: readonly LivenessChange[]): readonly ClusterEffect[] {
    let state = this.current;
    for (const { store, alive } of changes) {
      const place = placeOfStore(state, store);
      if (place !== undefined) state = this.withMemberChange(place, { alive }, state);
    }
    return this.adopt(state);
  }

  private withMemberChange(
    place: Place,
    change: { readonly role?: MemberRole; readonly alive?: boolean },
    state = this.current,
  ): ClusterState {
    const { member, record } = place;
    const incarnation = incarnationOf(record, member.store);
    return withMember(state, place, { member: { ...member, ...change }, incarnation });
  }

  /** Makes a state the current one: durable first, then a step of the map for all, then the changed configurations. */
  private adopt(next: ClusterState): readonly ClusterEffect[] {
    const before = this.current;
    if (next === before) return [];
    const changed = next.topology !== before.topology;
    const topology = changed ? { ...next.topology, revision: before.topology.revision + 1 } : next.topology;
    this.current = { ...next, topology };
    const effects: ClusterEffect[] = [{ kind: 'persist', state: this.current }];
    if (changed) effects.push({ kind: 'broadcast', delta: deltaBetween(before.topology, topology), topology });
    const { leaseMs } = this.options;
    for (const { shard } of topology.shards) {
      if (sameConfiguration(configurationOf(before, shard, leaseMs), configurationOf(this.current, shard, leaseMs)))
        continue;
      for (const session of this.sessionsOfShard(shard)) {
        const configuration = this.configurationFor(session, shard);
        if (configuration !== undefined)
          effects.push({ kind: 'send', session, message: { kind: 'configuration', configuration } });
      }
    }
    return effects;
  }

  /** A primary's next process must be promoted first: with the configuration of the one before it would lead again. */
  private configurationFor(session: SessionId, shardId: ShardId): Configuration | undefined {
    const record = this.recordOf(shardId);
    const isPrimary = record !== undefined && this.sessions.get(session)?.store === record.primary;
    if (isPrimary && isPrimaryNew(record)) return undefined;
    return configurationOf(this.current, shardId, this.options.leaseMs);
  }

  private sessionsOfShard(shardId: ShardId): readonly SessionId[] {
    const shard = this.current.topology.shards.find((candidate) => candidate.shard === shardId);
    const sessions = shard?.members.map((member) => this.sessionOfStore.get(member.store)) ?? [];
    return sessions.filter((session) => session !== undefined);
  }
}
