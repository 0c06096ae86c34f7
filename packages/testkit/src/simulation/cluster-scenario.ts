import type { FinalRecord, HistoryOperation, JudgementFigures, Loss, MemberDump } from '@edis/checker';
import {
  beginningOf,
  HistoryRecorder,
  judge,
  parseReceipt,
  perform,
  runWorkload,
  showOperation,
  Workload,
} from '@edis/checker';
import { EdisError } from '@edis/core';
import { planFailedAccesses } from './access-plan.ts';
import type { FaultKind } from './fault.ts';
import type { FaultPlan } from './fault-plan.ts';
import { describePlan, faultKinds, planFaults } from './fault-plan.ts';
import { FaultRunner } from './fault-runner.ts';
import { forgetAct, leaveAct, planLeaves, vanishAct } from './leave-plan.ts';
import type { Breach } from './log-observer.ts';
import { planLosses, wipeAct } from './loss-plan.ts';
import type { ScenarioShape } from './scenario-shape.ts';
import { shapeOf } from './scenario-shape.ts';
import type { SimulatedClient } from './simulated-client.ts';
import { clusterId, primaryRole, SimulatedCluster } from './simulated-cluster.ts';
import { SimulatedWorld } from './simulated-world.ts';
import { planUnsafe, unsafeAct } from './unsafe-plan.ts';
import { judgeWrites } from './write-durability.ts';

/** What befalls a cluster, and what that is like. Plain data: kept, it is the same run again. */
export interface ScenarioPlan extends FaultPlan {
  readonly shape: ScenarioShape;
}

export interface ScenarioOptions {
  /** The faults and the work end after so many events at the latest; then it heals and is judged. @default none */
  readonly maxEvents?: number;
}

export interface ScenarioResult {
  readonly plan: ScenarioPlan;
  /** Rules that were broken; none: the run is good. */
  readonly breaches: readonly Breach[];
  /** Keys whose order nobody found, nor that there is none, within the checker's limit. */
  readonly undecided: readonly string[];
  readonly figures: JudgementFigures;
  /** Acknowledged `quorum` writes that an operator gave up by an unsafe promotion, and that a receipt has. */
  readonly givenUp: number;
  /** Members that lost their disk, or left for good. */
  readonly lostStores: number;
  /** Writes that only they had. */
  readonly lostWrites: number;
  /** Epochs in which somebody led. */
  readonly epochCount: number;
  readonly eventCount: number;
  readonly digest: string;
  /** Everything that a person needs to see what went wrong. */
  describe(): string;
}

const losesPower: ReadonlySet<FaultKind> = new Set(['crash', 'blackout']);
/** By then a cluster without faults takes writes. */
const formedLeases = 4;
const formedExtraMs = 1000;
const safetyLeases = 24;
const maxSafetyMs = 15_000;
/** By then a healed cluster takes writes and its members are level, besides what the roll call takes. */
const convergenceMs = 60_000;
const timeoutLeases = 5;
const settleMs = 5000;
const wipedLeases = 2;
/** Shorter than a lease: a restart of info by hand. */
const infoDownLeases = 0.5;
/** Between two looks of all watchers together. */
const watchLeases = 0.05;
/** More than a run writes. */
const unsafeRetentionBytes = 16 * 1024 * 1024;
const scenarioActs = ['join', 'hand-over', wipeAct] as const;

/** The faults of a seed's run, and its shape. */
export function planOf(seed: number): ScenarioPlan {
  const shape = shapeOf(seed);
  const { leaseMs } = shape;
  const numbered = (letter: string, count: number) =>
    Array.from({ length: count }, (_, index) => `${letter}${index + 1}`);
  const formedMs = formedLeases * leaseMs + formedExtraMs;
  const members = numbered('m', shape.members);
  const bystanders = numbered('c', shape.clients);
  const plan = planFaults({
    seed,
    processes: ['info', ...numbered('m', shape.members + shape.lateMembers)],
    roles: [primaryRole],
    bystanders,
    safetyMs: formedMs + Math.min(maxSafetyMs, safetyLeases * leaseMs),
    fromMs: formedMs / 2,
    leaseMs,
    kinds: faultKinds.filter((kind) => kind !== 'act' && !(shape.memoryWrites && losesPower.has(kind))),
    acts: scenarioActs,
  });
  const { safetyMs } = plan;
  const unsafe = planUnsafe({
    seed,
    members,
    bystanders,
    leaseMs,
    fromMs: formedMs,
    safetyMs,
    powerFails: !shape.memoryWrites,
  });
  const losses = planLosses({ seed, members, leaseMs, fromMs: formedMs, safetyMs });
  const leaves = planLeaves({ seed, members, primary: primaryRole, leaseMs, fromMs: formedMs, safetyMs });
  const accesses = planFailedAccesses({ seed, members, fromMs: formedMs, safetyMs });
  const faults = [...plan.faults, ...unsafe, ...losses, ...leaves, ...accesses].toSorted(
    (left, right) => left.atMs - right.atMs,
  );
  if (unsafe.length === 0) return { ...plan, faults, shape };
  // What a quorum had may have left the log already: a receipt of what was given up goes back as far as the log does.
  return { ...plan, faults, shape: { ...shape, store: { ...shape.store, retentionBytes: unsafeRetentionBytes } } };
}

