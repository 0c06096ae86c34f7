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
import type { ClusterEffect, KeyspaceRequestId, SessionId } from './cluster-effect.ts';
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
} from './cluster-state.ts';
import { EdisError, unreachable } from './error.ts';
import type { LivenessChange } from './failure-detector.ts';
import { FailureDetector } from './failure-detector.ts';
import type { Forgetting } from './forget-decision.ts';
import { decideForgetting } from './forget-decision.ts';
import { decideCreation, decideRemoval } from './keyspace-decision.ts';
import type { KeyspaceSettings } from './keyspace-settings.ts';
import type { Admission, Liveness } from './node-admission.ts';
import { admit, describeWaits } from './node-admission.ts';
import type {
  Configuration,
  InfoMessage,
  NodeMessage,
  NodeReport,
  PromoteReply,
  Registration,
} from './node-message.ts';
import type { PromoteWish } from './promote-decision.ts';
import { checkRegistration, findAnswerFault } from './registration-check.ts';
import type { GroupMessage } from './shard-groups.ts';
import { ShardGroups } from './shard-groups.ts';
import type { ClusterId, InfoNode, MemberRole, ShardId, StoreId } from './topology.ts';
import { deltaBetween } from './topology-change.ts';

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
  readonly #options: ClusterOptions;
  readonly #detector: FailureDetector;
  readonly #sessions = new Map<SessionId, Session>();
  readonly #sessionOfStore = new Map<StoreId, SessionId>();
  readonly #reports = new Map<StoreId, NodeReport>();
  /** Until when a store without a session, which has not said that it leaves, may be about to come back. */
  readonly #expectedUntilMs = new Map<StoreId, number>();
  readonly #groups: ShardGroups;
  #current: ClusterState;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#detector = new FailureDetector({ deadAfterMs: options.deadAfterMs });
    this.#current = options.state ?? emptyCluster(options.newCluster, options.initialShards);
    const { leaseMs, rollCallMs } = options;
    this.#groups = new ShardGroups({
      leaseMs,
      rollCallMs,
      liveness: this.#liveness,
      isServing: (store) => this.#reports.get(store)?.serving === true,
      state: () => this.#current,
      adopt: (state) => this.#adopt(state),
      sendTo: (store, message) => this.#sendTo(store, message),
    });
  }

  /** The newest state; it is ahead of what is durable while a `persist` waits. */
  get state(): ClusterState {
    return this.#current;
  }

  /** What each store reported last, since this info started. */
  get lastReports(): ReadonlyMap<StoreId, NodeReport> {
    return this.#reports;
  }

  /**
   * First input: info becomes active. Who was alive before gets a full period to come back, so nobody flaps. There is
   * no broadcast: nobody has this info's map yet, and `initialShards`, which may change here, is no part of a delta.
   *
   * The map gets a new revision even when nothing changes: of a large save that the info before this one did not end,
   * some shards may be stored under a revision that was published without them.
   */
  start(nowMs: number): readonly ClusterEffect[] {
    const { topology } = this.#current;
    for (const shard of topology.shards) {
      for (const member of shard.members) if (member.alive) this.#detector.onPresumed(member.store, nowMs);
      // Who is dead may have lost its session just before this info began.
      for (const store of shard.voters) this.#expectedUntilMs.set(store, nowMs + this.#options.deadAfterMs);
    }
    this.#detector.tick(nowMs);
    const { self, initialShards } = this.#options;
    const infos = topology.infos.some((info) => sameInfo(info, self)) ? topology.infos : [self];
    const wanted = topology.formed ? topology.initialShards : initialShards;
    const next = { ...this.#current, topology: { ...topology, infos, initialShards: wanted } };
    return this.#adopt(withFormation(next)).filter((effect) => effect.kind !== 'broadcast');
  }

  onOpen(session: SessionId, nowMs: number): void {
    this.#sessions.set(session, { openedMs: nowMs, store: undefined, left: false });
  }

  onRegister(sessionId: SessionId, registration: Registration, nowMs: number): readonly ClusterEffect[] {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return [];
    if (session.store !== undefined) return this.#breakOff(sessionId, 'register was sent twice on one session', nowMs);
    const invalid = checkRegistration(registration, this.#highestEpoch);
    const admission: Admission =
      invalid === undefined
        ? admit(this.#current, registration, { ...this.#liveness, mayReturn: this.#mayReturnAt(nowMs) })
        : { kind: 'refused', refusal: invalid };
    if (admission.kind === 'refused') {
      this.#sessions.delete(sessionId);
      return [
        { kind: 'send', session: sessionId, message: { kind: 'refused', ...admission.refusal } },
        { kind: 'end-session', session: sessionId, error: undefined },
      ];
    }
    const isNewProcess = this.#isNewProcess(registration);
    const effects: ClusterEffect[] = [];
    for (const store of [registration.store, ...admission.forgotten]) {
      effects.push(...this.#endOlderSession(store));
      this.#reports.delete(store);
      this.#detector.onDisconnected(store);
      this.#expectedUntilMs.delete(store);
    }
    this.#detector.onConnected(registration.store, nowMs);
    effects.push(...this.#adopt(withFormation(admission.state)));
    session.store = registration.store;
    this.#sessionOfStore.set(registration.store, sessionId);
    effects.push(...this.#welcome(sessionId, registration.store));
    const { store, promisedEpoch, seenEpoch } = registration;
    // It has seen more than info knows when info was set up again from an older copy of its data.
    effects.push(...this.#groups.onSession(store, Math.max(promisedEpoch, seenEpoch), isNewProcess, nowMs));
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
        return this.#onGroupMessage(sessionId, message, nowMs);
      default:
        return unreachable(message);
    }
  }

  onReport(sessionId: SessionId, report: NodeReport, nowMs: number): readonly ClusterEffect[] {
    const session = this.#sessions.get(sessionId);
    if (session === undefined || session.left) return [];
    if (session.store === undefined) return this.#breakOff(sessionId, firstIsRegister, nowMs);
    this.#reports.set(session.store, report);
    this.#detector.onReport(session.store, nowMs);
    const place = placeOfStore(this.#current, session.store);
    if (place === undefined) return [];
    const isPrimary = place.member.role === 'primary';
    const role = isPrimary ? 'primary' : report.serving ? 'replica' : 'learner';
    this.#groups.onReport(session.store, isPrimary && !report.serving, nowMs);
    return this.#adopt(this.#withMemberChange(place, { role, alive: true }));
  }

  onLeave(sessionId: SessionId, nowMs: number): readonly ClusterEffect[] {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return [];
    if (session.store === undefined) return this.#breakOff(sessionId, firstIsRegister, nowMs);
    session.left = true;
    return [
      ...this.#applyLiveness(this.#detector.onDisconnected(session.store)),
      ...this.#groups.reviewOf(session.store, nowMs),
    ];
  }

  onDisconnect(sessionId: SessionId, nowMs: number): readonly ClusterEffect[] {
    const session = this.#sessions.get(sessionId);
    const store = session?.store;
    this.#sessions.delete(sessionId);
    if (store === undefined || this.#sessionOfStore.get(store) !== sessionId) return [];
    this.#sessionOfStore.delete(store);
    if (session?.left !== true) this.#expectedUntilMs.set(store, nowMs + this.#options.deadAfterMs);
    this.#groups.onGone(store);
    return [...this.#applyLiveness(this.#detector.onDisconnected(store)), ...this.#groups.reviewOf(store, nowMs)];
  }

  /** The operator wants another primary. The reply says whether it is under way, not that it has happened. */
  onPromote(wish: PromoteWish, nowMs: number): { reply: PromoteReply; effects: readonly ClusterEffect[] } {
    return this.#groups.promote(wish, nowMs);
  }

  /** The operator says that these replicas never come back: all that he says so of, at each start. */
  onForget(nodes: readonly string[]): { outcomes: readonly Forgetting[]; effects: readonly ClusterEffect[] } {
    const { state, outcomes } = decideForgetting(this.#current, nodes, (store) => this.#detector.isAlive(store));
    return { outcomes, effects: this.#adopt(state) };
  }

  /**
   * The reply names a revision that shows the keyspace: of a new one the first, of one that was there the newest, which
   * the asker may have to wait for just as well.
   */
  onCreateKeyspace(request: KeyspaceRequestId, name: string, settings: KeyspaceSettings): readonly ClusterEffect[] {
    const creation = decideCreation(this.#current, name, settings);
    if (creation.kind === 'refused') return [{ kind: 'reply', request, reply: creation }];
    const effects = this.#adopt(creation.state);
    const { keyspace } = creation;
    const { revision } = this.#current.topology;
    return [...effects, { kind: 'reply', request, reply: { kind: 'created', keyspace, revision } }];
  }

  onDropKeyspace(request: KeyspaceRequestId, name: string): readonly ClusterEffect[] {
    const removal = decideRemoval(this.#current, name);
    if (removal.kind === 'refused') return [{ kind: 'reply', request, reply: removal }];
    const effects = this.#adopt(removal.state);
    const { revision } = this.#current.topology;
    return [...effects, { kind: 'reply', request, reply: { kind: 'dropped', revision } }];
  }

  tick(nowMs: number): readonly ClusterEffect[] {
    const effects: ClusterEffect[] = [];
    for (const [sessionId, session] of this.#sessions) {
      if (session.store === undefined && nowMs - session.openedMs >= this.#options.deadAfterMs) {
        effects.push(...this.#breakOff(sessionId, `no register within ${this.#options.deadAfterMs} ms`, nowMs));
      }
    }
    for (const [store, untilMs] of this.#expectedUntilMs) {
      if (untilMs <= nowMs) this.#expectedUntilMs.delete(store);
    }
    effects.push(...this.#applyLiveness(this.#detector.tick(nowMs)));
    for (const { shard } of this.#current.topology.shards) effects.push(...this.#groups.review(shard, nowMs));
    return effects;
  }

  /** Why not all keys are served, for people; empty: they are. */
  waitsFor(): readonly string[] {
    return describeWaits(this.#current.topology, (shard) => this.#groups.waitsFor(shard));
  }

  readonly #liveness: Liveness = {
    isLiving: (store) => this.#isLiving(store),
    isAlive: (store) => this.#detector.isAlive(store),
  };

  #onGroupMessage(sessionId: SessionId, message: GroupMessage, nowMs: number): readonly ClusterEffect[] {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return [];
    if (session.store === undefined) return this.#breakOff(sessionId, firstIsRegister, nowMs);
    const fault = message.kind === 'promise' ? findAnswerFault(message.answer, this.#highestEpoch) : undefined;
    if (fault !== undefined) return this.#breakOff(sessionId, fault, nowMs);
    return this.#groups.onMessage(sessionId, session.store, message, nowMs);
  }

  #isNewProcess({ store, incarnation }: Registration): boolean {
    const record = placeOfStore(this.#current, store)?.record;
    return record === undefined || incarnation === 0 || incarnationOf(record, store) !== incarnation;
  }

  get #highestEpoch(): number {
    return Math.max(0, ...this.#current.records.map(({ epoch }) => epoch));
  }

  #recordOf(shardId: ShardId): ShardRecord | undefined {
    return this.#current.records.find((candidate) => candidate.shard === shardId);
  }

  #sendTo(store: StoreId, message: InfoMessage): readonly ClusterEffect[] {
    const session = this.#sessionOfStore.get(store);
    return session === undefined ? [] : [{ kind: 'send', session, message }];
  }

  #breakOff(session: SessionId, message: string, nowMs: number): readonly ClusterEffect[] {
    const effects = this.onDisconnect(session, nowMs);
    return [...effects, { kind: 'end-session', session, error: new EdisError('invalid-argument', message) }];
  }

  /** A store has one session: its process reconnected, or was restarted, before the old stream was seen to break. */
  #endOlderSession(store: StoreId): readonly ClusterEffect[] {
    const older = this.#sessionOfStore.get(store);
    if (older === undefined) return [];
    this.#sessions.delete(older);
    this.#sessionOfStore.delete(store);
    return [
      { kind: 'end-session', session: older, error: new EdisError('closed', 'a newer session replaced this one') },
    ];
  }

  #welcome(session: SessionId, store: StoreId): readonly ClusterEffect[] {
    const { topology } = this.#current;
    const shard = placeOfStore(this.#current, store)?.shard.shard ?? '';
    const configuration = this.#configurationFor(session, shard);
    const { reportMs, deadAfterMs, fencing } = this.#options;
    const messages: InfoMessage[] = [
      { kind: 'registered', cluster: topology.cluster, shard, reportMs, deadAfterMs, fencing },
      { kind: 'topology', update: { kind: 'whole', topology } },
    ];
    if (configuration !== undefined) messages.push({ kind: 'configuration', configuration });
    return messages.map((message) => ({ kind: 'send', session, message }));
  }

  /** It has a session and is heard on it. */
  #isLiving(store: StoreId): boolean {
    return this.#sessionOfStore.has(store) && this.#detector.isAlive(store);
  }

  #mayReturnAt(nowMs: number): (store: StoreId) => boolean {
    return (store) => (this.#expectedUntilMs.get(store) ?? nowMs) > nowMs;
  }

  #applyLiveness(changes: readonly LivenessChange[]): readonly ClusterEffect[] {
    let state = this.#current;
    for (const { store, alive } of changes) {
      const place = placeOfStore(state, store);
      if (place !== undefined) state = this.#withMemberChange(place, { alive }, state);
    }
    return this.#adopt(state);
  }

  #withMemberChange(
    place: Place,
    change: { readonly role?: MemberRole; readonly alive?: boolean },
    state = this.#current,
  ): ClusterState {
    const { member, record } = place;
    const incarnation = incarnationOf(record, member.store);
    return withMember(state, place, { member: { ...member, ...change }, incarnation });
  }

  /** Makes a state the current one: durable first, then a step of the map for all, then the changed configurations. */
  #adopt(next: ClusterState): readonly ClusterEffect[] {
    const before = this.#current;
    if (next === before) return [];
    const changed = next.topology !== before.topology;
    const topology = changed ? { ...next.topology, revision: before.topology.revision + 1 } : next.topology;
    this.#current = { ...next, topology };
    const effects: ClusterEffect[] = [{ kind: 'persist', state: this.#current }];
    if (changed) effects.push({ kind: 'broadcast', delta: deltaBetween(before.topology, topology), topology });
    const { leaseMs } = this.#options;
    for (const { shard } of topology.shards) {
      if (sameConfiguration(configurationOf(before, shard, leaseMs), configurationOf(this.#current, shard, leaseMs)))
        continue;
      for (const session of this.#sessionsOfShard(shard)) {
        const configuration = this.#configurationFor(session, shard);
        if (configuration !== undefined)
          effects.push({ kind: 'send', session, message: { kind: 'configuration', configuration } });
      }
    }
    return effects;
  }

  /** A primary's next process must be promoted first: with the configuration of the one before it would lead again. */
  #configurationFor(session: SessionId, shardId: ShardId): Configuration | undefined {
    const record = this.#recordOf(shardId);
    const isPrimary = record !== undefined && this.#sessions.get(session)?.store === record.primary;
    if (isPrimary && isPrimaryNew(record)) return undefined;
    return configurationOf(this.#current, shardId, this.#options.leaseMs);
  }

  #sessionsOfShard(shardId: ShardId): readonly SessionId[] {
    const shard = this.#current.topology.shards.find((candidate) => candidate.shard === shardId);
    const sessions = shard?.members.map((member) => this.#sessionOfStore.get(member.store)) ?? [];
    return sessions.filter((session) => session !== undefined);
  }
}
