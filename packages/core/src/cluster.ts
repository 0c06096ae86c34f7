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
 * record.
 */
import type { ClusterState, Place, ShardRecord } from './cluster-state.ts';
import {
  configurationOf,
  emptyCluster,
  incarnationOf,
  placeOf,
  placeOfStore,
  sameConfiguration,
  sameEndpoints,
  withFormation,
  withMember,
  withoutMember,
  withShard,
} from './cluster-state.ts';
import { EdisError } from './error.ts';
import type { LivenessChange } from './failure-detector.ts';
import { FailureDetector } from './failure-detector.ts';
import { decideCreation, decideRemoval } from './keyspace-decision.ts';
import type { KeyspaceSettings } from './keyspace-settings.ts';
import type { InfoMessage, KeyspaceReply, NodeReport, Registration } from './node-message.ts';
import { maxShards, nextShardName, planReadShard } from './planner.ts';
import type { Refusal } from './registration-check.ts';
import { checkRegistration } from './registration-check.ts';
import type {
  ClusterId,
  InfoNode,
  Member,
  MemberRole,
  Shard,
  ShardId,
  StoreId,
  Topology,
  TopologyDelta,
} from './topology.ts';
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
  /** This info process. */
  readonly self: InfoNode;
  /** Identity for a cluster that does not exist yet. */
  readonly newCluster: ClusterId;
  /** What was persisted last; undefined: nothing yet. */
  readonly state: ClusterState | undefined;
}

/** Dead replicas keep their place, so a limit is needed: at it, the dead one that joined first is forgotten. */
const maxShardMembers = 64;

interface Session {
  readonly openedMs: number;
  /** Undefined until it has registered. */
  store: StoreId | undefined;
  /** It said that it ends: what it still reports is no sign of life. */
  left: boolean;
}

/** What a registration comes to. */
type Admission =
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** `forgotten`: stores that lose their place to this one. */
  | { readonly kind: 'admitted'; readonly state: ClusterState; readonly forgotten?: readonly StoreId[] };

function refused(cause: Refusal['cause'], message: string): Admission {
  return { kind: 'refused', refusal: { cause, message } };
}

