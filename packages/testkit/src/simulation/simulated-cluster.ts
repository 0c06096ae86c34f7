import type { ClusterState, PromoteWish, StoreId } from '@edis/core';
import { EdisError } from '@edis/core';
import { Info, settings as infoSettings } from '@edis/info';
import type { Logger } from '@edis/process';
import { createLogger, defineSettings } from '@edis/process';
import { Member, memberSettings } from '@edis/shard';
import { Store } from '@edis/store';
import type { Incarnation } from './incarnation.ts';
import { LeaderObserver } from './leader-observer.ts';
import type { Breach, LostLog } from './log-observer.ts';
import { LogObserver, lostLogOf } from './log-observer.ts';
import { OperatorWish } from './operator-wish.ts';
import type { ScenarioShape } from './scenario-shape.ts';
import { SimulatedClient } from './simulated-client.ts';
import { InfoMemory, SimulatedInfoStore } from './simulated-info-store.ts';
import type { RunningProgram, SimulatedProcess } from './simulated-process.ts';
import type { SimulatedWorld } from './simulated-world.ts';
import { mayLose } from './store-loss.ts';
import { StoreObserver } from './store-observer.ts';
import { watchedNetwork } from './watched-network.ts';

export interface SimulatedClusterOptions {
  readonly world: SimulatedWorld;
  readonly shape: ScenarioShape;
  /** What a client's call waits for its answer. */
  readonly timeoutMs: number;
}

/** What stands in a fault for the member that leads when it happens. */
export const primaryRole = 'primary';

const infoAddress = 'info:7400';
const memberPort = 7410;
/** More than a run writes: beyond that much log, what only one member has is in no receipt. */
const retentionBytesMax = 16 * 1024 * 1024;
/** Whatever info is started first. */
export const clusterId = 'simulated';

/** A whole cluster of one shard in a simulated world: an info, members, and clients. */
export class SimulatedCluster {
  readonly info: SimulatedProcess;
  readonly members: readonly SimulatedProcess[];
  readonly clients: readonly SimulatedClient[];
  /** What each running member keeps its data in. */
  readonly stores = new Map<string, Store>();
  readonly breaches: Breach[] = [];
  readonly log: LogObserver;
  /** Logs that were lost with a disk, or with a member that left for good. */
  readonly lostLogs: LostLog[] = [];
  /** Texts of receipts that were lost with a disk. */
  readonly lostReceipts: string[] = [];
  /** What an operator has given up. */
  readonly unsafe = new OperatorWish();
  readonly #observer: StoreObserver;
  readonly #leaders: LeaderObserver;
  readonly #lostStores = new Set<StoreId>();
  /** Names of members that have left for good. */
  readonly #gone = new Set<string>();
  /** Those of them of whom info is told at its start. */
  #forgotten: readonly string[] = [];
  readonly #world: SimulatedWorld;
  readonly #shape: ScenarioShape;
  readonly #memory = new InfoMemory((state) => this.unsafe.onSaved(state));
  #infoRole: Info | undefined;