/** One run: a cluster forms, clients work on it while faults happen, it heals, and everything is judged. */
export async function runScenario(
  plan: FaultPlan & { readonly shape?: ScenarioShape },
  options: ScenarioOptions = {},
): Promise<ScenarioResult> {
  const { seed, maxDrift, countsSuspends } = plan;
  const world = new SimulatedWorld({
    seed,
    ...(maxDrift === undefined ? {} : { maxDrift }),
    ...(countsSuspends === undefined ? {} : { countsSuspends }),
  });
  const run = new ScenarioRun(world, { ...plan, shape: plan.shape ?? shapeOf(plan.seed) }, options);
  await run.toEnd();
  return run.result();
}

class ScenarioRun {
  readonly #world: SimulatedWorld;
  readonly #plan: ScenarioPlan;
  readonly #cluster: SimulatedCluster;
  readonly #workload: Workload;
  readonly #recorder: HistoryRecorder;
  readonly #final = new Map<string, FinalRecord | undefined>();
  readonly #maxEvents: number;
  #isLevel = false;

  constructor(world: SimulatedWorld, plan: ScenarioPlan, { maxEvents = Number.POSITIVE_INFINITY }: ScenarioOptions) {
    this.#maxEvents = maxEvents;
    this.#world = world;
    this.#plan = plan;
    const { shape } = plan;
    const { leaseMs } = shape;
    this.#cluster = new SimulatedCluster({ world, shape, timeoutMs: timeoutLeases * leaseMs });
    this.#workload = new Workload({
      seed: plan.seed,
      prefix: '',
      recordKeys: shape.recordKeys,
      sumKeys: 1,
      acks: [
        ['quorum', shape.acks.quorum],
        ['disk', shape.acks.disk],
        ['memory', shape.memoryWrites ? 1 : 0],
      ],
      maxStalenessMs: leaseMs,
    });
    this.#recorder = new HistoryRecorder({ nowMs: () => world.time.nowMs });
  }

  async toEnd(): Promise<void> {
    const { time, random } = this.#world;
    const { clients } = this.#cluster;
    const faults = new FaultRunner(this.#world, {
      act: (act, process) => this.#act(act, process),
      whoIs: (name) => this.#cluster.whoIs(name),
    });
    faults.begin(this.#plan);
    this.#cluster.start();
    const areReady = (): boolean => clients.every(({ topology }) => topology?.formed === true);
    await time.run(this.#plan.safetyMs / 2, { until: () => this.#isOver || areReady() });
    const rests = random.split('rests');
    const worked = runWorkload({
      workload: this.#workload,
      sessions: clients.flatMap((client) => Array.from({ length: this.#plan.shape.callers }, () => client.session())),
      cluster: clusterId,
      recorder: this.#recorder,
      goesOn: () => !this.#isOver,
      onOperation: () =>
        new Promise((resolve) => {
          time.after(rests.between(0, this.#plan.shape.restMs), resolve);
        }),
    });
    const watched = this.#plan.shape.watches ? clients.map((client, index) => this.#watch(client, index)) : [];
    await time.run(this.#plan.safetyMs, { until: () => this.#isOver });
    faults.stop();
    await time.runFor(Promise.all([worked, ...watched]), convergenceMs, 'the clients end');
    this.#isLevel = await time.run(time.nowMs + convergenceMs, { until: () => this.#cluster.isLevel });
    await this.#readAll();
    this.#isLevel &&= await time.run(time.nowMs + settleMs, { until: () => this.#cluster.isLevel });
  }

  /** Reads one key, which others write, as often as a lease is long. */
  async #watch(client: SimulatedClient, index: number): Promise<void> {
    const { time } = this.#world;
    const { leaseMs, clients } = this.#plan.shape;
    const session = client.session();
    const watch = {
      key: this.#workload.keys[0] ?? '',
      call: { kind: 'get' },
      ack: undefined,
      consistency: 'strong',
      maxStalenessMs: undefined,
      session: `watcher-${index + 1}`,
    } as const;
    while (!this.#isOver) {
      await this.#recorder.record(watch, () => perform(session, watch, clusterId));
      await new Promise<void>((resolve) => {
        time.after(leaseMs * watchLeases * clients, resolve);
      });
    }
  }

  /** The safety phase is. */
  get #isOver(): boolean {
    const { nowMs, eventCount } = this.#world.time;
    return nowMs >= this.#plan.safetyMs || eventCount >= this.#maxEvents;
  }

  #act(act: string, process: string): void {
    const { leaseMs } = this.#plan.shape;
    switch (act) {
      case 'join':
        this.#cluster.join();
        return;
      case 'hand-over':
        this.#cluster.handOver(process);
        return;
      case unsafeAct:
        this.#cluster.promoteUnsafe(process);
        return;
      case wipeAct:
        this.#cluster.wipe(process, leaseMs * wipedLeases);
        return;
      case leaveAct:
        this.#cluster.leave(process, this.#plan.shape.member.drainMs);
        return;
      case vanishAct:
        this.#cluster.leave(process);
        return;
      case forgetAct:
        this.#cluster.forgetGone(leaseMs, leaseMs * infoDownLeases);
        return;
      default:
        throw new EdisError('internal', `nobody knows how to ${act}`);
    }
  }

  /** What is there at the end; a key that nobody can read any more is a breach. */
  async #readAll(): Promise<void> {
    const { time } = this.#world;
    const session = this.#cluster.clients[0]?.session();
    const endMs = time.nowMs + convergenceMs;
    for (const key of this.#workload.keys) {
      while (session !== undefined && !this.#final.has(key) && time.nowMs < endMs) {
        const read = session.get(key, { consistency: 'strong' }).then(
          (found) => {
            const record = found && { value: Buffer.from(found.value).toString(), version: found.version ?? 0 };
            this.#final.set(key, record);
          },
          (caught: unknown) => this.#world.note('end', `${key}: ${EdisError.from(caught).message}`),
        );
        await time.runFor(read, convergenceMs, `a read of ${key}`);
      }
      if (!this.#final.has(key)) {
        this.#cluster.breach({
          rule: 'converges',
          what: `${key} cannot be read ${convergenceMs} ms after the healing`,
        });
      }
    }
  }

  result(): ScenarioResult {
    const { trace, uncaught, time } = this.#world;
    const history = this.#recorder.history();
    const losses = this.#losses();
    const { unsafe } = this.#cluster;
    // What an operator gave up may be missed from then on, until everybody has heard of it: what is judged is what came
    // before; that nothing is lost without a receipt is looked for in the logs.
    const seen =
      unsafe.sinceMs === undefined
        ? { history, final: this.#final, losses }
        : {
            history: beginningOf(history, unsafe.sinceMs),
            final: new Map<string, FinalRecord | undefined>(),
            losses: [...losses, this.#cluster.log.discardedBefore(unsafe.epoch)],
          };
    const { findings, undecided, figures } = judge({
      ...seen,
      dumps: this.#dumps(),
      settled: this.#isLevel,
    });
    let givenUp = 0;
    const [store] = this.#cluster.stores.values();
    if (this.#isLevel && store !== undefined) {
      const excused = new Set(losses.flatMap(({ writes }) => writes.map(({ version }) => version)));
      const { log } = this.#cluster;
      const verdict = judgeWrites({ history, log, store, excused, unsafeEpoch: unsafe.epoch });
      for (const breach of verdict.breaches) this.#cluster.breach(breach);
      givenUp = verdict.givenUp;
    }
    if (!this.#isLevel) {
      this.#cluster.breach({ rule: 'converges', what: `members are not level ${convergenceMs} ms after the healing` });
    }
    for (const { process, error } of uncaught) {
      this.#cluster.breach({ rule: 'no exception', what: `${process}: ${error.stack ?? error.message}` });
    }
    const breaches = [
      ...this.#cluster.breaches,
      ...findings.map(({ rule, message, evidence: shown }) => ({ rule, what: textOf(message, shown) })),
    ];
    const plan = this.#plan;
    return {
      plan,
      breaches,
      undecided,
      figures,
      givenUp,
      lostStores: this.#cluster.lostLogs.length,
      lostWrites: this.#lostWithStores().reduce((sum, { writes }) => sum + writes.length, 0),
      epochCount: this.#cluster.log.epochCount,
      eventCount: time.eventCount,
      digest: trace.digest,
      describe: () =>
        [
          trace.toString(),
          describePlan(plan),
          JSON.stringify(this.#plan.shape),
          ...breaches.map(({ rule, what }) => `BROKEN ${rule}: ${what}`),
        ].join('\n'),
    };
  }

  #losses(): Loss[] {
    const { members, lostReceipts } = this.#cluster;
    const texts = [...members.flatMap(({ disk }) => disk.filesIn('receipts')), ...lostReceipts];
    const receipts = texts.map((text) => ({ writes: parseReceipt(text), fromMs: 0, toMs: undefined }));
    return [...receipts, ...this.#lostWithStores()];
  }

  #lostWithStores(): Loss[] {
    const [end] = this.#cluster.stores.values();
    const { lostLogs, log } = this.#cluster;
    return lostLogs.map((lost) => log.lossOf(lost, end ?? nothing));
  }

  #dumps(): MemberDump[] {
    return [...this.#cluster.stores].map(([node, store]) => ({
      shard: store.identity.shard,
      node,
      applied: { epoch: store.epochAt(store.viewPosition) ?? 0, position: store.viewPosition },
      contentHash: store.contentHash,
    }));
  }
}

/** The log of a cluster of which nothing is left. */
const nothing = { epochAt: (): undefined => undefined };

function textOf(message: string, evidence: readonly HistoryOperation[]): string {
  return [message, ...evidence.map((operation) => `  ${showOperation(operation)}`)].join('\n');
}
