import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@edis/client';
import { connect } from '@edis/client';
import { RpcChannel } from '@edis/rpc';
import type { FeedEnd, RecordTarget, Target } from './target.ts';
import type { Durability } from './work.ts';

const settleDeadlineMs = 120_000;
const callDeadlineMs = 30_000;
const probeIntervalMs = 50;
const probeKey = 'probe';
const memory = { ack: 'memory' } as const;
const disk = { ack: 'disk' } as const;

export class EdisTarget implements Target, RecordTarget {
  readonly #client: Client;
  #channel: RpcChannel | undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  static async open(info: string): Promise<EdisTarget> {
    return new EdisTarget(await connect({ info, timeoutMs: callDeadlineMs }));
  }

  get records(): RecordTarget {
    return this;
  }

  put(key: string, value: string, durability: Durability): Promise<unknown> {
    return this.#client.put(key, value, durability === 'memory' ? memory : disk);
  }

  async get(key: string): Promise<boolean> {
    return (await this.#client.get(key)) !== undefined;
  }

  putMany(keys: readonly string[], value: string, durability: Durability): Promise<unknown> {
    const entries = keys.map((key) => ({ key, value }));
    return this.#client.mput(entries, durability === 'memory' ? memory : disk);
  }

  async getMany(keys: readonly string[]): Promise<number> {
    const found = await this.#client.mget(keys);
    return found.reduce((count, record) => (record === undefined ? count : count + 1), 0);
  }

  load(key: string, value: string): Promise<unknown> {
    return this.#client.put(key, value, memory);
  }

  putWithQuorum(key: string, value: string): Promise<unknown> {
    return this.#client.put(key, value, { ack: 'quorum' });
  }

  putWithMetadata(
    key: string,
    value: string,
    metadata: Readonly<Record<string, string>>,
    durability: Durability,
  ): Promise<unknown> {
    return this.#client.put(key, value, { metadata, ack: durability });
  }

  async scanAll(): Promise<number> {
    let count = 0;
    for await (const record of this.#client.scan()) count += record.value.length > 0 ? 1 : 0;
    return count;
  }

  async search(where: Readonly<Record<string, string>>): Promise<number> {
    this.#channel ??= new RpcChannel(this.#primaryAddress());
    const predicates = Object.entries(where).map(([field, value]) => ({ kind: 'equals', field, value }) as const);
    const answer = await this.#channel.search(
      {
        head: {
          shard: '',
          epoch: 0,
          revision: 0,
          keyspace: 0,
          consistency: 'strong',
          after: undefined,
          maxStalenessMs: 0,
        },
        where: predicates,
        after: undefined,
        maxRecords: 1000,
        keysOnly: false,
      },
      { timeoutMs: callDeadlineMs },
    );
    if (answer.kind === 'records') return answer.records.length;
    throw new Error(`the shard refused the search: ${answer.kind}`);
  }

  async watch(onChange: (key: string, value: Uint8Array) => void, signal: AbortSignal): Promise<FeedEnd> {
    let begun = false;
    const consume = async (): Promise<void> => {
      for await (const event of this.#client.watch({ from: 'now', signal })) {
        begun = true;
        if (event.kind === 'put' && typeof event.key === 'string') onChange(event.key, event.value);
      }
    };
    const failures: unknown[] = [];
    const ended = consume().catch((error: unknown) => {
      failures.push(error);
    });
    const deadline = performance.now() + callDeadlineMs;
    // A feed does not say when it begins: it has begun when it brings what was written after it was asked for.
    while (!begun && failures.length === 0) {
      if (performance.now() > deadline) throw new Error('the feed brings nothing');
      await this.#client.put(probeKey, '', memory);
      await sleep(probeIntervalMs);
    }
    return {
      ended: ended.then(() => {
        if (failures.length > 0 && !signal.aborted) throw failures[0];
      }),
    };
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

  async close(): Promise<void> {
    this.#channel?.close();
    await this.#client.close();
  }

  #primaryAddress(): string {
    const primary = this.#client.locate(probeKey).members.find((member) => member.role === 'primary');
    if (primary === undefined) throw new Error('the shard has no primary');
    return primary.address;
  }
}
