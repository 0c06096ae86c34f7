import { EdisError } from '@edis/core';
import type { Logger, RunningRole } from '@edis/process';
import { NodeLog } from './node-log.ts';

/** Where a node listens that was never started: any free port of this machine alone. */
const anyPort = '127.0.0.1:0';

/** A node takes some tens of milliseconds; more means that something hangs. */
const startMs = 10_000;

export interface TestNodeParts {
  readonly name: string;
  /** Starts the role, on data that outlive it. */
  readonly start: (listen: string, logger: Logger) => Promise<RunningRole>;
  readonly onLog: ((line: string) => void) | undefined;
}

/** One node of the cluster: can be killed and started again, with the same data and at the same address. */
export class TestNode {
  readonly name: string;
  readonly #parts: TestNodeParts;
  #address: string | undefined;
  #role: RunningRole | undefined;
  #lastTurn: Promise<void> = Promise.resolve();

  constructor(parts: TestNodeParts) {
    this.name = parts.name;
    this.#parts = parts;
  }

  /** Where it listens, or did last. */
  get address(): string {
    return this.#address ?? anyPort;
  }

  /** Resolves when the node serves. */
  start(): Promise<void> {
    return this.#inTurn(() => this.#start());
  }

  /** Ends it at once: what it was doing is cut off, as when a process is killed. */
  kill(): Promise<void> {
    return this.#inTurn(() => this.#kill());
  }

  /** Resolves when the node serves again. */
  restart(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#kill();
      await this.#start();
    });
  }

  /** One thing after the other: a node that is still starting is killed when it has started. */
  #inTurn(task: () => Promise<void>): Promise<void> {
    const turn = this.#lastTurn.then(task);
    this.#lastTurn = turn.catch(() => {
      // Told to whoever asked for it.
    });
    return turn;
  }

  async #start(): Promise<void> {
    if (this.#role !== undefined) return;
    const log = new NodeLog(this.name, this.#parts.onLog);
    const role = await this.#parts.start(this.address, log.logger);
    this.#role = role;
    this.#address = log.address;
    try {
      await this.#served(log, role);
    } catch (caught) {
      await this.#kill();
      throw caught;
    }
  }

  async #kill(): Promise<void> {
    const role = this.#role;
    this.#role = undefined;
    await role?.close();
  }

  async #served(log: NodeLog, role: RunningRole): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = new EdisError('deadline', `${this.name} did not serve within ${startMs} ms`);
      timer = setTimeout(() => reject(error), startMs);
    });
    const failed = role.failed?.then((error) => Promise.reject(error)) ?? late;
    try {
      await Promise.race([log.ready, failed, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
