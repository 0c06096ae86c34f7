import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Far below what a caller notices, and few enough to be no load. */
const everyMs = 20;

/**
 * How long the machine itself stood still meanwhile: a process that has nothing to do but to wake up and to sync one
 * byte. What a caller waits for beside it is the cluster's doing.
 */
export class MachinePauses {
  #longestMs = 0;
  #ended = false;
  readonly #probe: Promise<void>;

  constructor() {
    this.#probe = this.#watch();
  }

  get longestMs(): number {
    return this.#longestMs;
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#probe;
  }

  async #watch(): Promise<void> {
    const directory = await mkdtemp(join(tmpdir(), 'edis-pauses-'));
    const file = await open(join(directory, 'probe'), 'w');
    try {
      while (!this.#ended) {
        const startMs = performance.now();
        await sleep(everyMs);
        await file.write('.', 0);
        await file.datasync();
        this.#longestMs = Math.max(this.#longestMs, performance.now() - startMs - everyMs);
      }
    } finally {
      await file.close();
      await rm(directory, { recursive: true, force: true });
    }
  }
}