export class Cluster {
  private readonly options: ClusterOptions;
  private readonly detector: FailureDetector;
  private readonly sessions = new Map<SessionId, Session>();
  private readonly sessionOfStore = new Map<StoreId, SessionId>();
  private readonly reports = new Map<StoreId, NodeReport>();
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
    if (session.store !== undefined) return this.breakOff(sessionId, 'register was sent twice on one session');
    const invalid = checkRegistration(registration);
    const admission: Admission =
      invalid === undefined ? this.admit(registration) : { kind: 'refused', refusal: invalid };
    if (admission.kind === 'refused') {
      this.sessions.delete(sessionId);
      return [
        { kind: 'send', session: sessionId, message: { kind: 'refused', ...admission.refusal } },
        { kind: 'end-session', session: sessionId, error: undefined },
      ];
    }
    const effects: ClusterEffect[] = [];
    for (const store of [registration.store, ...(admission.forgotten ?? [])]) {
      effects.push(...this.endOlderSession(store));
      this.reports.delete(store);
      this.detector.onDisconnected(store);
    }
    this.detector.onConnected(registration.store, nowMs);
    effects.push(...this.adopt(withFormation(admission.state)));
    session.store = registration.store;
    this.sessionOfStore.set(registration.store, sessionId);
    effects.push(...this.welcome(sessionId, registration.store));
    return effects;
  }

  onReport(sessionId: SessionId, report: NodeReport, nowMs: number): readonly ClusterEffect[] {
    const session = this.sessions.get(sessionId);
    if (session === undefined || session.left) return [];
    if (session.store === undefined) return this.breakOff(sessionId, 'the first message of a session is register');
    this.reports.set(session.store, report);
    this.detector.onReport(session.store, nowMs);
    const place = placeOfStore(this.current, session.store);
    if (place === undefined) return [];
    const role = place.member.role === 'primary' ? 'primary' : report.serving ? 'replica' : 'learner';
    return this.adopt(this.withMemberChange(place, { role, alive: true }));
  }

  onLeave(sessionId: SessionId): readonly ClusterEffect[] {
    const session = this.sessions.get(sessionId);
    if (session === undefined) return [];
    if (session.store === undefined) return this.breakOff(sessionId, 'the first message of a session is register');
    session.left = true;
    return this.applyLiveness(this.detector.onDisconnected(session.store));
  }

  onDisconnect(sessionId: SessionId): readonly ClusterEffect[] {
    const store = this.sessions.get(sessionId)?.store;
    this.sessions.delete(sessionId);
    if (store === undefined || this.sessionOfStore.get(store) !== sessionId) return [];
    this.sessionOfStore.delete(store);
    return this.applyLiveness(this.detector.onDisconnected(store));
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
        effects.push(...this.breakOff(sessionId, `no register within ${this.options.deadAfterMs} ms`));
      }
    }
    effects.push(...this.applyLiveness(this.detector.tick(nowMs)));
    return effects;
  }

  private breakOff(session: SessionId, message: string): readonly ClusterEffect[] {
    const effects = this.onDisconnect(session);
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
    const configuration = configurationOf(this.current, shard);
    const { reportMs, deadAfterMs } = this.options;
    const messages: InfoMessage[] = [
      { kind: 'registered', cluster: topology.cluster, shard, reportMs, deadAfterMs },
      { kind: 'topology', update: { kind: 'whole', topology } },
    ];
    if (configuration !== undefined) messages.push({ kind: 'configuration', configuration });
    return messages.map((message) => ({ kind: 'send', session, message }));
  }

  private admit(registration: Registration): Admission {
    const { topology } = this.current;
    const { cluster, store, node, role, shard } = registration;
    if (cluster !== '' && cluster !== topology.cluster) {
      return refused('other-cluster', `the data directory belongs to cluster ${cluster}, this is ${topology.cluster}`);
    }
    const namesake = placeOf(
      this.current,
      (member) => member.node === node && member.store !== store && this.isLiving(member.store),
    );
    if (namesake !== undefined) {
      return refused(
        'name-taken',
        `a living node of ${namesake.shard.shard} is called ${node} too; choose another --node`,
      );
    }
    const place = placeOfStore(this.current, store);
    if (place !== undefined && shard !== '' && shard !== place.shard.shard) {
      return refused('other-shard', `the data directory belongs to shard ${place.shard.shard}, not to ${shard}`);
    }
    return role === 'write-shard'
      ? this.admitWriteShard(registration, place)
      : this.admitReadShard(registration, place);
  }

  private admitWriteShard(registration: Registration, place: Place | undefined): Admission {
    const { store } = registration;
    if (place === undefined) return this.admitNewShard(registration);
    const { shard, record } = place;
    if (record.primary !== store) {
      return refused('shard-taken', `the data directory is a replica of ${shard.shard}, whose primary is another one`);
    }
    const { incarnation, seenEpoch, lastEntry } = registration;
    const sameProcess = incarnation !== 0 && incarnation === incarnationOf(record, store) && seenEpoch <= record.epoch;
    const epoch = sameProcess ? record.epoch : Math.max(record.epoch, seenEpoch, lastEntry.epoch) + 1;
    const promoted = sameProcess ? place : { shard: { ...shard, epoch }, record: { ...record, epoch } };
    const state = withShard(this.current, promoted.shard, promoted.record);
    const member = memberOf(registration, 'primary');
    return { kind: 'admitted', state: withMember(state, promoted, { member, incarnation }) };
  }

  private admitNewShard(registration: Registration): Admission {
    const { shards } = this.current.topology;
    const { store, shard: asked, seenEpoch, lastEntry, incarnation } = registration;
    const taken = shards.find((candidate) => candidate.shard === asked);
    if (taken !== undefined) {
      return refused('shard-taken', `shard ${asked} belongs to another data directory (store ${taken.primary})`);
    }
    const name = asked === '' ? nextShardName(shards) : asked;
    if (name === undefined) {
      return refused('invalid', `the cluster has ${maxShards} shards already, which is the limit`);
    }
    const epoch = Math.max(seenEpoch, lastEntry.epoch) + 1;
    const member = memberOf(registration, 'primary');
    const record: ShardRecord = {
      shard: name,
      epoch,
      primary: store,
      members: [store],
      quorum: 1,
      configuredSize: 1,
      incarnations: [{ store, incarnation }],
    };
    const shard: Shard = { shard: name, epoch, primary: store, configuredSize: 1, members: [member] };
    return { kind: 'admitted', state: withShard(this.current, shard, record) };
  }

  private admitReadShard(registration: Registration, place: Place | undefined): Admission {
    const { store, incarnation } = registration;
    if (place !== undefined) {
      if (place.record.primary === store) {
        return refused(
          'invalid',
          `the data directory is the primary of ${place.shard.shard}; start it as a write shard`,
        );
      }
      // Only a restarted replica has to show again that it serves.
      const sameProcess = incarnation !== 0 && incarnation === incarnationOf(place.record, store);
      const member = memberOf(registration, sameProcess ? place.member.role : 'learner');
      return { kind: 'admitted', state: withMember(this.current, place, { member, incarnation }) };
    }
    // A container that was made again with an empty volume comes back under its name, and takes its former place.
    const former = placeOf(
      this.current,
      (member, shard) => member.node === registration.node && member.store !== shard.primary,
    );
    const state = former === undefined ? this.current : withoutMember(this.current, former);
    const target = this.chooseShard(state, registration.shard, former?.shard.shard);
    if (typeof target !== 'string') return { kind: 'refused', refusal: target };
    return this.joinShard(state, target, registration, former === undefined ? [] : [former.member.store]);
  }

  private chooseShard(state: ClusterState, asked: ShardId, former: ShardId | undefined): ShardId | Refusal {
    const { topology } = state;
    const exists = (name: ShardId) => topology.shards.some((shard) => shard.shard === name);
    if (asked !== '') {
      return exists(asked) ? asked : { cause: 'no-such-shard', message: `there is no shard ${asked} yet` };
    }
    if (former !== undefined) return former;
    const planned = topology.formed ? planReadShard(topology) : undefined;
    return planned ?? { cause: 'no-such-shard', message: `the cluster is not formed: ${describeWait(topology)}` };
  }

  private joinShard(
    current: ClusterState,
    target: ShardId,
    registration: Registration,
    replaced: readonly StoreId[],
  ): Admission {
    const forgotten = [...replaced];
    let state = current;
    let place = placeOf(state, (_, shard) => shard.shard === target);
    if (place !== undefined && place.shard.members.length >= maxShardMembers) {
      const dead = placeOf(
        state,
        (member, shard) =>
          shard.shard === target && member.store !== shard.primary && !this.detector.isAlive(member.store),
      );
      if (dead === undefined) return refused('invalid', `shard ${target} has ${maxShardMembers} members, the limit`);
      forgotten.push(dead.member.store);
      state = withoutMember(state, dead);
      place = placeOf(state, (_, shard) => shard.shard === target);
    }
    if (place === undefined) return refused('no-such-shard', `there is no shard ${target} yet`);
    const entry = { member: memberOf(registration, 'learner'), incarnation: registration.incarnation };
    return { kind: 'admitted', state: withMember(state, place, entry), forgotten };
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
    for (const { shard } of topology.shards) {
      const configuration = configurationOf(this.current, shard);
      if (configuration === undefined || sameConfiguration(configurationOf(before, shard), configuration)) continue;
      for (const session of this.sessionsOfShard(shard)) {
        effects.push({ kind: 'send', session, message: { kind: 'configuration', configuration } });
      }
    }
    return effects;
  }

  private sessionsOfShard(shardId: ShardId): readonly SessionId[] {
    const shard = this.current.topology.shards.find((candidate) => candidate.shard === shardId);
    const sessions = shard?.members.map((member) => this.sessionOfStore.get(member.store)) ?? [];
    return sessions.filter((session) => session !== undefined);
  }
}

function memberOf(registration: Registration, role: MemberRole): Member {
  const { node, store, endpoints, host, pid } = registration;
  return { node, store, role, alive: true, endpoints, host, pid };
}

function sameInfo(left: InfoNode, right: InfoNode): boolean {
  return (
    left.node === right.node &&
    left.host === right.host &&
    left.pid === right.pid &&
    sameEndpoints(left.endpoints, right.endpoints)
  );
}

function describeWait(topology: Topology): string {
  const missing = topology.initialShards - topology.shards.length;
  return `waits for ${missing} of ${topology.initialShards} write shards`;
}

/** Why not all keys are served, for people; empty: they are. */
export function waitsFor(topology: Topology): readonly string[] {
  if (!topology.formed) return [describeWait(topology)];
  const owners = new Set(topology.keyspaces.flatMap((keyspace) => keyspace.slots.map((range) => range.shard)));
  const waits: string[] = [];
  for (const shard of topology.shards) {
    const primary = shard.members.find((member) => member.store === shard.primary);
    if (owners.has(shard.shard) && primary?.alive !== true) {
      waits.push(`shard ${shard.shard} waits for its write shard ${primary?.node ?? shard.primary}`);
    }
  }
  return waits;
}
