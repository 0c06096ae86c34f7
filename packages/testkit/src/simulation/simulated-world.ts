import type { EdisError } from '@edis/core';
import type { Incarnation } from './incarnation.ts';
import { NetworkFabric } from './network-fabric.ts';
import { SeededRandom } from './seeded-random.ts';
import { SimulatedClock } from './simulated-clock.ts';
import { SimulatedDisk } from './simulated-disk.ts';
import { SimulatedNetwork } from './simulated-network.ts';
import type { Program } from './simulated-process.ts';
import { SimulatedProcess } from './simulated-process.ts';
import { SimulatedTime } from './simulated-time.ts';
import { Trace } from './trace.ts';

/** What wall clocks show when a simulation begins, give or take what they are wrong by. */
const wallStartMs = Date.UTC(2030, 0, 1);
/** A supervisor starts a process that ended by itself again after that long. */
const restartMs = 1000;

export interface WorldOptions {
  readonly seed: number;
  /** Most that a clock runs faster or slower than true time. @default 0.0001 */
  readonly maxDrift?: number;
  /** Most that wall clocks are wrong by at the start. @default 50 */
  readonly maxWallErrorMs?: number;
  /** Whether machines have a clock that counts suspends. @default no */
  readonly countsSuspends?: boolean;
  readonly traceLines?: number;
}

/** An exception that nobody caught, and whose it was. */
export interface UncaughtError {
  readonly process: string;
  readonly error: EdisError;
}

/** All that a cluster runs on, in one process of ours, driven by one seed. */
export class SimulatedWorld {
  readonly time = new SimulatedTime();
  readonly random: SeededRandom;
  readonly trace: Trace;
  readonly fabric: NetworkFabric;
  readonly processes = new Map<string, SimulatedProcess>();
  readonly uncaught: UncaughtError[] = [];
  readonly #maxDrift: number;
  readonly #maxWallErrorMs: number;
  readonly #countsSuspends: boolean;

  constructor({ seed, maxDrift = 0.0001, maxWallErrorMs = 50, countsSuspends = false, traceLines }: WorldOptions) {
    this.#countsSuspends = countsSuspends;
    this.random = new SeededRandom(seed);
    this.trace = new Trace(traceLines);
    this.#maxDrift = maxDrift;
    this.#maxWallErrorMs = maxWallErrorMs;
    this.fabric = new NetworkFabric({
      time: this.time,
      random: this.random.split('network'),
      trace: this.trace,
      processNamed: (name) => this.processes.get(name),
    });
  }

  /** Makes a process; it runs nothing before its `start`. */
  add(name: string, program: Program): SimulatedProcess {
    const random = this.random.split(`process ${name}`);
    const drift = random.split('drift');
    const process = new SimulatedProcess({
      name,
      time: this.time,
      clock: new SimulatedClock(this.time, {
        wallStartMs: wallStartMs + drift.between(-this.#maxWallErrorMs, this.#maxWallErrorMs),
        rate: 1 + drift.between(-this.#maxDrift, this.#maxDrift),
        countsSuspends: this.#countsSuspends,
      }),
      disk: new SimulatedDisk(this.time, random.split('disk')),
      random,
      trace: this.trace,
      program,
      restartMs,
      onUncaught: ({ name: where }, error) => this.uncaught.push({ process: where, error }),
      onGone: (incarnation, powerLost) => this.fabric.onGone(incarnation, powerLost),
      onPaused: (incarnation) => this.fabric.onPaused(incarnation),
    });
    this.processes.set(name, process);
    return process;
  }

  networkOf(incarnation: Incarnation): SimulatedNetwork {
    return new SimulatedNetwork(this.fabric, incarnation);
  }

  /** The last fault is over: every process runs, every link is free, every disk does what it is asked for. */
  heal(): void {
    this.note('world', 'heals');
    this.fabric.heal();
    for (const process of this.processes.values()) {
      process.calm();
      process.disk.heal();
      process.resume();
      process.start();
    }
  }

  note(where: string, what: string): void {
    this.trace.add(this.time.nowMs, where, what);
  }
}
