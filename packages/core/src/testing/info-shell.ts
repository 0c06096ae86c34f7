import { Cluster } from '../cluster.ts';
import type { ClusterEffect, SessionId } from '../cluster-effect.ts';
import type { ClusterState, ShardRecord } from '../cluster-state.ts';
import { checkClusterState } from '../cluster-state.ts';
import type {
  Configuration,
  InfoMessage,
  KeyspaceReply,
  NodeMessage,
  NodeReport,
  Prepare,
  RefusalCause,
  Registration,
} from '../node-message.ts';
import type { Position } from '../operation.ts';
import type { Member, Topology } from '../topology.ts';

export const reportMs = 500;
export const deadAfterMs = 3000;
export const leaseMs = 2000;
const rollCallMs = 30_000;

export function registration(node: string, change: Partial<Registration> = {}): Registration {
  return {
    node,
    role: 'write-shard',
    store: `store-${node}`,
    cluster: '',
    shard: '',
    endpoints: [{ network: '', address: `${node}:7410` }],
    lastEntry: { epoch: 0, position: 0 },
    seenEpoch: 0,
    host: 'machine',
    pid: 42,
    incarnation: 1,
    promisedEpoch: 0,
    ...change,
  };
}

export function report(change: Partial<NodeReport> = {}): NodeReport {
  return {
    lastEntry: { epoch: 1, position: 1 },
    applied: { epoch: 1, position: 1 },
    lagEntries: 0,
    lagMs: 0,
    serving: true,
    recordCount: 0,
    operationsPerSecond: 0,
    ...change,
  };
}

export type EffectCheck = (shell: InfoShell, effect: ClusterEffect, effects: readonly ClusterEffect[]) => void;

/** Runs a machine as info does. */
export class InfoShell {
  cluster: Cluster;
  durable: ClusterState | undefined;
  nowMs = 0;
  readonly received = new Map<SessionId, InfoMessage[]>();
  readonly ended: SessionId[] = [];
  readonly replies: KeyspaceReply[] = [];
  watched: Topology | undefined;
  readonly #check: EffectCheck;
  #sessions = 0;

  /** @param check before each effect: what must hold then for whoever sees it */
  constructor(initialShards = 3, check: EffectCheck = () => {}) {
    this.#check = check;
    this.cluster = this.restart(initialShards);
  }

  restart(initialShards = 3): Cluster {
    this.cluster = new Cluster({
      initialShards,
      reportMs,
      deadAfterMs,
      leaseMs,
      rollCallMs,
      fencing: 0,
      self: { node: 'info', endpoints: [{ network: '', address: 'info:7400' }], host: 'machine', pid: 1 },
      newCluster: 'cluster-1',
      state: this.durable,
    });
    this.run(this.cluster.start(this.nowMs));
    this.watched = this.topology;
    return this.cluster;
  }

  run(effects: readonly ClusterEffect[]): void {
    for (const effect of effects) {
      this.#check(this, effect, effects);
      if (effect.kind === 'persist') this.durable = effect.state;
      else if (effect.kind === 'broadcast') this.watched = effect.topology;
      else if (effect.kind === 'send') this.messagesOf(effect.session).push(effect.message);
      else if (effect.kind === 'reply') this.replies.push(effect.reply);
      else this.ended.push(effect.session);
    }
    checkClusterState(this.cluster.state);
  }

  messagesOf(session: SessionId): InfoMessage[] {
    const messages = this.received.get(session) ?? [];
    this.received.set(session, messages);
    return messages;
  }

  register(node: string, change: Partial<Registration> = {}): SessionId {
    const session = ++this.#sessions;
    this.cluster.onOpen(session, this.nowMs);
    this.run(this.cluster.onRegister(session, registration(node, change), this.nowMs));
    return session;
  }

  report(session: SessionId, change: Partial<NodeReport> = {}): void {
    this.run(this.cluster.onReport(session, report(change), this.nowMs));
  }

  disconnect(session: SessionId): void {
    this.run(this.cluster.onDisconnect(session, this.nowMs));
  }

  /** Time goes by in steps as short as info's own. */
  pass(milliseconds: number): void {
    for (const end = this.nowMs + milliseconds; this.nowMs < end; ) {
      this.nowMs += reportMs;
      this.run(this.cluster.tick(this.nowMs));
    }
  }

  /** Time goes by while these report. */
  passHeard(milliseconds: number, ...sessions: readonly (SessionId | undefined)[]): void {
    for (let passed = 0; passed < milliseconds; passed += reportMs) {
      for (const session of sessions) this.report(session ?? 0);
      this.pass(reportMs);
    }
  }

  get topology(): Topology {
    return this.cluster.state.topology;
  }

  form(): readonly SessionId[] {
    return ['w1', 'w2', 'w3'].map((node) => this.register(node));
  }

  memberOf(node: string): (Member & { readonly shard: string; readonly epoch: number }) | undefined {
    for (const shard of this.topology.shards) {
      const member = shard.members.find((candidate) => candidate.node === node);
      if (member !== undefined) return { ...member, shard: shard.shard, epoch: shard.epoch };
    }
    return undefined;
  }

  say(session: SessionId, message: NodeMessage): void {
    this.run(this.cluster.onMessage(session, message, this.nowMs));
  }

  /** What the session was asked to promise last. */
  askedOf(session: SessionId): Prepare | undefined {
    const message = this.messagesOf(session).findLast((candidate) => candidate.kind === 'prepare');
    return message?.kind === 'prepare' ? message.prepare : undefined;
  }

  /** It promises what it was asked. */
  promise(session: SessionId, lastEntry: Position = { epoch: 1, position: 1 }, witness = true): void {
    const promisedEpoch = this.askedOf(session)?.epoch ?? 0;
    this.say(session, { kind: 'promise', answer: { kind: 'promised', promisedEpoch, lastEntry, witness } });
  }

  /** One shard, whose primary w1 has made the replicas members. */
  group(...replicas: readonly string[]): readonly SessionId[] {
    const primary = this.register('w1');
    this.report(primary);
    const sessions = replicas.map((node) => this.register(node, { role: 'read-shard', shard: 's1' }));
    for (const [index, node] of replicas.entries()) {
      this.report(sessions[index] ?? 0);
      const epoch = this.cluster.state.records[0]?.epoch ?? 0;
      this.say(primary, { kind: 'propose', proposal: { epoch, change: 'add', store: `store-${node}` } });
    }
    return [primary, ...sessions];
  }

  get record(): ShardRecord | undefined {
    return this.cluster.state.records[0];
  }

  refusalOf(session: SessionId): RefusalCause | undefined {
    const message = this.messagesOf(session).find((candidate) => candidate.kind === 'refused');
    return message?.kind === 'refused' ? message.cause : undefined;
  }

  configurationsOf(session: SessionId): readonly Configuration[] {
    return this.messagesOf(session).flatMap((message) =>
      message.kind === 'configuration' ? [message.configuration] : [],
    );
  }
}
