import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Cluster } from './cluster.ts';
import type { ClusterState } from './cluster-state.ts';
import { checkClusterState } from './cluster-state.ts';
import type { GroupMemberEffect, MemberFacts } from './group-member.ts';
import { GroupMember } from './group-member.ts';
import type { LeadingEffect, LeadingFacts } from './leading-group.ts';
import { LeadingGroup } from './leading-group.ts';
import type { Configuration, InfoMessage, NodeMessage } from './node-message.ts';
import { EventSteps, Pipe } from './testing/event-steps.ts';

/**
 * A whole shard in a toy world: the real machines of members, primary and info, logs that are arrays, and nothing else.
 * Messages take their time, links break, processes freeze, die and lose what was not synced, clocks drift.
 */

const leaseMs = 2000;
const beaconMs = 250;
const marginOfDrift = 0.04;

interface Entry {
  readonly epoch: number;
  readonly id: number;
}

/** One member's process. What outlives it is the store's. */
class Process {
  readonly store: ToyStore;
  readonly incarnation: number;
  readonly group: GroupMember;
  leading: LeadingGroup | undefined;
  session: { readonly id: number; readonly toInfo: Pipe; readonly toNode: Pipe; isCurrent: boolean } | undefined;
  stream: Stream | undefined;
  readonly followers = new Map<string, Stream>();
  readonly waiting: { readonly position: number; readonly id: number }[] = [];
  isSyncing = false;
  nextDialMs = 0;

  constructor(store: ToyStore, incarnation: number) {
    this.store = store;
    this.incarnation = incarnation;
    const { name: self, configuration, promisedEpoch } = store;
    const longestLeaseMs = configuration?.leaseMs ?? 0;
    this.group = new GroupMember({ self, configuration, longestLeaseMs, promisedEpoch, startMs: store.monotonicMs });
  }

  get isAlive(): boolean {
    return this.store.process === this;
  }

  get mayAct(): boolean {
    const { store, leading } = this;
    return leading?.mayAct(store.monotonicMs, store.world.nowMs) === true;
  }

  get memberFacts(): MemberFacts {
    const { store, leading } = this;
    const nowMs = store.monotonicMs;
    return { lastEntry: store.lastEntry, leaseHeld: leading?.isLeaseHeld(nowMs, store.world.nowMs) === true, nowMs };
  }

  get leadingFacts(): LeadingFacts {
    const { log, monotonicMs, world } = this.store;
    return { lastPosition: log.length, nowMs: monotonicMs, wallMs: world.nowMs };
  }

  say(message: NodeMessage): void {
    const { session, store } = this;
    session?.toInfo.send(() => store.world.hear(session.id, message));
  }