  constructor({ world, shape, timeoutMs }: SimulatedClusterOptions) {
    this.#shape = shape;
    this.#world = world;
    this.log = new LogObserver((breach) => this.breach(breach));
    this.#observer = new StoreObserver((breach) => this.breach(breach));
    this.#leaders = new LeaderObserver({
      hasSynced: (store, position, epoch) => this.#observer.hasSynced(store, position, epoch),
      onBreach: (breach) => this.breach(breach),
    });
    world.time.onSettled(() => {
      this.#observer.look();
      this.#leaders.look();
    });
    this.info = world.add('info', (life) => this.#runInfo(life));
    const numbers = Array.from({ length: shape.members + shape.lateMembers }, (_, index) => index + 1);
    this.members = numbers.map((number) => world.add(`m${number}`, (life) => this.#runMember(life, number === 1)));
    const clients: SimulatedClient[] = [];
    for (let number = 1; number <= shape.clients; number++) {
      const process = world.add(`c${number}`, async (life) => {
        const network = world.networkOf(life);
        clients.push(new SimulatedClient({ life, network, info: [infoAddress], timeoutMs, ...shape.client }));
        return {};
      });
      process.start();
    }
    this.clients = clients;
  }

  start(): void {
    for (const process of [this.info, ...this.members.slice(0, this.#shape.members)]) process.start();
  }

  breach(breach: Breach): void {
    this.breaches.push(breach);
    this.#world.note('BROKEN', `${breach.rule}: ${breach.what}`);
  }

  /** Who leads, as info has written it down; a name that is no role stands for itself. */
  whoIs(name: string): string {
    if (name !== primaryRole) return name;
    const [shard] = this.#memory.state?.topology.shards ?? [];
    return shard?.members.find(({ store }) => store === shard.primary)?.node ?? 'm1';
  }

  /** A member comes that was not there yet. */
  join(): void {
    this.members
      .slice(this.#shape.members)
      .find(({ state }) => state === 'off')
      ?.start();
  }

  /** An operator wants another primary: a certain one, or anybody else when that is none or leads already. */
  handOver(wanted: string): void {
    const [shard] = this.#memory.state?.topology.shards ?? [];
    const followers = shard?.members.filter(({ store }) => store !== shard.primary).map(({ node }) => node) ?? [];
    const node = followers.includes(wanted) ? wanted : followers[0];
    if (shard !== undefined && node !== undefined) this.#promote({ shard: shard.shard, node, isUnsafe: false });
  }

  /** An operator takes a certain member, or the best of those that are there, whatever only the others have. */
  promoteUnsafe(wanted: string): void {
    const [shard] = this.#memory.state?.topology.shards ?? [];
    const isMember = shard?.members.some(({ node }) => node === wanted) ?? false;
    if (shard === undefined) return;
    this.#promote({ shard: shard.shard, node: isMember ? wanted : '', isUnsafe: true });
  }

  #promote(wish: PromoteWish): void {
    const { nowMs } = this.#world.time;
    // From now on and not from its acceptance: that comes back when the promotion may have begun.
    if (wish.isUnsafe) this.#leaders.onUnsafe();
    const what = `promote ${wish.isUnsafe ? '--unsafe ' : ''}${wish.node}`;
    this.#infoRole?.promote(wish).then(
      (reply) => {
        if (wish.isUnsafe && reply.kind === 'accepted') this.unsafe.onAccepted(nowMs);
        this.#world.note('operator', `${what}: ${reply.kind}`);
      },
      (caught: unknown) => this.#world.note('operator', `${what}: ${EdisError.from(caught).message}`),
    );
  }

  /** A member loses its disk, if the group is one that survives it. */
  wipe(name: string, downMs: number): void {
    const process = this.members.find((member) => member.name === name);
    const store = this.stores.get(name);
    if (process === undefined || store === undefined || !this.#mayLose(store)) return;
    this.#lostStores.add(store.identity.store);
    this.lostLogs.push(lostLogOf(store));
    this.lostReceipts.push(...process.disk.filesIn('receipts'));
    process.wipe(downMs);
    this.#observer.onLost(name);
  }

  /** A member leaves for good, if the group is one that survives it: in order, within that time, or without a word. */
  leave(name: string, withinMs?: number): void {
    const process = this.members.find((member) => member.name === name);
    const store = this.stores.get(name);
    if (process === undefined || store === undefined || !this.#mayLose(store)) return;
    this.#lostStores.add(store.identity.store);
    this.#gone.add(name);
    process.retire();
    if (withinMs === undefined) process.crash(false);
    else process.terminate(withinMs);
  }

  /** An operator starts info again, and says of everybody who is gone that he never comes back. */
  forgetGone(withinMs: number, downMs: number): void {
    this.#forgotten = [...this.#gone];
    this.info.terminate(withinMs, downMs);
  }

  #mayLose({ identity }: Store): boolean {
    const states = [this.#memory.state, this.#memory.pending].filter((state) => state !== undefined);
    const isBearable = (state: ClusterState): boolean =>
      state.records.every((record) => mayLose(record, identity.store, this.#lostStores));
    return states.length > 0 && states.every(isBearable);
  }

  /** All members that have not left run, are level, and hold the same. */
  get isLevel(): boolean {
    const staying = this.members.filter(({ name }) => !this.#gone.has(name));
    const stores = staying.flatMap(({ name }) => this.stores.get(name) ?? []);
    const [first] = stores;
    if (first === undefined || stores.length < staying.length) return false;
    const { epoch, position } = first.lastEntry;
    return stores.every(({ lastEntry, viewPosition, contentHash }) => {
      const isAtEnd = lastEntry.position === position && lastEntry.epoch === epoch && viewPosition === position;
      return isAtEnd && contentHash === first.contentHash;
    });
  }

  /** Whether a member counts in its group's quorum, as info has written it down. */
  counts(name: string): boolean {
    const [shard] = this.#memory.state?.topology.shards ?? [];
    const store = shard?.members.find(({ node }) => node === name)?.store;
    return store !== undefined && (this.#memory.state?.records[0]?.members.includes(store) ?? false);
  }

  /** Of the shard, as info has written it down: how many members it is meant to have. */
  get configuredSize(): number {
    return this.#memory.state?.records[0]?.configuredSize ?? 0;
  }

  async #runInfo(life: Incarnation): Promise<RunningProgram> {
    const { leaseMs, info: times } = this.#shape;
    const config = {
      ...infoDefaults,
      listen: '0.0.0.0:7400',
      advertise: [{ network: '', address: infoAddress }],
      initialShards: 1,
      forget: this.#forgotten,
      node: 'info',
      leaseMs,
      ...times,
    };
    const random = this.#world.random.split(`info store ${life.number}`);
    const info = new Info(config, {
      ...this.#surroundings(life),
      store: new SimulatedInfoStore(this.#memory, life, random),
      newNode: 'info',
      newCluster: clusterId,
      nowMs: life.monotonicMs,
    });
    this.#infoRole = info;
    life.onEnd(() => {
      if (this.#infoRole === info) this.#infoRole = undefined;
    });
    await info.start();
    return endable(info);
  }

  async #runMember(life: Incarnation, forms: boolean): Promise<RunningProgram> {
    const { name } = life.process;
    const { store: sizes, member: shape } = this.#shape;
    const store = await Store.open({
      directory: 'data',
      environment: this.#observer.environmentOf(name, life.process.disk.environmentOf(life)),
      newStoreId: () => `${name}-${life.newId(8)}`,
      ...sizes,
      retentionBytesMax,
    });
    this.log.observe(store, name, life.number);
    this.#observer.onOpened(name, store);
    this.stores.set(name, store);
    const storeId = store.identity.store;
    life.onEnd(() => {
      this.#observer.onEnded(name);
      this.#leaders.onEnded(storeId);
      if (this.stores.get(name) === store) this.stores.delete(name);
      // Whoever leaves takes care of its receipts; what only its log has nobody will see again.
      if (this.#gone.has(name)) this.lostLogs.push(lostLogOf(store));
    });
    const config = {
      ...memberDefaults,
      listen: `0.0.0.0:${memberPort}`,
      advertise: [{ network: '', address: `${name}:${memberPort}` }],
      data: 'data',
      info: [infoAddress],
      node: name,
      busyPollUs: 0,
      replicationDelayMs: 0,
      ...shape,
    };
    const surroundings = this.#surroundings(life);
    const member = new Member(config, {
      ...surroundings,
      network: watchedNetwork(surroundings.network, {
        onSaid: (message) => this.#observer.onSaid(name, message),
        onAcknowledged: (position) => this.#leaders.onAcknowledged(storeId, position),
      }),
      role: forms ? 'write-shard' : 'read-shard',
      node: name,
      store,
      incarnation: life.mark,
      wallMs: life.wallMs,
      monotonicMs: life.monotonicMs,
      continuousMs: life.continuousMs,
      random: life.random,
    });
    // Making it looks at its clock, a step at which the process may have ended.
    if (life.alive) this.#leaders.onStarted(storeId, { name, member, store, clocks: life.process.clock });
    await store.saveIdentity({ node: name });
    await member.start();
    return endable(member);
  }

  #surroundings(life: Incarnation) {
    return {
      network: this.#world.networkOf(life),
      timers: life.timers,
      logger: this.#logger(life),
      host: life.process.name,
      pid: life.number,
    };
  }

  /** The log of a process goes into the trace. */
  #logger(life: Incarnation): Logger {
    const write = (line: string): void => {
      if (life.alive) this.#world.note(life.process.name, `log ${textOf(line)}`);
    };
    return createLogger({ name: life.process.name, level: 'info', destination: { write } });
  }
}

/** Reading a command line takes as long as a hundred simulated milliseconds: once is enough. */
const infoDefaults = infoSettings.parse([], {});
const memberDefaults = defineSettings(memberSettings()).parse([], {});

/** What a process does with its role when it is told to end. */
function endable(role: {
  readonly failed?: Promise<EdisError>;
  drain(): Promise<void>;
  close(): Promise<void>;
}): RunningProgram {
  const end = async (): Promise<void> => {
    await role.drain();
    await role.close();
  };
  return role.failed === undefined ? { end } : { failed: role.failed, end };
}

/** What a line of the log says, without what differs between two runs. */
function textOf(line: string): string {
  const parsed: unknown = JSON.parse(line);
  if (typeof parsed !== 'object' || parsed === null) return line;
  const facts = Object.entries(parsed).filter(([name]) => !['level', 'time', 'pid', 'name', 'event'].includes(name));
  return facts.map(([name, value]) => (name === 'msg' ? String(value) : `${name}=${JSON.stringify(value)}`)).join(' ');
}
