/**
 * One connection for all commands of a session.
 *
 * Each command asks for a client and closes it; here it gets a view of one that stays open, in the keyspace that it
 * named. Only another info address, network or deadline makes a connection of its own.
 */
import type { Client, ConnectOptions } from '@edis/client';

type Connect = (options: ConnectOptions) => Promise<Client>;

/** More ways to connect than one session uses; the oldest is closed then. */
const maxClients = 4;

export class SharedConnection {
  readonly #connect: Connect;
  readonly #clients = new Map<string, Promise<Client>>();

  constructor(connect: Connect) {
    this.#connect = connect;
  }

  async connect({ keyspace, signal: _, ...where }: ConnectOptions): Promise<Client> {
    const id = JSON.stringify([where.info, where.network, where.timeoutMs]);
    const found = this.#clients.get(id);
    const opened = found ?? this.#connect(where);
    if (found === undefined) {
      this.#clients.set(id, opened);
      opened.catch(() => this.#clients.delete(id));
      await this.#closeOldest();
    }
    return borrow(await opened, keyspace);
  }

  async close(): Promise<void> {
    const clients = await Promise.allSettled(this.#clients.values());
    this.#clients.clear();
    for (const client of clients) if (client.status === 'fulfilled') await client.value.close();
  }

  async #closeOldest(): Promise<void> {
    const [oldest] = this.#clients;
    if (oldest === undefined || this.#clients.size <= maxClients) return;
    this.#clients.delete(oldest[0]);
    const client = await oldest[1].catch(() => undefined);
    await client?.close();
  }
}

/** The client as if it had been opened for that keyspace; closing it closes nothing. */
function borrow(client: Client, keyspace: string | undefined): Client {
  const calls = keyspace === undefined ? undefined : client.keyspace(keyspace);
  return new Proxy(client, {
    get: (target, name) => {
      if (name === 'close' || name === Symbol.asyncDispose) return async () => {};
      const source = calls !== undefined && name in calls ? calls : target;
      const member: unknown = Reflect.get(source, name, source);
      const bound: unknown = typeof member === 'function' ? member.bind(source) : member;
      return bound;
    },
  });
}