  carryOut(effects: readonly GroupMemberEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'answer') this.say({ kind: 'promise', answer: effect.answer });
      else if (effect.kind === 'stop-leading') this.stopLeading();
      else if (effect.kind === 'save-promise') this.savePromise(effect.epoch);
      else if (effect.part.kind !== 'leading') this.stream?.close();
      else if (this.leading?.since !== effect.part.since) this.open(effect.part.since);
    }
  }

  stopLeading(): void {
    this.leading?.stop();
    this.leading = undefined;
    this.waiting.length = 0;
    for (const stream of this.followers.values()) stream.close();
    this.followers.clear();
    this.carryOut(this.group.onStopped(this.memberFacts));
  }

  savePromise(epoch: number): void {
    this.stream?.close();
    this.store.later(80, this, () => {
      this.store.promisedEpoch = epoch;
      this.carryOut(this.group.onPromiseSaved(this.memberFacts));
    });
  }

  open(since: number): void {
    const { configuration } = this.group;
    const { store } = this;
    if (configuration === undefined) return;
    this.stream?.close();
    expect(store.world.reigns.get(since) ?? this).toBe(this);
    store.world.reigns.set(since, this);
    const openingPosition = store.log.length + 1;
    this.leading = new LeadingGroup({
      ...{ self: store.name, configuration, openingPosition },
      ...{ unreplicatedBytesMax: 0, nowMs: store.monotonicMs },
    });
    this.append({ epoch: since, id: store.world.nextId() });
  }

  append(...entries: readonly Entry[]): void {
    this.store.log.push(...entries);
    this.leading?.onSyncWanted(this.store.log.length, this.store.monotonicMs);
    this.sync();
  }

  sync(): void {
    const { store } = this;
    if (this.isSyncing || store.synced === store.log.length) return;
    this.isSyncing = true;
    const upTo = store.log.length;
    store.later(60, this, () => {
      this.isSyncing = false;
      // What was cut meanwhile, and what took its place, is not synced by that.
      if (store.cutAtMs < store.world.nowMs - 200)
        store.synced = Math.max(store.synced, Math.min(upTo, store.log.length));
      const { leading } = this;
      if (leading !== undefined) this.lead(leading.onSynced(store.synced, this.leadingFacts));
      this.stream?.acknowledge();
      this.sync();
    });
  }

  lead(effects: readonly LeadingEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'activate') this.store.world.checkKept(this.store.log);
      // Nothing is asked for in a session whose first configuration, which says what came true, is under way.
      else if (effect.kind === 'resume' || this.session?.isCurrent !== true) continue;
      else if (effect.kind === 'propose') this.say({ kind: 'propose', proposal: effect.proposal });
      else this.say({ kind: 'handed-over', epoch: this.leading?.configuration.epoch ?? 0, to: effect.to });
    }
  }

  onInfo(message: InfoMessage): void {
    const { group, leading, session } = this;
    if (message.kind === 'registered') group.onSession();
    if (message.kind === 'configuration') this.onConfiguration(message.configuration, session?.isCurrent === false);
    if (message.kind === 'prepare') this.carryOut(group.onPrepare(message.prepare, this.memberFacts));
    if (leading === undefined) return;
    if (message.kind === 'proposal-refused') this.lead(leading.onProposalRefused(message.epoch, this.leadingFacts));
    if (message.kind === 'hand-over') this.lead(leading.handOver(message.to, this.leadingFacts));
  }

  onConfiguration(configuration: Configuration, isFresh: boolean): void {
    const { group, store } = this;
    if (configuration.epoch < (group.configuration?.epoch ?? 0)) return;
    store.configuration = configuration;
    const former = group.configuration?.primary;
    this.carryOut(group.onConfiguration(configuration, this.memberFacts));
    if (former !== configuration.primary) this.stream?.close();
    if (this.leading !== undefined) this.lead(this.leading.onConfiguration(configuration, isFresh, this.leadingFacts));
    if (this.session !== undefined) this.session.isCurrent = true;
  }

  tick(isBeat: boolean): void {
    const { store, group, leading } = this;
    const { world } = store;
    if (isBeat) this.report();
    this.carryOut(group.tick(this.memberFacts));
    if (world.nowMs >= this.nextDialMs) {
      this.nextDialMs = world.nowMs + 100;
      if (this.session === undefined) world.connect(this);
      const { part } = group;
      if (part.kind === 'following' && this.stream === undefined) world.dial(this, part.primary, part.epoch);
    }
    if (leading === undefined) return;
    this.lead(leading.tick(this.leadingFacts));
    for (const stream of this.followers.values()) stream.feed();
    const number = isBeat ? leading.beacon(this.leadingFacts) : undefined;
    if (number !== undefined) for (const stream of this.followers.values()) stream.beacon(leading, number);
    if (!this.mayAct) return;
    while (this.waiting[0] !== undefined && this.waiting[0].position <= leading.quorumPosition) {
      world.acknowledged.push(...this.waiting.splice(0, 1));
    }
    if (leading.state.kind === 'active' && leading.hasQuorum && world.random() < 0.2) this.write();
  }

  write(): void {
    const { leading, store } = this;
    if (leading === undefined) return;
    const id = store.world.nextId();
    this.append({ epoch: leading.since, id });
    leading.onQuorumWanted(store.log.length);
    this.waiting.push({ position: store.log.length, id });
  }

  report(): void {
    const serving = this.leading === undefined ? this.stream !== undefined : this.mayAct;
    const at = this.store.lastEntry;
    const counts = { lagEntries: 0, lagMs: 0, recordCount: 0, operationsPerSecond: 0 };
    this.say({ kind: 'report', report: { lastEntry: at, applied: at, serving, ...counts } });
  }
}

