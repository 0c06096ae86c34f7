import { EdisError } from '@edis/core';
import { Incarnation } from './incarnation.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimulatedClock } from './simulated-clock.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import type { SimulatedTime } from './simulated-time.ts';
import type { Trace } from './trace.ts';

/** A running program. */
export interface RunningProgram {
  /** Resolves when the program has to end by itself. */
  readonly failed?: Promise<EdisError>;
  /** Takes nothing new, finishes what it has, and frees everything. */
  end?(): Promise<void>;
}

/** Starts what the process runs, on the surroundings of one incarnation. */
export type Program = (incarnation: Incarnation) => Promise<RunningProgram>;

export interface ProcessParts {
  readonly name: string;
  readonly time: SimulatedTime;
  readonly clock: SimulatedClock;
  readonly disk: SimulatedDisk;
  readonly random: SeededRandom;
  readonly trace: Trace;
  readonly program: Program;
  /** A supervisor starts a process that ended by itself again after that long. */
  readonly restartMs: number;
  /** Told of an exception that nobody caught: it ends the process, and is a bug. */
  readonly onUncaught: (process: SimulatedProcess, error: EdisError) => void;
  /** Told when an incarnation is over; `powerLost`: without a word to anybody. */
  readonly onGone: (incarnation: Incarnation, powerLost: boolean) => void;
  readonly onPaused: (incarnation: Incarnation) => void;
}

/** What a process does that others could notice: it looks at a clock, has sent something, turns to its disk. */
export type StepKind = 'clock' | 'send' | 'disk';

/** Which steps count. */
export type StepFilter = StepKind | 'any';

/** A machine thaws its programs one by one when it wakes. */
const wakingMs = 15;

/** Names of a process's states, for the trace and for checks. */
export type ProcessState = 'off' | 'running' | 'paused';

/**
 * A process and the machine that is its own: a disk and clocks that outlive it, and one incarnation at a time.
 *
 * Whatever an incarnation set off and that is still under way when it ends has no effect any more: its timers, messages
 * and disk operations lead nowhere. Code of it that still runs in the same turn runs in vain.
 */
export class SimulatedProcess {
  readonly name: string;
  readonly clock: SimulatedClock;
  readonly disk: SimulatedDisk;
  readonly #parts: ProcessParts;
  #incarnation: Incarnation | undefined;
  #incarnationCount = 0;
  #paused = false;
  #ending = false;
  #pauseCount = 0;
  #powered = true;
  #retired = false;
  #deferred: (() => void)[] = [];
  #program: RunningProgram | undefined;
  #interruption: { steps: number; readonly of: StepFilter; readonly run: () => void } | undefined;
  #cancelRestart: () => void = () => {};

  constructor(parts: ProcessParts) {
    this.name = parts.name;
    this.clock = parts.clock;
    this.disk = parts.disk;
    this.#parts = parts;
    this.clock.onChanged = () => this.#incarnation?.timers.rearm();
  }

