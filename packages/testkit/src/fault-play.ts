import { unreachable } from '@edis/core';
import type { ClusterProcess } from '@edis/launcher';
import type { FaultLinks } from './fault-links.ts';
import { describeFault, type Fault, type FaultKind } from './simulation/fault.ts';
import type { FaultPlan } from './simulation/fault-plan.ts';

/** Kinds that can be done to real processes from outside. */
export const realFaultKinds = [
  'block',
  'partition',
  'clog',
  'delay',
  'reset',
  'half-open',
  'kill',
  'terminate',
  'pause',
] as const satisfies readonly FaultKind[];

type RealFault = Extract<Fault, { readonly kind: (typeof realFaultKinds)[number] | 'act' }>;

/** Longer than a restart takes on a busy machine. */
const readyMs = 60_000;

export interface FaultStage {
  readonly links: FaultLinks;
  readonly processes: readonly ClusterProcess[];
  /** What only the scenario knows how to do. `rolling-restart` is known here. */
  readonly act?: (act: string, process: string) => Promise<void>;
  /** Who is restarted one after the other, with this process. @default that one alone */
  readonly groupOf?: (process: string) => readonly string[];
}

/**
 * Makes the faults of a plan happen to real processes, as `FaultRunner` does in a simulated world. A fault that does
 * not fit (its process is down, say) does nothing.
 *
 * Guarantees: after `end` nothing is wrong any more, and every process is ready; how long that takes is up to them.
 */
export class FaultPlay {
  /** What happened. */
  readonly faults: Fault[] = [];
  /** Ends of processes that nobody asked for, and what could not be done. */
  readonly errors: string[] = [];
  readonly #links: FaultLinks;
  readonly #processes: ReadonlyMap<string, ClusterProcess>;
  readonly #act: (act: string, process: string) => Promise<void>;
  readonly #groupOf: (process: string) => readonly string[];
  readonly #timers = new Set<NodeJS.Timeout>();
  /** What is to be undone, however the play ends. */
  readonly #undone = new Set<() => void>();
  readonly #busy = new Set<string>();
  readonly #running = new Set<Promise<void>>();
  readonly #endings = new Set<() => void>();
  #ended = true;

  constructor({ links, processes, act = () => Promise.resolve(), groupOf = (process) => [process] }: FaultStage) {
    this.#links = links;
    this.#processes = new Map(processes.map((process) => [process.name, process]));
    this.#act = act;
    this.#groupOf = groupOf;
  }

  begin({ faults }: Pick<FaultPlan, 'faults'>): void {
    this.#ended = false;
    for (const fault of faults) this.#later(fault.atMs, () => this.strike(fault));
  }