/** A data directory, and the machine that it is on. */
class ToyStore {
  readonly world: World;
  readonly name: string;
  readonly rate: number;
  configuration: Configuration | undefined;
  promisedEpoch = 0;
  readonly log: Entry[] = [];
  synced = 0;
  cutAtMs = Number.NEGATIVE_INFINITY;
  process: Process | undefined;
  frozenUntilMs = 0;

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
    this.rate = 1 + (world.random() * 2 - 1) * marginOfDrift;
  }

  get monotonicMs(): number {
    return 1000 + this.world.nowMs * this.rate;
  }

  get isFrozen(): boolean {
    return this.world.nowMs < this.frozenUntilMs;
  }

  get lastEntry(): { epoch: number; position: number } {
    return { epoch: this.log.at(-1)?.epoch ?? 0, position: this.log.length };
  }

  /** Carried out by the process, if it still lives, once it does not stand still. */
  later(maxMs: number, process: Process, run: () => void): void {
    const attempt = (): void => {
      if (!process.isAlive) return;
      if (this.isFrozen) this.world.events.after(this.frozenUntilMs - this.world.nowMs, attempt);
      else run();
    };
    this.world.events.after(1 + this.world.random() * maxMs, attempt);
  }

  start(): void {
    if (this.process !== undefined) return;
    // What a process finds in its log is synced before it says anything about it.
    this.synced = this.log.length;
    this.process = new Process(this, this.world.nextId());
    this.process.carryOut(this.process.group.start(this.process.memberFacts));
  }

  /** A process that is killed leaves what it wrote; a loss of power takes what was not synced. */
  kill(losesPower: boolean): void {
    const { process } = this;
    if (process === undefined) return;
    this.process = undefined;
    process.stream?.close();
    for (const stream of process.followers.values()) stream.close();
    if (process.session !== undefined) this.world.hangUp(process);
    if (losesPower) this.log.length = this.synced;
  }

  cut(length: number): void {
    this.log.length = length;
    this.synced = Math.min(this.synced, length);
    this.cutAtMs = this.world.nowMs;
  }
}

/** One follower at one primary, log and beacons together. */
class Stream {
  readonly follower: Process;
  readonly primary: Process;
  readonly toPrimary: Pipe;
  readonly toFollower: Pipe;
  #next = 0;
  #isFollowing = false;

  constructor(follower: Process, primary: Process, epoch: number) {
    this.follower = follower;
    this.primary = primary;
    const { events } = follower.store.world;
    const isUp = (): boolean => follower.store.world.isUp(follower.store.name, primary.store.name);
    this.toPrimary = new Pipe(
      events,
      isUp,
      () => primary.store,
      () => this.close(),
    );
    this.toFollower = new Pipe(
      events,
      isUp,
      () => follower.store,
      () => this.close(),
    );
    this.toPrimary.send(() => this.#open(epoch));
  }

  #open(epoch: number): void {
    const { leading, store } = this.primary;
    const { store: copy } = this.follower;
    const isLower = epoch > (leading?.configuration.epoch ?? 0) || copy.lastEntry.epoch > (leading?.since ?? 0);
    if (leading === undefined || !this.primary.isAlive || isLower) {
      this.close();
      return;
    }
    let agreed = 0;
    while (agreed < copy.log.length && copy.log[agreed]?.id === store.log[agreed]?.id) agreed += 1;
    this.toFollower.send(() => {
      if (agreed < copy.log.length) copy.cut(agreed);
      this.#isFollowing = true;
      this.acknowledge();
    });
    this.#next = agreed;
    this.primary.followers.get(copy.name)?.close();
    this.primary.followers.set(copy.name, this);
    leading.onFollower(copy.name);
  }

