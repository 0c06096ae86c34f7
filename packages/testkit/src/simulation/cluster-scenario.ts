import type { FinalRecord, HistoryOperation, JudgementFigures, Loss, MemberDump } from '@edis/checker';
import { HistoryRecorder, judge, parseReceipt, runWorkload, showOperation, Workload } from '@edis/checker';
import { EdisError } from '@edis/core';
import type { FaultKind } from './fault.ts';
import type { FaultPlan } from './fault-plan.ts';
import { describePlan, faultKinds, planFaults } from './fault-plan.ts';
import { FaultRunner } from './fault-runner.ts';
import type { Breach } from './log-observer.ts';
import { SeededRandom } from './seeded-random.ts';
import { SimulatedCluster } from './simulated-cluster.ts';
import { SimulatedWorld } from './simulated-world.ts';

/** What one run of the scenario is like, besides its faults: drawn from its seed. */
export interface ScenarioShape {
  readonly members: number;
  readonly clients: number;
  readonly leaseMs: number;
  /** A caller rests up to that long between two operations. */
  readonly restMs: number;
  /** Some writes ask for `memory` only, which nobody keeps when the power fails: it never does then. */
  readonly memoryWrites: boolean;
}

export interface ScenarioResult {
  readonly plan: FaultPlan;
  readonly shape: ScenarioShape;
  /** Rules that were broken; none: the run is good. */
  readonly breaches: readonly Breach[];
  readonly figures: JudgementFigures;
  /** Epochs in which somebody led. */
  readonly epochCount: number;
  readonly eventCount: number;
  readonly digest: string;
  /** Everything that a person needs to see what went wrong. */
  describe(): string;
}

const memberChoices = [1, 1, 2, 2, 3, 3, 4, 5] as const;
const leaseChoices = [300, 1000, 2000] as const;
/** In leases. */
const restChoices = [0.1, 0.3, 1] as const;
const memoryChance = 0.3;
const losesPower: ReadonlySet<FaultKind> = new Set(['crash', 'blackout']);
/** By then a cluster without faults takes writes. */
const formedMs = 10_000;
const safetyLeases = 30;
/** By then a healed cluster takes writes and its members are level, besides what the roll call takes. */
const convergenceMs = 60_000;
const timeoutLeases = 5;
const settleMs = 5000;

/** The shape of a seed's run. */
function shapeOf(seed: number): ScenarioShape {
  const random = new SeededRandom(seed).split('shape');
  const leaseMs = random.pick(leaseChoices);
  return {
    members: random.pick(memberChoices),
    clients: 1 + random.below(3),
    leaseMs,
    restMs: leaseMs * random.pick(restChoices),
    memoryWrites: random.chance(memoryChance),
  };
}

/** The faults of a seed's run. */
export function planOf(seed: number): FaultPlan {
  const { members, clients, leaseMs, memoryWrites } = shapeOf(seed);
  const numbered = (letter: string, count: number) =>
    Array.from({ length: count }, (_, index) => `${letter}${index + 1}`);
  const names = ['info', ...numbered('m', members)];
  const safetyMs = formedMs + safetyLeases * leaseMs;
  const kinds = faultKinds.filter((kind) => kind !== 'act' && !(memoryWrites && losesPower.has(kind)));
  return planFaults({
    seed,
    processes: names,
    bystanders: numbered('c', clients),
    safetyMs,
    fromMs: formedMs / 2,
    leaseMs,
    kinds,
  });
}

/** One run: a cluster forms, clients work on it while faults happen, it heals, and everything is judged. */
export async function runScenario(plan: FaultPlan): Promise<ScenarioResult> {
  const shape = shapeOf(plan.seed);
  const world = new SimulatedWorld({ seed: plan.seed });
  const run = new ScenarioRun(world, plan, shape);
  await run.toEnd();
  return run.result();
}

class ScenarioRun {
  readonly #world: SimulatedWorld;
  readonly #plan: FaultPlan;
  readonly #shape: ScenarioShape;
  readonly #cluster: SimulatedCluster;
  readonly #workload: Workload;
  readonly #recorder: HistoryRecorder;
  readonly #final = new Map<string, FinalRecord | undefined>();
  #isLevel = false;

  constructor(world: SimulatedWorld, plan: FaultPlan, shape: ScenarioShape) {
    this.#world = world;
    this.#plan = plan;
    this.#shape = shape;
    const { members, clients, leaseMs } = shape;
    this.#cluster = new SimulatedCluster({ world, members, clients, leaseMs, timeoutMs: timeoutLeases * leaseMs });
    this.#workload = new Workload({
      seed: plan.seed,
      prefix: '',
      recordKeys: 4,
      sumKeys: 2,
      acks: [
        ['quorum', 3],
        ['disk', 1],
        ['memory', shape.memoryWrites ? 1 : 0],
      ],
      maxStalenessMs: leaseMs,
    });
    this.#recorder = new HistoryRecorder({ nowMs: () => world.time.nowMs });
  }

  async toEnd(): Promise<void> {
    const { time, random } = this.#world;
    const { clients } = this.#cluster;
    const faults = new FaultRunner(this.#world);
    faults.begin(this.#plan);
    this.#cluster.start();
    await time.run(formedMs, { until: () => clients.every(({ topology }) => topology?.formed === true) });
    const rests = random.split('rests');
    const worked = runWorkload({
      workload: this.#workload,
      sessions: clients.map((client) => client.session()),
      cluster: clients[0]?.topology?.cluster ?? '',
      recorder: this.#recorder,
      goesOn: () => time.nowMs < this.#plan.safetyMs,
      onOperation: () =>
        new Promise((resolve) => {
          time.after(rests.between(0, this.#shape.restMs), resolve);
        }),
    });
    await time.run(this.#plan.safetyMs);
    faults.stop();
    await time.runFor(worked, convergenceMs, 'the clients end');
    this.#isLevel = await time.run(time.nowMs + convergenceMs, { until: () => this.#cluster.isLevel });
    await this.#readAll();
    this.#isLevel &&= await time.run(time.nowMs + settleMs, { until: () => this.#cluster.isLevel });
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
    const evidence = { history, final: this.#final, losses: this.#losses(), dumps: this.#dumps() };
    const { findings, figures } = judge({ ...evidence, settled: this.#isLevel });
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
      shape: this.#shape,
      breaches,
      figures,
      epochCount: this.#cluster.log.epochCount,
      eventCount: time.eventCount,
      digest: trace.digest,
      describe: () =>
        [
          trace.toString(),
          describePlan(plan),
          JSON.stringify(this.#shape),
          ...breaches.map(({ rule, what }) => `BROKEN ${rule}: ${what}`),
        ].join('\n'),
    };
  }

  #losses(): Loss[] {
    const texts = this.#cluster.members.flatMap(({ disk }) => disk.filesIn('receipts'));
    return texts.map((text) => ({ writes: parseReceipt(text), fromMs: 0, toMs: undefined }));
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

function textOf(message: string, evidence: readonly HistoryOperation[]): string {
  return [message, ...evidence.map((operation) => `  ${showOperation(operation)}`)].join('\n');
}
