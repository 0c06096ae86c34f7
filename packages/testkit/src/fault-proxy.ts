import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

interface Link {
  readonly client: Socket;
  readonly server: Socket;
}

/**
 * A TCP link that a test can break. `target` is where new connections go.
 *
 * With replies held, what the server answers stays in the proxy while requests still pass: after a `cut` the server has
 * done what the client was never told.
 */
export class FaultProxy {
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #target: { host: string; port: number } | undefined;
  #held = false;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (client) => this.#connect(client));
  }

  static async start(): Promise<FaultProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FaultProxy(server);
  }

  get address(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy does not listen');
    return `127.0.0.1:${address.port}`;
  }

  setTarget(address: string): void {
    const separator = address.lastIndexOf(':');
    this.#target = { host: address.slice(0, separator), port: Number(address.slice(separator + 1)) };
  }

  /** Replies stay here until they are let go or cut. */
  holdReplies(held: boolean): void {
    this.#held = held;
    for (const { server } of this.#links) {
      if (held) server.pause();
      else server.resume();
    }
  }

  /** Breaks every connection. */
  cut(): void {
    for (const { client, server } of this.#links) {
      client.destroy();
      server.destroy();
    }
    this.#links.clear();
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cut();
    await closed;
  }

  #connect(client: Socket): void {
    if (this.#target === undefined) {
      client.destroy();
      return;
    }
    const server = connect(this.#target);
    const link = { client, server };
    this.#links.add(link);
    const end = (): void => {
      this.#links.delete(link);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
    }
    client.pipe(server);
    server.pipe(client);
    if (this.#held) server.pause();
  }
}
