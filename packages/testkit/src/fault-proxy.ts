import { once } from 'node:events';
import type { Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import type { Impairment } from './fault-flow.ts';
import { FaultFlow, unimpaired } from './fault-flow.ts';

/** `requests`: from who connects to the target; `replies`: back. */
export type Direction = 'requests' | 'replies';

export type LinkEnd = 'client' | 'server';

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  readonly flows: Readonly<Record<Direction, FaultFlow>>;
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
  /** Sockets that one side of a half-open connection still believes in. */
  readonly #orphans = new Set<Socket>();
  readonly #impairments: Record<Direction, Impairment> = { requests: unimpaired, replies: unimpaired };
  #target: { host: string; port: number } | undefined;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (client) => this.#connect(client));
  }

  static async start(): Promise<FaultProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FaultProxy(server);
  }

  get address(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy does not listen');
    return `127.0.0.1:${address.port}`;
  }

  /** How many connections go through it. */
  get connectionCount(): number {
    return this.#links.size;
  }

  setTarget(address: string): void {
    const separator = address.lastIndexOf(':');
    this.#target = { host: address.slice(0, separator), port: Number(address.slice(separator + 1)) };
  }

  /**
   * Makes one direction, or both, of connections that exist and of those to come worse, or better. Connections that
   * lost something break when nothing is lost any more: they must not go on without it.
   */
  impair(directions: Direction | 'both', change: Partial<Impairment>): void {
    for (const direction of directions === 'both' ? (['requests', 'replies'] as const) : [directions]) {
      const impairment = { ...this.#impairments[direction], ...change };
      this.#impairments[direction] = impairment;
      for (const link of this.#links) {
        const flow = link.flows[direction];
        if (flow.lossy && !impairment.dropped) this.#reset(link);
        else flow.impair(impairment);
      }
    }
  }

  /** Nothing is wrong any more. */
  heal(): void {
    this.impair('both', unimpaired);
    for (const orphan of this.#orphans) orphan.resetAndDestroy();
    this.#orphans.clear();
  }

  /** Replies stay here until they are let go or cut. */
  holdReplies(held: boolean): void {
    this.impair('replies', { held });
  }

  /** Breaks every connection. */
  cut(): void {
    for (const link of this.#links) this.#end(link);
    for (const orphan of this.#orphans) orphan.destroy();
    this.#orphans.clear();
  }

  /** Breaks every connection as a machine does that knows nothing of it. */
  reset(): void {
    for (const link of this.#links) this.#reset(link);
  }

  /** Breaks every connection, and tells only one end of it; what the other one sends is lost. */
  halfOpen(told: LinkEnd): void {
    for (const link of this.#links) {
      const { client, server } = link;
      const [broken, orphan] = told === 'client' ? [client, server] : [server, client];
      this.#forget(link);
      orphan.removeAllListeners('data').resume();
      this.#orphans.add(orphan);
      orphan.once('close', () => this.#orphans.delete(orphan));
      broken.destroy();
    }
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
    const server = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    const { requests, replies } = this.#impairments;
    const flows = {
      requests: new FaultFlow(client, server, requests),
      replies: new FaultFlow(server, client, replies),
    };
    const link = { client, server, flows };
    this.#links.add(link);
    for (const socket of [client, server]) {
      socket.on('error', () => {
        if (this.#links.has(link)) this.#reset(link);
      });
      socket.on('close', () => this.#onClose(link, socket));
    }
  }

  /** What an end said last may still be on its way to the other one, if both directions have ended properly for it. */
  #onClose(link: Link, closed: Socket): void {
    if (!this.#links.has(link)) return;
    const { client, server } = link;
    if (client.destroyed && server.destroyed) this.#forget(link);
    else if (!closed.readableEnded || !closed.writableFinished) this.#end(link);
  }

  #end(link: Link): void {
    this.#forget(link);
    link.client.destroy();
    link.server.destroy();
  }

  #reset(link: Link): void {
    this.#forget(link);
    link.client.resetAndDestroy();
    link.server.resetAndDestroy();
  }

  #forget(link: Link): void {
    this.#links.delete(link);
    link.flows.requests.close();
    link.flows.replies.close();
  }
}
