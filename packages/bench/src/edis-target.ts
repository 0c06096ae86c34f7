import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@edis/client';
import { connect } from '@edis/client';
import type { Target } from './target.ts';
import type { Durability } from './work.ts';

const settleDeadlineMs = 120_000;
const memory = { ack: 'memory' } as const;
const disk = { ack: 'disk' } as const;

export class EdisTarget implements Target {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  static async open(info: string): Promise<EdisTarget> {
    return new EdisTarget(await connect({ info, timeoutMs: 30_000 }));
  }

  put(key: string, value: string, durability: Durability): Promise<unknown> {
    return this.#client.put(key, value, durability === 'memory' ? memory : disk);
  }

  async get(key: string): Promise<boolean> {
    return (await this.#client.get(key)) !== undefined;
  }

  load(key: string, value: string): Promise<unknown> {
    return this.#client.put(key, value, memory);
  }

  async settle(): Promise<void> {
    const deadline = performance.now() + settleDeadlineMs;
    for (;;) {
      const replies = await this.#client.stats();
      // The view follows the log in the background, and replicas follow their primary.
      const busy = replies.some(({ stats }) => stats !== undefined && stats.viewPosition < stats.lastEntry.position);
      if (!busy) return;
      if (performance.now() > deadline) throw new Error('a view is still behind its log after 2 minutes');
      await sleep(100);
    }
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}
