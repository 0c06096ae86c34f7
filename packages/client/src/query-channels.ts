/**
 * The connections for queries: one for each address, shared by all queries, apart from the streams of single
 * operations, which a page of a megabyte would hold up. A connection that nobody has used for a while is closed.
 */
import { EdisError } from '@edis/core';
import type { CancelTimer, Environment } from './environment.ts';
import type { QueryChannel } from './transport.ts';

/** Long enough for an application that asks now and then; a node that left the cluster is forgotten soon. */
const idleMs = 30_000;
/** A node that failed is passed over for that long, if another one can answer. */
const unwellMs = 2_000;

/** What queries need of a transport. */
export interface QueryTransport {
  channel(address: string): QueryChannel;
}

interface Entry {
  readonly channel: QueryChannel;
  users: number;
  cancelIdle: CancelTimer | undefined;
}

export class QueryChannels {
  readonly #transport: QueryTransport;
  readonly #environment: Environment;
  readonly #entries = new Map<string, Entry>();
  /** Until when an address is passed over. */
  readonly #unwell = new Map<string, number>();
  #closed = false;

  constructor(transport: QueryTransport, environment: Environment) {
    this.#transport = transport;
    this.#environment = environment;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Open connections. */
  get count(): number {
    return this.#entries.size;
  }

  /** Runs a call over the connection to an address. */
  async use<Answer>(address: string, call: (channel: QueryChannel) => Promise<Answer>): Promise<Answer> {
    if (this.#closed) throw new EdisError('closed', 'the client is closed; connect again');
    const entry = this.#entryOf(address);
    entry.users += 1;
    entry.cancelIdle?.();
    entry.cancelIdle = undefined;
    try {
      const answer = await call(entry.channel);
      this.#unwell.delete(address);
      return answer;
    } finally {
      entry.users -= 1;
      if (entry.users === 0 && !this.#closed) {
        entry.cancelIdle = this.#environment.after(idleMs, () => this.#drop(address, entry));
      }
    }
  }

  isWell(address: string): boolean {
    return (this.#unwell.get(address) ?? 0) <= this.#environment.nowMs();
  }

  /** Passes the address over for a while. */
  setUnwell(address: string): void {
    this.#unwell.set(address, this.#environment.nowMs() + unwellMs);
  }

  close(): void {
    this.#closed = true;
    for (const { channel, cancelIdle } of this.#entries.values()) {
      cancelIdle?.();
      channel.close();
    }
    this.#entries.clear();
  }

  #entryOf(address: string): Entry {
    const known = this.#entries.get(address);
    if (known !== undefined) return known;
    const entry: Entry = { channel: this.#transport.channel(address), users: 0, cancelIdle: undefined };
    this.#entries.set(address, entry);
    return entry;
  }

  #drop(address: string, entry: Entry): void {
    this.#entries.delete(address);
    this.#unwell.delete(address);
    entry.channel.close();
  }
}