  feed(): void {
    const { log } = this.primary.store;
    if (this.#next >= log.length) return;
    const entries = log.slice(this.#next);
    this.#next = log.length;
    this.toFollower.send(() => this.follower.append(...entries));
  }

  beacon(leading: LeadingGroup, number: number): void {
    const { follower, primary } = this;
    const { epoch } = leading.configuration;
    const { since, leaseMs: askedMs } = leading;
    this.toFollower.send(() => {
      const { store, group } = follower;
      if (!group.onBeacon(primary.store.name, epoch, since, askedMs, store.monotonicMs)) return;
      this.toPrimary.send(() => leading.onGrant(store.name, number));
    });
  }

  acknowledge(): void {
    if (!this.#isFollowing) return;
    const { synced, name } = this.follower.store;
    this.toPrimary.send(() => {
      const { leading } = this.primary;
      if (leading !== undefined) this.primary.lead(leading.onAcknowledged(name, synced, this.primary.leadingFacts));
    });
  }

  close(): void {
    this.toPrimary.close();
    this.toFollower.close();
    if (this.follower.stream === this) this.follower.stream = undefined;
    const { name } = this.follower.store;
    if (this.primary.followers.get(name) !== this) return;
    this.primary.followers.delete(name);
    this.primary.leading?.onFollowerGone(name);
  }
}

const infoName = 'info';

class World {
  readonly events = new EventSteps((): number => this.random());
  readonly stores: readonly ToyStore[];
  readonly reigns = new Map<number, Process>();
  readonly acknowledged: { readonly position: number; readonly id: number }[] = [];
  readonly cutUntilMs = new Map<string, number>();
  #state: ClusterState | undefined;
  #cluster: Cluster | undefined;
  readonly #sessions = new Map<number, Process>();
  #seed: number;
  #id = 0;
  #epoch = 0;

  constructor(seed: number, size: number) {
    this.#seed = seed;
    this.stores = Array.from({ length: size }, (_, index) => new ToyStore(this, `s${index}`));
    this.startInfo();
  }

  get nowMs(): number {
    return this.events.nowMs;
  }

  /** mulberry32 */
  random(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  nextId(): number {
    this.#id += 1;
    return this.#id;
  }

  isUp(left: string, right: string): boolean {
    return this.nowMs >= (this.cutUntilMs.get([left, right].toSorted().join()) ?? 0);
  }

  startInfo(): void {
    if (this.#cluster !== undefined) return;
    const self = { node: infoName, endpoints: [{ network: '', address: 'info:1' }], host: '', pid: 1 };
    const times = { reportMs: beaconMs, deadAfterMs: 3000, leaseMs, rollCallMs: 3000, fencing: 0 };
    this.#cluster = new Cluster({ initialShards: 1, ...times, self, newCluster: 'c', state: this.#state });
    this.run(this.#cluster.start(this.nowMs));
  }

  stopInfo(): void {
    this.#cluster = undefined;
    for (const process of this.#sessions.values()) this.drop(process);
    this.#sessions.clear();
  }

  connect(process: Process): void {
    const cluster = this.#cluster;
    const { store, incarnation, group } = process;
    if (cluster === undefined || !this.isUp(store.name, infoName)) return;
    const id = this.nextId();
    const isUp = (): boolean => this.isUp(store.name, infoName);
    const onBroken = (): void => {
      if (process.session?.id === id) this.hangUp(process);
    };
    const toInfo = new Pipe(this.events, isUp, () => undefined, onBroken);
    const toNode = new Pipe(this.events, isUp, () => store, onBroken);
    process.session = { id, toInfo, toNode, isCurrent: false };
    this.#sessions.set(id, process);
    cluster.onOpen(id, this.nowMs);
    const { lastEntry, name } = store;
    const registration = {
      ...{ node: name, store: name, cluster: '', host: '', pid: 0, incarnation, lastEntry },
      role: name === 's0' ? ('write-shard' as const) : ('read-shard' as const),
      shard: 's1',
      endpoints: [{ network: '', address: name }],
      seenEpoch: group.configuration?.epoch ?? 0,
      promisedEpoch: group.fence,
    };
    process.say({ kind: 'register', registration });
  }

  hear(session: number, message: NodeMessage): void {
    if (this.#cluster !== undefined) this.run(this.#cluster.onMessage(session, message, this.nowMs));
  }

  drop(process: Process): void {
    process.session?.toInfo.close();
    process.session?.toNode.close();
    process.session = undefined;
  }

  /** A session ends; info hears of it a while later. */
  hangUp(process: Process): void {
    const id = process.session?.id ?? 0;
    this.drop(process);
    this.#sessions.delete(id);
    this.events.after(50, () => {
      if (this.#cluster !== undefined) this.run(this.#cluster.onDisconnect(id, this.nowMs));
    });
  }

  run(effects: ReturnType<Cluster['tick']>): void {
    for (const effect of effects) {
      if (effect.kind === 'persist') {
        checkClusterState(effect.state);
        this.#state = effect.state;
        const epoch = effect.state.records[0]?.epoch ?? 0;
        expect(epoch).toBeGreaterThanOrEqual(this.#epoch);
        this.#epoch = epoch;
      } else if (effect.kind === 'send') {
        const process = this.#sessions.get(effect.session);
        const { message } = effect;
        process?.session?.toNode.send(() => process.onInfo(message));
      } else if (effect.kind === 'end-session') {
        const process = this.#sessions.get(effect.session);
        if (process?.session?.id === effect.session) this.drop(process);
        this.#sessions.delete(effect.session);
      }
    }
  }

  dial(follower: Process, primary: string, epoch: number): void {
    const target = this.stores.find((store) => store.name === primary)?.process;
    if (target === undefined || !this.isUp(follower.store.name, primary)) return;
    follower.stream = new Stream(follower, target, epoch);
  }

  handOver(store: string): void {
    const cluster = this.#cluster;
    if (cluster !== undefined)
      this.run(cluster.onPromote({ shard: 's1', node: store, isUnsafe: false }, this.nowMs).effects);
  }

  /** Nothing that a quorum acknowledged is missing in the log of a primary that begins to act. */
  checkKept(log: readonly Entry[]): void {
    for (const { position, id } of this.acknowledged) expect(log[position - 1]?.id).toBe(id);
  }

  pass(milliseconds: number): void {
    for (const endMs = this.nowMs + milliseconds; this.nowMs < endMs; ) {
      this.events.step();
      if (this.nowMs % 50 === 0 && this.#cluster !== undefined) this.run(this.#cluster.tick(this.nowMs));
      for (const { process, isFrozen } of this.stores) {
        if (!isFrozen) process?.tick(this.nowMs % beaconMs === 0);
      }
      const acting = this.stores.filter(({ process, isFrozen }) => !isFrozen && process?.mayAct === true);
      expect(acting.length).toBeLessThanOrEqual(1);
    }
  }
}

const fault = fc.record({
  kind: fc.constantFrom('kill', 'power', 'freeze', 'link', 'link', 'info-link', 'info', 'hand-over'),
  afterMs: fc.integer({ min: 0, max: 1500 }),
  forMs: fc.integer({ min: 0, max: 4000 }),
  store: fc.nat(3),
  other: fc.nat(3),
});

function inflict(
  world: World,
  { kind, forMs, store: index, other }: typeof fault extends fc.Arbitrary<infer F> ? F : never,
): void {
  const store = world.stores[index % world.stores.length];
  const peer = world.stores[other % world.stores.length];
  if (store === undefined || peer === undefined) return;
  const untilMs = world.nowMs + forMs;
  if (kind === 'kill' || kind === 'power') {
    store.kill(kind === 'power');
    world.events.after(forMs, () => store.start());
  } else if (kind === 'freeze') {
    store.frozenUntilMs = untilMs;
  } else if (kind === 'info') {
    world.stopInfo();
    world.events.after(forMs, () => world.startInfo());
  } else if (kind === 'hand-over') {
    world.handOver(store.name);
  } else {
    world.cutUntilMs.set([store.name, kind === 'link' ? peer.name : infoName].toSorted().join(), untilMs);
  }
}

test('one member acts at a time, what a quorum has stays, epochs rise, and after the last fault it goes on', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.integer({ min: 1, max: 4 }),
      fc.array(fault, { minLength: 1, maxLength: 14 }),
      (seed, size, faults) => {
        const world = new World(seed, size);
        for (const store of world.stores) store.start();
        world.pass(2500);
        for (const event of faults) {
          inflict(world, event);
          world.pass(event.afterMs);
        }
        world.cutUntilMs.clear();
        world.startInfo();
        for (const store of world.stores) {
          store.frozenUntilMs = 0;
          store.start();
        }
        world.pass(15_000);
        const before = world.acknowledged.length;
        world.pass(5000);
        expect(world.acknowledged.length).toBeGreaterThan(before);
        const primary = world.stores.find(({ process }) => process?.mayAct === true);
        world.checkKept(primary?.log ?? []);
      },
    ),
    { numRuns: 40 },
  );
});
