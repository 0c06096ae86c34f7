import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterProcess } from '@edis/launcher';
import { RpcChannel } from '@edis/rpc';
import { residentBytes } from './gauge.ts';

const sampleIntervalMs = 50;
const statsDeadlineMs = 10_000;

/** The most that a shard held at the moments at which it was asked; what lies between them is not seen. */
export class ShardMonitor {
  readonly #process: ClusterProcess;
  readonly #channel: RpcChannel;
  readonly #stop = new AbortController();
  #sampling: Promise<void> = Promise.resolve();
  #queueOperations = 0;
  #residentBytes = 0;

  private constructor(process: ClusterProcess, address: string) {
    this.#process = process;
    this.#channel = new RpcChannel(address);
  }

  static start(process: ClusterProcess): ShardMonitor {
    if (process.address === undefined) throw new Error(`${process.name} does not listen`);
    const monitor = new ShardMonitor(process, process.address);
    monitor.#sampling = monitor.#sample();
    // A failure is thrown by `stop`; until then it must not count as unhandled.
    monitor.#sampling.catch(() => undefined);
    return monitor;
  }

  get peakQueueOperations(): number {
    return this.#queueOperations;
  }

  get peakResidentBytes(): number {
    return this.#residentBytes;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    try {
      await this.#sampling;
    } finally {
      this.#channel.close();
    }
  }

  async #sample(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const stats = await this.#channel.stats({ timeoutMs: statsDeadlineMs });
      this.#queueOperations = Math.max(this.#queueOperations, stats.queueOperations);
      const { pid } = this.#process;
      if (pid !== undefined) this.#residentBytes = Math.max(this.#residentBytes, await residentBytes(pid));
      await sleep(sampleIntervalMs);
    }
  }
}
