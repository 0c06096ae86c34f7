import { SeededRandom } from './seeded-random.ts';

/**
 * What one run of the scenario is like, besides its faults: drawn from its seed, plain data. Small figures are drawn
 * often: what is rare with the usual ones (a new segment, a snapshot, a full queue, somebody taken for dead too early)
 * then happens all the time.
 */
export interface ScenarioShape {
  /** From the beginning. */
  readonly members: number;
  /** Further ones that come when they are told to, or at the healing. */
  readonly lateMembers: number;
  readonly clients: number;
  /** Of each client: what one of them waits for does not hold back the others. */
  readonly callers: number;
  readonly leaseMs: number;
  /** A caller rests up to that long between two operations. */
  readonly restMs: number;
  /** Keys that are written; with few of them a read is likely to meet what was just written. */
  readonly recordKeys: number;
  /** Each client has another caller, who looks at one key again and again: he would see two primaries at once. */
  readonly watches: boolean;
  readonly client: ClientShape;
  /** Weights of writes with these acknowledgements. */
  readonly acks: AckWeights;
  /** Some writes ask for `memory` only, which nobody keeps when the power fails: it never does then. */
  readonly memoryWrites: boolean;
  readonly info: InfoShape;
  readonly store: StoreShape;
  readonly member: MemberShape;
}

interface AckWeights {
  readonly quorum: number;
  readonly disk: number;
}

interface ClientShape {
  readonly attemptMs: number;
  readonly retryMs: number;
}

interface InfoShape {
  /** Info takes a node for dead: long before its lease has ended, or long after. */
  readonly deadAfterMs: number;
  readonly reportMs: number;
  readonly rollCallMs: number;
}

interface StoreShape {
  readonly segmentBytes: number;
  readonly retentionBytes: number;
  readonly cacheBytes: number;
  readonly memorySyncMs: number;
}

interface MemberShape {
  readonly queueOperations: number;
  readonly sessionWaitMs: number;
  readonly drainMs: number;
}

const memberChoices = [1, 2, 2, 2, 3, 3, 3, 3, 4, 5] as const;
const maxMembers = 5;
const lateChoices = [0, 0, 0, 0, 1, 2] as const;
const clientChoices = [1, 2, 2, 3, 3, 4] as const;
const leaseChoices = [100, 200, 300, 300, 300, 500, 500, 500, 1000, 2000] as const;
/** In leases for each caller: more of them do not do more together. */
const restChoices = [0.05, 0.15, 0.5] as const;
/** In leases. */
const deadAfterChoices = [0.3, 0.3, 0.5, 1, 3] as const;
const rollCallChoices = [1, 5, 15] as const;
/** The least that info takes as `--dead-after` and `--report`. */
const minDeadAfterMs = 20;
const reportShare = 0.3;
const memoryChance = 0.3;
const ackChoices: readonly [AckWeights, ...AckWeights[]] = [
  { quorum: 3, disk: 1 },
  { quorum: 1, disk: 1 },
  { quorum: 1, disk: 4 },
];
const segmentChoices = [1024, 8 * 1024, 64 * 1024] as const;
const retentionChoices = [0, 1024, 16 * 1024, 64 * 1024] as const;

/** The shape of a seed's run. */
export function shapeOf(seed: number): ScenarioShape {
  const random = new SeededRandom(seed).split('shape');
  const leaseMs = random.pick(leaseChoices);
  const deadAfterMs = Math.max(minDeadAfterMs, Math.round(leaseMs * random.pick(deadAfterChoices)));
  const segmentBytes = random.pick(segmentChoices);
  const members = random.pick(memberChoices);
  const clients = random.pick(clientChoices);
  const callers = random.pick([1, 1, 2] as const);
  return {
    members,
    lateMembers: Math.min(random.pick(lateChoices), maxMembers - members),
    clients,
    callers,
    leaseMs,
    restMs: leaseMs * random.pick(restChoices) * clients * callers,
    acks: random.pick(ackChoices),
    recordKeys: random.pick([1, 2, 4]),
    watches: random.chance(0.5),
    client: { attemptMs: leaseMs * random.pick([0.5, 1.5, 5]), retryMs: leaseMs * random.pick([0.02, 0.2]) },
    memoryWrites: random.chance(memoryChance),
    info: {
      deadAfterMs,
      reportMs: Math.max(minDeadAfterMs / 2, Math.floor(deadAfterMs * reportShare)),
      rollCallMs: leaseMs * random.pick(rollCallChoices),
    },
    store: {
      segmentBytes,
      retentionBytes: random.pick(retentionChoices),
      cacheBytes: random.pick([0, 64 * 1024]),
      memorySyncMs: random.pick([10, 100, 1000]),
    },
    member: {
      queueOperations: random.pick([2, 16_384, 16_384]),
      sessionWaitMs: random.pick([0, 20, 100]),
      drainMs: leaseMs * random.pick([1, 5]),
    },
  };
}