  async end(): Promise<void> {
    this.#ended = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    for (const undo of this.#undone) undo();
    this.#undone.clear();
    this.#links.heal();
    for (const end of this.#endings) end();
    await Promise.all(this.#running);
    this.#busy.clear();
    await Promise.all([...this.#processes.values()].map((process) => this.#raise(process)));
  }

  /** Makes one happen now, whether it is in a plan or not. */
  strike(fault: Fault): void {
    if (!isReal(fault)) throw new Error(`${fault.kind} cannot be done to a real process`);
    if (!this.#ended) this.#apply(fault);
  }

  #apply(fault: RealFault): void {
    switch (fault.kind) {
      case 'block':
        this.#lasting(fault, (on) => this.#links.block(fault.from, fault.to, on));
        return;
      case 'partition':
        this.#lasting(fault, (on) => this.#links.part(fault.some, fault.others, on));
        return;
      case 'clog':
        this.#lasting(fault, (on) => this.#links.clog(fault.from, fault.to, on));
        return;
      case 'delay':
        this.#lasting(fault, (on) => this.#links.delay(fault.from, fault.to, on ? fault.addedMs : -fault.addedMs));
        return;
      case 'reset':
        this.#note(fault);
        this.#links.reset(fault.first, fault.second);
        return;
      case 'half-open':
        this.#note(fault);
        this.#links.halfOpen(fault.told, fault.untold);
        return;
      case 'kill':
        this.#withProcess(fault, (process) => this.#kill(process, fault.downMs));
        return;
      case 'terminate':
        this.#withProcess(fault, (process) => this.#terminate(process, fault.downMs));
        return;
      case 'pause':
        this.#withProcess(fault, (process) => this.#pause(process, fault.forMs));
        return;
      case 'act':
        this.#withProcess(fault, (process) => this.#do(fault.act, process));
        return;
      default:
        unreachable(fault);
    }
  }

  #isUp({ running, state }: ClusterProcess): boolean {
    return running && state !== 'starting';
  }

  #note(fault: Fault): void {
    this.faults.push(fault);
  }

  #lasting(fault: Fault & { readonly forMs: number }, set: (on: boolean) => void): void {
    this.#note(fault);
    set(true);
    // What still lasts at the end is healed with all links.
    this.#later(fault.forMs, () => set(false));
  }

  #withProcess(fault: Fault & { readonly process: string }, run: (process: ClusterProcess) => Promise<void>): void {
    const process = this.#processes.get(fault.process);
    // One that has only just been started cannot be asked to end yet.
    if (process === undefined || !this.#isUp(process) || this.#busy.has(process.name)) return;
    this.#note(fault);
    this.#busy.add(process.name);
    const done = run(process)
      .catch((caught: unknown) => {
        this.errors.push(`${describeFault(fault).trim()}: ${String(caught)}`);
      })
      .finally(() => {
        this.#busy.delete(process.name);
        this.#running.delete(done);
      });
    this.#running.add(done);
  }

  async #kill(process: ClusterProcess, downMs: number): Promise<void> {
    process.kill('SIGKILL');
    this.#expect(process, (await process.exited).signal === 'SIGKILL');
    await this.#wait(downMs);
    await process.start();
  }

  async #pause(process: ClusterProcess, forMs: number): Promise<void> {
    const resume = () => void process.kill('SIGCONT');
    this.#undone.add(resume);
    process.kill('SIGSTOP');
    await this.#wait(forMs);
    resume();
    this.#undone.delete(resume);
  }

  async #do(act: string, process: ClusterProcess): Promise<void> {
    if (act === 'rolling-restart') await this.#restartGroup(process);
    else await this.#act(act, process.name);
  }

  async #terminate(process: ClusterProcess, downMs: number): Promise<void> {
    process.kill('SIGTERM');
    this.#expect(process, (await process.exited).code === 0);
    await this.#wait(downMs);
    await process.start();
  }

  /** Each when the one before it serves again, or the play ends. */
  async #restartGroup(first: ClusterProcess): Promise<void> {
    await this.#terminate(first, 0);
    let last = first;
    for (const name of this.#groupOf(first.name)) {
      const process = this.#processes.get(name);
      const ready = new AbortController();
      await Promise.race([last.waitFor('ready', readyMs, ready.signal).catch(() => undefined), this.#wait(readyMs)]);
      ready.abort();
      if (this.#ended) return;
      if (process === undefined || !this.#isUp(process) || this.#busy.has(name)) continue;
      this.#busy.add(name);
      await this.#terminate(process, 0).finally(() => this.#busy.delete(name));
      last = process;
    }
  }

  #expect(process: ClusterProcess, isMeant: boolean): void {
    if (!isMeant) this.errors.push(`${process.exitError().message}\n${process.lastLines.slice(-5).join('\n')}`);
  }

  /** Every process that ended must have been ended, and started again, above. */
  async #raise(process: ClusterProcess): Promise<void> {
    if (!process.running) {
      this.#expect(process, false);
      await process.start();
    }
    try {
      await process.waitFor('ready', readyMs);
    } catch (caught) {
      this.errors.push(String(caught));
    }
  }

  /** Ends with the play at the latest. */
  #wait(milliseconds: number): Promise<void> {
    if (this.#ended) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        this.#endings.delete(end);
        resolve();
      };
      this.#endings.add(end);
      this.#later(milliseconds, end);
    });
  }

  #later(delayMs: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, delayMs);
    this.#timers.add(timer);
  }
}

function isReal(fault: Fault): fault is RealFault {
  return fault.kind === 'act' || realFaultKinds.some((kind) => kind === fault.kind);
}
