import { drawAccess } from './access-plan.ts';
import type { Fault, FaultKind } from './fault.ts';
import { describeFault } from './fault.ts';
import { SeededRandom } from './seeded-random.ts';
import type { DiskTemper } from './simulated-disk.ts';
import { calmDisk } from './simulated-disk.ts';
import type { LinkTemper } from './simulated-link.ts';
import type { StepFilter } from './simulated-process.ts';

/** Everything that goes wrong in one run: plain data, made from a seed, and still a plan with any fault left out. */
export interface FaultPlan {
  readonly seed: number;
  /** Faults end here; then the world is healed, and has to converge. */
  readonly safetyMs: number;
  readonly link: LinkTemper;
  readonly disk: DiskTemper;
  /** Most that a clock runs faster or slower than true time, all along. @default next to nothing */
  readonly maxDrift?: number;
  /** The machines have a clock that counts suspends, as those with Linux. @default they have none */
  readonly countsSuspends?: boolean;
  readonly faults: readonly Fault[];
}

export interface FaultPlanOptions {
  readonly seed: number;
  /** Whom faults may befall. */
  readonly processes: readonly string[];
  /** Who somebody is at the moment of the fault (`primary`); the scenario knows. @default none */
  readonly roles?: readonly string[];
  /** Who suffers from the network alone: a client that is cut off together with a former primary. @default nobody */
  readonly bystanders?: readonly string[];
  readonly safetyMs: number;
  /** When the first fault may happen: a cluster that never formed shows nothing. @default 0 */
  readonly fromMs?: number;
  /** The time by which others are measured: faults last from much less than it to several times as long. */
  readonly leaseMs: number;
  /** Kinds that may happen; each seed chooses among them. @default `faultKinds` */
  readonly kinds?: readonly FaultKind[];
  /** What the scenario can do besides: drawn like a fault. */
  readonly acts?: readonly string[];
}

/** All that are drawn together: not what a scenario must know how to do, nor what is drawn beside them. */
export const faultKinds: readonly FaultKind[] = [
  'block',
  'partition',
  'clog',
  'delay',
  'reset',
  'half-open',
  'kill',
  'crash',
  'blackout',
  'terminate',
  'stall',
  'pause',
  'suspend',
  'slow-disk',
  'hung-disk',
  'full-disk',
  'failed-sync',
  'failed-write',
  'failed-view',
  'clock-step',
  'clock-rate',
];

/** Mean time between two faults in leases: from a seed in which hardly anything happens to one in which all does. */
const calmGapLeases = 8;
const brutalGapLeases = 0.15;
/** So many seeds have no fault at all: what fails there is no matter of faults. */
const calmChance = 0.05;
/** One seed has few kinds, often: those that happen together then do so more often. */
const kindChance = 0.25;
/** Those that end what a process was sure of. */
const sharpKinds: ReadonlySet<FaultKind> = new Set(['partition', 'kill', 'crash', 'blackout', 'stall', 'pause']);
const sharpKindChance = 0.5;
/** So many seeds have one of those kinds only, with time to see what comes of each. */
const pureChance = 0.3;
const pureKinds: readonly FaultKind[] = [
  'partition',
  'partition',
  'partition',
  'pause',
  'kill',
  'crash',
  'blackout',
  'stall',
];
const pureGapLeases = 2;
const maxSteps = 400;
/** So many faults befall whoever has a role then. */
const roleChance = 0.4;
/** It is the former primary that shows whether its successor came too early, and what only it had. */
const cutOffRoleChance = 0.7;
/** Longer than it takes to notice that somebody is gone, and to replace it. */
const maxFaultLeases = 10;
/** What clocks are wrong by for a while in most seeds. */
const usualRateError = 0.005;
/** So many seeds have clocks that are wrong by more than that, and all along. */
const driftChance = 0.25;
/** Two that are wrong by that much in opposite directions run apart by a little less than a tenth, as is assumed. */
const maxDrift = 0.04;
/** So many seeds run on machines that can tell how long they were suspended: others have their wall clock alone. */
const countedSuspendsChance = 0.5;