  get state(): ProcessState {
    if (this.#incarnation === undefined) return 'off';
    return this.#paused ? 'paused' : 'running';
  }

  /** The machine answers for its process when that is gone. */
  get powered(): boolean {
    return this.#powered;
  }

  /** Tells one pause from another. */
  get pauseCount(): number {
    return this.#pauseCount;
  }

  get incarnation(): Incarnation | undefined {
    return this.#incarnation;
  }

  start(): void {
    if (this.#incarnation !== undefined || this.#retired) return;
    this.#cancelRestart();
    this.#powered = true;
    this.#note('start');
    this.clock.restart();
    this.#incarnationCount += 1;
    const incarnation = new Incarnation(this, this.#incarnationCount, {
      time: this.#parts.time,
      random: this.#parts.random.split(`incarnation-${this.#incarnationCount}`),
    });
    this.#incarnation = incarnation;
    this.#parts.program(incarnation).then(
      (program) => {
        if (incarnation === this.#incarnation) this.#program = program;
        void program.failed?.then((error) => this.#ended(incarnation, error));
      },
      (caught: unknown) => this.#ended(incarnation, EdisError.from(caught)),
    );
  }

  /** It is never started again. */
  retire(): void {
    this.#retired = true;
  }

  /** SIGTERM: the program ends as well as it can within that time. Without `downMs` it stays down. */
  terminate(withinMs: number, downMs?: number): void {
    const incarnation = this.#incarnation;
    if (incarnation === undefined || this.#ending) return;
    this.#note('is told to end');
    this.#ending = true;
    const over = (how: string): void => {
      if (incarnation !== this.#incarnation) return;
      this.#note(how);
      this.#end(false);
      this.#startAfter(downMs);
    };
    this.#parts.time.after(withinMs, () => over('is ended'));
    const program = this.#program;
    this.deliver(incarnation, () => {
      const ended = Promise.resolve(program?.end?.());
      ended.then(
        () => over('has ended'),
        (caught: unknown) => this.#ended(incarnation, EdisError.from(caught)),
      );
    });
  }

  /** The machine is replaced by one with an empty disk. */
  wipe(downMs: number): void {
    this.#note('loses its disk');
    this.#powered = false;
    this.#end(true);
    this.disk.wipe();
    this.#startAfter(downMs);
  }

  /** kill -9: what was written stays written, and the system closes the connections. Without `downMs` it stays down. */
  kill(downMs?: number): void {
    if (this.#incarnation === undefined) return;
    this.#note('kill');
    this.#end(false);
    this.#startAfter(downMs);
  }

  /** Power fails: what was not synced is gone, in part (`tear`) or as a whole. Without `downMs` it stays down. */
  crash(tear: boolean, downMs?: number): void {
    if (!this.#powered) return;
    this.#note(tear ? 'power lost, torn' : 'power lost');
    this.#powered = false;
    this.#end(true);
    this.disk.crash(tear);
    this.#startAfter(downMs);
  }

  /** The process is stopped; its clocks are not. */
  pause(): void {
    if (this.state !== 'running') return;
    this.#note('pause');
    this.#hold();
  }

  /** The whole machine sleeps: its monotonic clock stands still, too. */
  suspend(): void {
    if (this.state !== 'running') return;
    this.#note('suspend');
    this.#hold();
    this.clock.suspend();
  }

  /** After a suspend the clocks of the machine go on at once, and its programs a little later. */
  resume(): void {
    if (!this.#paused) return;
    if (this.clock.isSuspended) {
      this.clock.wake();
      this.#parts.time.after(wakingMs, () => this.resume());
      return;
    }
    this.#note('resume');
    this.#paused = false;
    const deferred = this.#deferred;
    this.#deferred = [];
    for (const run of deferred) this.#parts.time.after(0, run);
  }

  /** Nothing will cut it short any more. */
  calm(): void {
    this.#interruption = undefined;
  }

  /** Does something to the process in the middle of its work, when it takes its `steps`th step from now. */
  interrupt(run: () => void, steps: number, of: StepFilter = 'any'): void {
    this.#interruption = { steps, of, run };
  }

  /** Runs something as the process: now, or when it is able to. After its end: never. */
  deliver(incarnation: Incarnation, run: () => void): void {
    if (incarnation !== this.#incarnation) return;
    if (this.#paused) {
      this.#deferred.push(() => this.deliver(incarnation, run));
      return;
    }
    try {
      run();
    } catch (caught) {
      // What becomes of code whose process ended under it is nobody's concern.
      if (incarnation !== this.#incarnation) return;
      const error = EdisError.from(caught);
      this.#parts.onUncaught(this, error);
      this.#ended(incarnation, error);
    }
  }

  /** A step that others could notice: here the process may be cut short. */
  step(incarnation: Incarnation, kind: StepKind): void {
    const due = this.#interruption;
    if (due === undefined || incarnation !== this.#incarnation || (due.of !== 'any' && due.of !== kind)) return;
    due.steps -= 1;
    if (due.steps > 0) return;
    this.#interruption = undefined;
    due.run();
  }

  /** The running code is held up: what it does next it does that much later. */
  stall(forMs: number): void {
    if (this.state !== 'running') return;
    this.#note(`stalls for ${forMs.toFixed(0)} ms`);
    this.clock.stall(forMs);
    this.#hold();
    const stalled = this.#incarnation;
    this.#parts.time.after(forMs, () => {
      if (this.#incarnation === stalled) this.resume();
    });
  }

  #hold(): void {
    this.#paused = true;
    this.#pauseCount += 1;
    if (this.#incarnation !== undefined) this.#parts.onPaused(this.#incarnation);
  }

  #ended(incarnation: Incarnation, error: EdisError): void {
    if (incarnation !== this.#incarnation) return;
    this.#note(`ends: ${error.message}`);
    this.#end(false);
    this.#startAfter(this.#parts.restartMs);
  }

  #startAfter(downMs: number | undefined): void {
    this.#cancelRestart();
    this.#cancelRestart = downMs === undefined ? () => {} : this.#parts.time.after(downMs, () => this.start());
  }

  #end(powerLost: boolean): void {
    const incarnation = this.#incarnation;
    this.#paused = false;
    this.#deferred = [];
    this.#interruption = undefined;
    if (incarnation === undefined) return;
    this.#incarnation = undefined;
    this.#program = undefined;
    this.#ending = false;
    incarnation.end();
    this.disk.onProcessEnd();
    this.#parts.onGone(incarnation, powerLost);
  }

  #note(what: string): void {
    this.#parts.trace.add(this.#parts.time.nowMs, this.name, what);
  }
}
