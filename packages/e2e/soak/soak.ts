/**
 * Minutes of random faults on real processes: two shards with two replicas each, every link of which can be broken.
 *
 * In rounds, each with a plan and keys of its own: some seconds of faults while callers work, then everything is
 * healed, every member has to vote and to be level again, every key is read once more, and what callers saw is judged.
 * Rounds keep memory bounded, and tell which plan broke something.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeCall, encodeEnding, Random } from '@edis/checker';
import type { Client } from '@edis/client';
import { describeFault, type Fault, FaultCluster, FaultPlay, planFaults, realFaultKinds } from '@edis/testkit';
import { wholeGroup } from '../src/failover-load.ts';
import { type JudgedHistory, JudgedLoad, showFindings } from './judged-load.ts';
import { Receipts } from './receipts.ts';
import { countByAck, gapsOf, type RoundFigures } from './soak-figures.ts';

export interface SoakOptions {
  /** Of the first round; each further one has the next. */
  readonly seed: number;
  /** How long faults happen in each round. */
  readonly faultMs: number;
  /** Whether another round is begun. */
  readonly goesOn: (rounds: number) => boolean;
  readonly onRound: (round: RoundFigures) => void;
  /** Where the history and the logs of a round go that broke a rule. */
  readonly evidence: string;
}

const shards = ['s1', 's2'];
const replicas = 2;
/** Half a lease: faults last for up to ten times as long, and a round has to show more than one of them. */
const faultUnitMs = 1000;
/** Each can be cut off by itself, together with a former primary, say. */
const clients = ['client-1', 'client-2', 'client-3'];
const callers = 12;
const pauseMs = 12;
/** Some calls give up before a failover is over: their outcome is unknown. */
const timeoutsMs = [1000, 2000, 5000];
const defaultTimeoutMs = 5000;
/** Before the first fault callers have found their way. */
const calmMs = 300;
/** Answers that all callers together get when everything is healed. */
const answersAfterwards = 200;
const handOverMs = 3000;
/** Shorter than any reign. */
const lookMs = 50;
const keptLines = 20_000;
/** Besides the plan, primaries are struck, up to three times as far apart. */
const shortestStrikeGapMs = 1500;
const longestStrikeMs = 7000;
const secondStrikeMs = 500;
const strikes = [
  ['kill', 2],
  ['cut-off-and-kill', 2],
  ['cut-off', 3],
  ['pause', 2],
  ['terminate', 1],
  ['hand-over', 1],
] as const;

/** Counts how often another primary is seen to lead a shard. */
class Reigns {
  readonly #timer: NodeJS.Timeout;
  readonly #primaries = new Map<string, string>();
  #changes = -shards.length;

