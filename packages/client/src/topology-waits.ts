import { EdisError, type ErrorCode, type Topology } from '@edis/core';
import type { CancelTimer, Environment } from './environment.ts';

interface Wait {
  readonly holds: (topology: Topology) => boolean;
  readonly settle: (topology: Topology | EdisError) => void;
}

/** Who waits until the client's own map says something. */
export class TopologyWaits {
  readonly #environment: Environment;
  readonly #waits = new Set<Wait>();
  #topology: Topology;
  #closed = false;

  constructor(topology: Topology, environment: Environment) {
    this.#topology = topology;
    this.#environment = environment;
  }

  /** Resolves at the first map for which it holds; rejects when it is too late and when the signal fires. */
  until(
    what: string,
    holds: (topology: Topology) => boolean,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    lateCode: ErrorCode = 'deadline',
  ): Promise<Topology> {
    if (this.#closed) return Promise.reject(closedError());
    if (holds(this.#topology)) return Promise.resolve(this.#topology);
    return new Promise((resolve, reject) => {
      const abort = (): void => wait.settle(aborted(what, signal));
      const late = (): void =>
        wait.settle(new EdisError(lateCode, `after ${Math.ceil(timeoutMs)} ms there is still no ${what}`));
      // A repeating timer, because only those keep the process alive.
      const cancelTimer: CancelTimer = this.#environment.every(Math.max(1, timeoutMs), late);
      const settle = (ending: Topology | EdisError): void => {
        this.#waits.delete(wait);
        cancelTimer();
        signal?.removeEventListener('abort', abort);
        if (ending instanceof EdisError) reject(ending);
        else resolve(ending);
      };
      const wait: Wait = { holds, settle };
      this.#waits.add(wait);
      if (signal?.aborted === true) abort();
      else signal?.addEventListener('abort', abort, { once: true });
    });
  }

  onTopology(topology: Topology): void {
    this.#topology = topology;
    for (const wait of [...this.#waits]) if (wait.holds(topology)) wait.settle(topology);
  }

  close(): void {
    this.#closed = true;
    for (const wait of [...this.#waits]) wait.settle(closedError());
  }
}

function closedError(): EdisError {
  return new EdisError('closed', 'the client was closed before the map of the cluster was as it was waited for');
}

function aborted(what: string, signal: AbortSignal | undefined): EdisError {
  return new EdisError('aborted', `the wait for ${what} was aborted by its caller`, { cause: signal?.reason });
}