/** Draws a plan. */
export function planFaults(options: FaultPlanOptions): FaultPlan {
  const random = new SeededRandom(options.seed).split('faults');
  const { seed, safetyMs, leaseMs, kinds = faultKinds, acts = [], fromMs = 0 } = options;
  const drift = drawDrift(random.split('drift'));
  const world = {
    seed,
    safetyMs,
    link: drawLink(random.split('link'), leaseMs),
    disk: drawDisk(random.split('disk'), leaseMs),
    ...(drift === undefined ? {} : { maxDrift: drift }),
    ...(random.split('suspends').chance(countedSuspendsChance) ? { countsSuspends: true } : {}),
  };
  if (random.chance(calmChance)) return { ...world, faults: [] };
  const chosen = kinds.filter((kind) => random.chance(sharpKinds.has(kind) ? sharpKindChance : kindChance));
  const chosenActs = acts.filter(() => random.chance(kindChance));
  const mixed: readonly FaultKind[] = [...chosen, ...(chosenActs.length > 0 ? (['act'] as const) : [])];
  const pure = random.chance(pureChance) ? random.pick(pureKinds.filter((kind) => kinds.includes(kind))) : undefined;
  const some = pure === undefined ? mixed : [pure];
  const meanGapMs = leaseMs * logBetween(random, pure === undefined ? brutalGapLeases : pureGapLeases, calmGapLeases);
  const draw = new FaultDraw(random.split('each'), {
    ...options,
    acts: chosenActs.length > 0 ? chosenActs : acts,
    maxRateError: drift ?? usualRateError,
  });
  const faults: Fault[] = [];
  let atMs = fromMs;
  for (;;) {
    atMs -= Math.log(1 - random.fraction()) * meanGapMs;
    const kind = random.pick(some.length === 0 ? kinds : some);
    if (atMs >= safetyMs || kind === undefined) break;
    faults.push(draw.fault(kind, Math.round(atMs)));
  }
  return { ...world, faults };
}

/** A line for each fault. */
export function describePlan({ seed, safetyMs, faults }: FaultPlan): string {
  const head = `seed ${seed}, ${faults.length} faults in ${safetyMs} ms`;
  return [head, ...faults.map(describeFault)].join('\n');
}

function logBetween(random: SeededRandom, from: number, to: number): number {
  return from * (to / from) ** random.fraction();
}

function drawLink(random: SeededRandom, leaseMs: number): LinkTemper {
  const fastMs = logBetween(random, 0.02, leaseMs / 100);
  return {
    usualMs: [fastMs, fastMs * random.between(1.1, 5)],
    slowMs: logBetween(random, fastMs * 10, leaseMs / 2),
    slowChance: random.pick([0, 0.001, 0.01, 0.1]),
  };
}

/** Undefined: the clocks are right, give or take what a fault does to them. */
function drawDrift(random: SeededRandom): number | undefined {
  return random.chance(driftChance) ? logBetween(random, usualRateError, maxDrift) : undefined;
}

/** What is acknowledged too early shows only if a sync takes as long as whatever may come between. */
function drawDisk(random: SeededRandom, leaseMs: number): DiskTemper {
  const fastMs = logBetween(random, 0.05, leaseMs / 10);
  return { syncMs: [fastMs, fastMs * random.between(1.1, 5)], otherMs: calmDisk.otherMs };
}

/** Draws single faults. */
class FaultDraw {
  readonly #random: SeededRandom;
  readonly #processes: readonly string[];
  readonly #roles: readonly string[];
  readonly #bystanders: readonly string[];
  /** Whoever is in the network. */
  readonly #everybody: readonly string[];
  readonly #leaseMs: number;
  readonly #acts: readonly string[];
  readonly #maxRateError: number;

  constructor(random: SeededRandom, options: FaultPlanOptions & { readonly maxRateError: number }) {
    const { processes, roles = [], bystanders = [], leaseMs, acts = [], maxRateError } = options;
    this.#random = random;
    this.#processes = processes;
    this.#roles = roles;
    this.#bystanders = bystanders;
    this.#everybody = [...processes, ...bystanders];
    this.#leaseMs = leaseMs;
    this.#acts = acts;
    this.#maxRateError = maxRateError;
  }