  constructor(observer: Client) {
    const look = () => {
      for (const { shard, primary } of observer.topology().shards) {
        if (primary === '' || this.#primaries.get(shard) === primary) continue;
        this.#primaries.set(shard, primary);
        this.#changes += 1;
      }
    };
    look();
    this.#timer = setInterval(look, lookMs);
  }

  end(): number {
    clearInterval(this.#timer);
    return this.#changes;
  }
}

export class Soak {
  readonly #options: SoakOptions;
  readonly #cluster: FaultCluster;
  readonly #observer: Client;
  readonly #clients: readonly Client[];
  readonly #receipts: Receipts;
  readonly #lines: string[];

  private constructor(
    options: SoakOptions,
    cluster: FaultCluster,
    observer: Client,
    callers: readonly Client[],
    lines: string[],
  ) {
    this.#options = options;
    this.#cluster = cluster;
    this.#observer = observer;
    this.#clients = callers;
    this.#lines = lines;
    this.#receipts = new Receipts(cluster.directory);
  }

  static async run(options: SoakOptions): Promise<Receipts> {
    const lines: string[] = [];
    const cluster = await FaultCluster.start({
      ...{ shards: shards.length, replicas, clients },
      // A shard whose members were all restarted waits for its primary for that long.
      info: ['--roll-call', '5s'],
      onLine: ({ name }, { text }) => {
        lines.push(`${name} ${text}`);
        if (lines.length > keptLines) lines.shift();
      },
    });
    try {
      const observer = await cluster.observer();
      const own = await Promise.all(
        clients.map((name, index) => cluster.client(name, timeoutsMs[index] ?? defaultTimeoutMs)),
      );
      const soak = new Soak(options, cluster, observer, own, lines);
      await soak.#whole();
      for (let rounds = 0; options.goesOn(rounds); rounds += 1) options.onRound(await soak.#round(rounds));
      return soak.#receipts;
    } finally {
      await cluster.close();
    }
  }

  async #round(number: number): Promise<RoundFigures> {
    const seed = this.#options.seed + number;
    const fromMs = performance.now();
    const load = this.#load(seed, `${number}:`);
    const play = this.#play();
    const reigns = new Reigns(this.#observer);
    play.begin({ faults: this.#plan(seed) });
    await this.#strikePrimaries(play, new Random(seed));
    const healedMs = performance.now();
    await play.end();
    await this.#whole();
    await load.more(answersAfterwards);
    const judged = await load.judge(() => this.#receipts.take(this.#cluster.nodes, fromMs, performance.now()));
    const violations = [...showFindings(judged), ...play.errors];
    if (violations.length > 0) await this.#keep(seed, judged, [...play.faults.map(describeFault), ...violations]);
    return {
      ...{ seed, faults: play.faults, figures: judged.figures, undecided: judged.undecided.length, violations },
      writesByAck: countByAck(judged.history),
      gapsMs: gapsOf(judged.history),
      failovers: reigns.end(),
      convergedMs: judged.levelMs - healedMs,
    };
  }

  #plan(seed: number): readonly Fault[] {
    return planFaults({
      ...{ seed, leaseMs: faultUnitMs, kinds: realFaultKinds },
      ...{ fromMs: calmMs, safetyMs: this.#options.faultMs },
      processes: this.#cluster.processes.map(({ name }) => name),
      bystanders: clients,
      acts: ['rolling-restart', 'hand-over'],
    }).faults;
  }

  /** What a plan cannot know: who leads. */
  async #strikePrimaries(play: FaultPlay, random: Random): Promise<void> {
    const startMs = performance.now();
    const goesOn = async (pauseMs: number): Promise<boolean> => {
      const restMs = startMs + this.#options.faultMs - performance.now();
      await sleep(Math.max(0, Math.min(restMs, pauseMs)));
      return pauseMs < restMs;
    };
    while (await goesOn(shortestStrikeGapMs * (1 + 2 * random.next()))) {
      const primary = this.#primaryOf(random.pick(shards.map((shard) => [shard, 1] as const)));
      if (primary === undefined) continue;
      for (const fault of this.#strikes(primary, Math.round(performance.now() - startMs), random)) {
        play.strike(fault);
        if (!(await goesOn(secondStrikeMs))) return;
      }
    }
  }

  #strikes(process: string, atMs: number, random: Random): readonly Fault[] {
    const forMs = Math.round(longestStrikeMs * random.next() ** 2);
    const shard = this.#cluster.process(process).shard;
    const replicas = this.#cluster.nodes.filter(
      (node) => node !== process && this.#cluster.process(node).shard === shard,
    );
    const besides = clients.filter(() => random.next() < 0.4);
    const away = [...this.#cluster.processes.map(({ name }) => name), ...clients].filter(
      (name) => name !== process && !besides.includes(name),
    );
    const kill: Fault = { atMs, kind: 'kill', process, downMs: forMs, afterSteps: 0, of: 'any' };
    switch (random.pick(strikes)) {
      case 'kill':
        return [kill];
      case 'cut-off-and-kill':
        // What it acknowledges in between nobody else has, and it comes back late.
        return [
          { atMs, kind: 'partition', some: [process], others: replicas, forMs: longestStrikeMs },
          { ...kill, downMs: longestStrikeMs },
        ];
      case 'cut-off':
        return [{ atMs, kind: 'partition', some: [process, ...besides], others: away, forMs: longestStrikeMs - forMs }];
      case 'pause':
        return [{ atMs, kind: 'pause', process, forMs }];
      case 'terminate':
        return [{ atMs, kind: 'terminate', process, withinMs: forMs, downMs: forMs }];
      case 'hand-over':
        return [
          { atMs, kind: 'act', act: 'hand-over', process: random.pick(replicas.map((name) => [name, 1] as const)) },
        ];
    }
  }

  #primaryOf(shard: string): string | undefined {
    const found = this.#observer.topology().shards.find((each) => each.shard === shard);
    return found?.members.find(({ store }) => store === found.primary)?.node;
  }

  #load(seed: number, prefix: string): JudgedLoad {
    return new JudgedLoad({
      ...{ seed, prefix, clients: this.#clients, observer: this.#observer, callers, pauseMs },
      acks: [
        ['quorum', 2],
        ['disk', 2],
        ['memory', 1],
      ],
    });
  }

  #play(): FaultPlay {
    const shardOf = (process: string) => this.#cluster.process(process).shard;
    return new FaultPlay({
      links: this.#cluster.links,
      processes: this.#cluster.processes,
      groupOf: (process) =>
        this.#cluster.nodes.filter((node) => node !== process && shardOf(node) === shardOf(process)),
      act: async (_, node) => {
        const shard = shardOf(node);
        // Whether that can be done in the middle of faults is up to them.
        if (shard !== undefined) await this.#observer.promote(shard, { node, timeoutMs: handOverMs }).catch(() => {});
      },
    });
  }

  async #whole(): Promise<void> {
    for (const shard of shards) await wholeGroup(this.#observer, shard, replicas + 1);
  }

  async #keep(seed: number, { history }: JudgedHistory, notes: readonly string[]): Promise<void> {
    await mkdir(this.#options.evidence, { recursive: true });
    const path = (kind: string) => join(this.#options.evidence, `${seed}-${kind}`);
    const entries = history.map((one) => `${encodeCall(one)}${encodeEnding(one.id, one.ending)}`);
    await writeFile(path('history.ndjson'), entries.join(''));
    await writeFile(path('logs.txt'), this.#lines.join('\n'));
    await writeFile(path('violations.txt'), notes.join('\n'));
  }
}
