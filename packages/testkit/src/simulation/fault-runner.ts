import { unreachable } from '@edis/core';
import type { ClockFault, DiskFault, Fault, NetworkFault, ProcessFault } from './fault.ts';
import { describeFault, namedFault } from './fault.ts';
import type { FaultPlan } from './fault-plan.ts';
import type { SimulatedProcess, StepFilter } from './simulated-process.ts';
import type { SimulatedWorld } from './simulated-world.ts';

/** Does what only the scenario knows how to do. */
export type ScenarioAct = (act: string, process: string) => void;

/** What only the scenario knows. */
export interface FaultKnowledge {
  readonly act?: ScenarioAct;
  /** Whose role a name is; a name that is none stands for itself. */
  readonly whoIs?: (name: string) => string;
}

/**
 * Makes the faults of a plan happen in a world.
 *
 * A fault that no longer fits (its process is down, say) does nothing, so that any part of a plan is a plan. After
 * `stop` what a fault would still have ended is left to the healing.
 */
export class FaultRunner {
  readonly #world: SimulatedWorld;
  readonly #act: ScenarioAct;
  readonly #whoIs: (name: string) => string;
  #stopped = false;

  constructor(world: SimulatedWorld, { act = () => {}, whoIs = (name) => name }: FaultKnowledge = {}) {
    this.#world = world;
    this.#act = act;
    this.#whoIs = whoIs;
  }

  /** Gives the world the temper of a plan, and schedules its faults. */
  begin({ link, disk, faults }: FaultPlan): void {
    this.#world.fabric.setTemper(link);
    for (const process of this.#world.processes.values()) process.disk.setUsual(disk);
    for (const fault of faults) {
      this.#world.time.at(fault.atMs, () => {
        if (this.#stopped) return;
        const actual = namedFault(fault, this.#whoIs);
        this.#world.note('fault', describeFault(actual).trim());
        this.#apply(actual);
      });
    }
  }

  /** No more faults; the world is healed. */
  stop(): void {
    this.#stopped = true;
    this.#world.heal();
  }

  #apply(fault: Fault): void {
    switch (fault.kind) {
      case 'block':
      case 'partition':
      case 'clog':
      case 'delay':
      case 'reset':
      case 'half-open':
        this.#network(fault);
        return;
      case 'act':
        this.#act(fault.act, fault.process);
        return;
      case 'kill':
      case 'crash':
      case 'blackout':
      case 'terminate':
      case 'stall':
      case 'pause':
      case 'suspend':
        this.#withProcess(fault, (process) => this.#process(fault, process));
        return;
      case 'slow-disk':
      case 'hung-disk':
      case 'full-disk':
      case 'failed-sync':
      case 'failed-write':
      case 'failed-view':
      case 'failed-access':
        this.#withProcess(fault, (process) => this.#disk(fault, process));
        return;
      case 'clock-step':
      case 'clock-rate':
        this.#withProcess(fault, (process) => this.#clock(fault, process));
        return;
      default:
        unreachable(fault);
    }
  }

  #network(fault: NetworkFault): void {
    const { fabric } = this.#world;
    switch (fault.kind) {
      case 'block':
        this.#block(fault.from, fault.to, fault.forMs);
        return;
      case 'partition':
        for (const one of fault.some) {
          for (const other of fault.others) {
            this.#block(one, other, fault.forMs);
            this.#block(other, one, fault.forMs);
          }
        }
        return;
      case 'clog': {
        const link = fabric.link(fault.from, fault.to);
        link.block();
        this.#later(fault.forMs, () => link.unblock());
        return;
      }
      case 'delay': {
        const link = fabric.link(fault.from, fault.to);
        link.addDelay(fault.addedMs);
        this.#later(fault.forMs, () => link.addDelay(-fault.addedMs));
        return;
      }
      case 'reset':
        fabric.reset(fault.first, fault.second);
        return;
      case 'half-open':
        fabric.halfOpen(fault.told, fault.untold);
        return;
      default:
        unreachable(fault);
    }
  }

  #process(fault: ProcessFault, process: SimulatedProcess): void {
    switch (fault.kind) {
      case 'kill':
        this.#amid(fault, process, () => process.kill(fault.downMs));
        return;
      case 'crash':
        this.#amid(fault, process, () => process.crash(fault.tear, fault.downMs));
        return;
      case 'blackout':
        this.#amid(fault, process, () => this.#blackout(fault));
        return;
      case 'terminate':
        process.terminate(fault.withinMs, fault.downMs);
        return;
      case 'stall':
        this.#amid(fault, process, () => process.stall(fault.forMs));
        return;
      case 'pause':
        process.pause();
        this.#later(fault.forMs, () => process.resume());
        return;
      case 'suspend':
        process.suspend();
        this.#later(fault.forMs, () => process.resume());
        return;
      default:
        unreachable(fault);
    }
  }

  #amid(
    { afterSteps, of }: { readonly afterSteps: number; readonly of: StepFilter },
    process: SimulatedProcess,
    run: () => void,
  ): void {
    if (afterSteps === 0) run();
    else process.interrupt(run, afterSteps, of);
  }

  #blackout({ process, others, tear, downMs }: Extract<ProcessFault, { readonly kind: 'blackout' }>): void {
    for (const name of [process, ...others]) this.#world.processes.get(name)?.crash(tear, downMs);
  }

  #disk(fault: DiskFault, { disk }: SimulatedProcess): void {
    switch (fault.kind) {
      case 'slow-disk':
        disk.slowDown([fault.syncMs / 2, fault.syncMs]);
        this.#later(fault.forMs, () => disk.slowDown(undefined));
        return;
      case 'hung-disk':
        disk.setHanging(true);
        this.#later(fault.forMs, () => disk.setHanging(false));
        return;
      case 'full-disk':
        disk.fillUp(fault.bytes);
        this.#later(fault.forMs, () => disk.fillUp(Number.POSITIVE_INFINITY));
        return;
      case 'failed-sync':
        disk.failSyncs(1);
        return;
      case 'failed-write':
        disk.failWrites(1);
        return;
      case 'failed-view':
        disk.failViewWrites(1);
        return;
      case 'failed-access':
        disk.failAccess(fault.access, fault.afterCount);
        return;
      default:
        unreachable(fault);
    }
  }

  #clock(fault: ClockFault, { clock }: SimulatedProcess): void {
    switch (fault.kind) {
      case 'clock-step':
        // Beyond what is assumed: how long it was suspended nobody on that machine could tell.
        if (fault.byMs < 0 && clock.needsWall) return;
        clock.stepWall(fault.byMs);
        return;
      case 'clock-rate': {
        const { rate } = clock;
        clock.setRate(fault.rate);
        this.#later(fault.forMs, () => clock.setRate(rate));
        return;
      }
      default:
        unreachable(fault);
    }
  }

  #block(from: string, to: string, forMs: number): void {
    this.#world.fabric.block(from, to);
    this.#later(forMs, () => this.#world.fabric.unblock(from, to));
  }

  #later(delayMs: number, run: () => void): void {
    this.#world.time.after(delayMs, () => {
      if (!this.#stopped) run();
    });
  }

  #withProcess({ process }: { readonly process: string }, apply: (process: SimulatedProcess) => void): void {
    const found = this.#world.processes.get(process);
    if (found !== undefined) apply(found);
  }
}