  fault(kind: FaultKind, atMs: number): Fault {
    const process = this.#process();
    const [from, to] = this.#pair();
    const forMs = this.#forMs();
    switch (kind) {
      case 'block':
      case 'clog':
        return { atMs, kind, from, to, forMs };
      case 'partition':
        return { atMs, kind, ...this.#parts(), forMs };
      case 'delay':
        return { atMs, kind, from, to, addedMs: this.#ms(0.001, 1), forMs };
      case 'reset':
        return { atMs, kind, first: from, second: to };
      case 'half-open':
        return { atMs, kind, told: from, untold: to };
      case 'kill':
        return { atMs, kind, process, downMs: forMs, ...this.#steps() };
      case 'crash':
        return { atMs, kind, process, downMs: forMs, ...this.#steps(), tear: this.#random.chance(0.7) };
      case 'blackout': {
        const others = this.#random.shuffle(this.#processes).slice(this.#random.below(this.#processes.length));
        return { atMs, kind, process, others, downMs: forMs, ...this.#steps(), tear: this.#random.chance(0.7) };
      }
      case 'terminate':
        return { atMs, kind, process, withinMs: this.#ms(1, maxFaultLeases), downMs: forMs };
      case 'stall':
        return { atMs, kind, process, forMs: this.#ms(0.01, 2), ...this.#steps() };
      case 'pause':
      case 'suspend':
      case 'hung-disk':
        return { atMs, kind, process, forMs };
      case 'slow-disk':
        return { atMs, kind, process, syncMs: this.#ms(0.01, 1), forMs };
      case 'full-disk':
        return { atMs, kind, process, bytes: this.#random.below(2000), forMs };
      case 'failed-sync':
      case 'failed-write':
      case 'failed-view':
        return { atMs, kind, process };
      case 'failed-access':
        return { atMs, kind, process, ...drawAccess(this.#random) };
      case 'clock-step':
        return { atMs, kind, process, byMs: this.#ms(0.01, 5) * (this.#random.chance(0.5) ? 1 : -1) };
      case 'clock-rate':
        return { atMs, kind, process, rate: 1 + this.#random.between(-this.#maxRateError, this.#maxRateError), forMs };
      case 'act':
        return { atMs, kind, act: this.#random.pick(this.#acts) ?? '', process };
    }
  }

  #process(chance = roleChance): string {
    const names = this.#roles.length > 0 && this.#random.chance(chance) ? this.#roles : this.#processes;
    return this.#random.pick(names) ?? '';
  }

  #pair(): readonly [string, string] {
    const [one = '', other = ''] = this.#random.shuffle(this.#everybody);
    if (this.#roles.length === 0 || !this.#random.chance(roleChance)) return [one, other];
    const role = this.#random.pick(this.#roles) ?? '';
    return this.#random.chance(0.5) ? [role, other] : [one, role];
  }

  /**
   * Most of them cut off one process with some bystanders: a primary that is to be replaced, say, and those who still
   * ask it. Some of these cut it off from a part of the others only, so that it is missed by one and heard by another.
   */
  #parts(): { readonly some: readonly string[]; readonly others: readonly string[] } {
    if (this.#random.chance(0.7)) {
      const process = this.#process(cutOffRoleChance);
      const some = [process, ...this.#bystanders.filter(() => this.#random.chance(0.5))];
      const rest = this.#everybody.filter((name) => !some.includes(name));
      const others = this.#random.chance(0.3) ? rest.filter(() => this.#random.chance(0.5)) : rest;
      return { some, others };
    }
    const all = this.#random.shuffle(this.#everybody);
    const cut = 1 + this.#random.below(Math.max(1, all.length - 1));
    return { some: all.slice(0, cut), others: all.slice(cut) };
  }

  /** From a hundredth of a lease to many of them. */
  #forMs(): number {
    return this.#ms(0.01, maxFaultLeases);
  }

  #ms(fromLeases: number, toLeases: number): number {
    return Math.ceil(this.#leaseMs * logBetween(this.#random, fromLeases, toLeases));
  }

  /** Most faults happen in the middle of something. */
  #steps(): { readonly afterSteps: number; readonly of: StepFilter } {
    const of = this.#random.pick(['any', 'send', 'disk'] as const);
    const steps = 1 + this.#random.below(of === 'any' ? maxSteps : maxSteps / 10);
    return { afterSteps: this.#random.chance(0.4) ? 0 : steps, of };
  }
}
