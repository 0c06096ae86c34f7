import { Info, settings as infoSettings } from '@edis/info';
import type { Logger } from '@edis/process';
import { createLogger, defineSettings } from '@edis/process';
import { Member, memberSettings } from '@edis/shard';
import { Store } from '@edis/store';
import type { Incarnation } from './incarnation.ts';
import type { Breach } from './log-observer.ts';
import { LogObserver } from './log-observer.ts';
import { SimulatedClient } from './simulated-client.ts';
import { InfoMemory, SimulatedInfoStore } from './simulated-info-store.ts';
import type { RunningProgram, SimulatedProcess } from './simulated-process.ts';
import type { SimulatedWorld } from './simulated-world.ts';

export interface SimulatedClusterOptions {
  readonly world: SimulatedWorld;
  /** Members of the one shard; the first one forms it. */
  readonly members: number;
  readonly clients: number;
  readonly leaseMs: number;
  /** What a client's call waits for its answer. */
  readonly timeoutMs: number;
}

const infoAddress = 'info:7400';
const memberPort = 7410;
/** Times of info in leases: with shorter ones than usual, what takes long happens in a short run, too. */
const infoLeases = { '--lease': 1, '--report': 0.2, '--dead-after': 1, '--roll-call': 5 } as const;
const smallSegmentBytes = 64 * 1024;

/** A whole cluster of one shard in a simulated world: an info, members, and clients. */
export class SimulatedCluster {
  readonly info: SimulatedProcess;
  readonly members: readonly SimulatedProcess[];
  readonly clients: readonly SimulatedClient[];
  /** What each running member keeps its data in. */
  readonly stores = new Map<string, Store>();
  readonly breaches: Breach[] = [];
  readonly log: LogObserver;
  readonly #world: SimulatedWorld;
  readonly #options: SimulatedClusterOptions;
  readonly #memory = new InfoMemory();

  constructor(options: SimulatedClusterOptions) {
    const { world } = options;
    this.#options = options;
    this.#world = world;
    this.log = new LogObserver((breach) => this.breach(breach));
    this.info = world.add('info', (life) => this.#runInfo(life));
    const numbers = Array.from({ length: options.members }, (_, index) => index + 1);
    this.members = numbers.map((number) => world.add(`m${number}`, (life) => this.#runMember(life, number === 1)));
    const clients: SimulatedClient[] = [];
    for (let number = 1; number <= options.clients; number++) {
      const process = world.add(`c${number}`, async (life) => {
        const network = world.networkOf(life);
        clients.push(new SimulatedClient({ life, network, info: [infoAddress], timeoutMs: options.timeoutMs }));
        return {};
      });
      process.start();
    }
    this.clients = clients;
  }

  /** Names of the processes that faults may befall. */
  get names(): readonly string[] {
    return [this.info, ...this.members].map(({ name }) => name);
  }

  start(): void {
    for (const process of [this.info, ...this.members]) process.start();
  }

  breach(breach: Breach): void {
    this.breaches.push(breach);
    this.#world.note('BROKEN', `${breach.rule}: ${breach.what}`);
  }

  /** All members run, are level, and hold the same. */
  get isLevel(): boolean {
    const stores = [...this.stores.values()];
    const [first] = stores;
    if (first === undefined || stores.length < this.members.length) return false;
    return stores.every(({ lastEntry, viewPosition, contentHash }) => {
      const { epoch, position } = first.lastEntry;
      const isSame = lastEntry.epoch === epoch && lastEntry.position === position;
      return isSame && viewPosition === position && contentHash === first.contentHash;
    });
  }

  async #runInfo(life: Incarnation): Promise<RunningProgram> {
    const args = ['--listen', '0.0.0.0:7400', '--advertise', infoAddress, '--initial-shards', '1', '--node', 'info'];
    const { leaseMs } = this.#options;
    const times = Object.entries(infoLeases).flatMap(([flag, leases]) => [flag, `${Math.round(leaseMs * leases)}ms`]);
    const config = infoSettings.parse([...args, ...times], {});
    const surroundings = {
      ...this.#surroundings(life),
      store: new SimulatedInfoStore(this.#memory, life),
      newNode: 'info',
      newCluster: life.newId(),
      nowMs: life.monotonicMs,
    };
    const info = new Info(config, surroundings);
    await info.start();
    return info;
  }

  async #runMember(life: Incarnation, forms: boolean): Promise<RunningProgram> {
    const { name } = life.process;
    const store = await Store.open({
      directory: 'data',
      environment: life.process.disk.environmentOf(life),
      newStoreId: () => `${name}-${life.newId(8)}`,
      cacheBytes: smallSegmentBytes,
      segmentBytes: smallSegmentBytes,
      retentionBytes: smallSegmentBytes * 2,
      retentionBytesMax: smallSegmentBytes * 4,
    });
    this.log.observe(store, name, life.number);
    this.stores.set(name, store);
    life.onEnd(() => {
      if (this.stores.get(name) === store) this.stores.delete(name);
    });
    const listen = ['--listen', `0.0.0.0:${memberPort}`, '--advertise', `${name}:${memberPort}`, '--data', 'data'];
    const others = ['--info', infoAddress, '--node', name, '--busy-poll-us', '0'];
    const config = { ...memberTable.parse([...listen, ...others], {}), replicationDelayMs: 0 };
    const role = forms ? 'write-shard' : 'read-shard';
    const member = new Member(config, {
      ...this.#surroundings(life),
      role,
      node: name,
      store,
      incarnation: life.mark,
      wallMs: life.wallMs,
      monotonicMs: life.monotonicMs,
      random: life.random,
    });
    await store.saveIdentity({ node: name });
    await member.start();
    return member;
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
    return createLogger({ name: life.process.name, level: 'info', pretty: false, destination: { write } });
  }
}

const memberTable = defineSettings(memberSettings());

/** What a line of the log says, without what differs between two runs. */
function textOf(line: string): string {
  const parsed: unknown = JSON.parse(line);
  if (typeof parsed !== 'object' || parsed === null) return line;
  const facts = Object.entries(parsed).filter(([name]) => !['level', 'time', 'pid', 'name', 'event'].includes(name));
  return facts.map(([name, value]) => (name === 'msg' ? String(value) : `${name}=${JSON.stringify(value)}`)).join(' ');
}
