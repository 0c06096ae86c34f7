import { EdisError } from '@edis/core';
import type { Incarnation } from './incarnation.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { ConnectionEnd } from './simulated-connection.ts';
import { other, SimulatedConnection } from './simulated-connection.ts';
import type { LinkTemper } from './simulated-link.ts';
import { calmLink, SimulatedLink } from './simulated-link.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { SimulatedServer } from './simulated-server.ts';
import { splitAddress } from './simulated-server.ts';
import type { SimulatedTime } from './simulated-time.ts';
import type { Trace } from './trace.ts';

const ownHosts: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '0.0.0.0', '[::1]', '[::]']);
const firstFreePort = 40_000;

/** An end whose peer answers nothing any more finds out within that time: rpc's keepalive. */
const keepaliveMs = [10_000, 20_000] as const;
/** A connection that could not be begun is tried again, by the system below. */
const synRetryMs = 1000;

export interface FabricParts {
  readonly time: SimulatedTime;
  readonly random: SeededRandom;
  readonly trace: Trace;
  readonly processNamed: (name: string) => SimulatedProcess | undefined;
}

export interface ConnectListener {
  onConnected(connection: SimulatedConnection): void;
  onRefused(why: string): void;
}

/** Everything between the processes: links, who listens where, and the connections. */
export class NetworkFabric {
  readonly #parts: FabricParts;
  readonly #links = new Map<string, SimulatedLink>();
  readonly #servers = new Map<string, SimulatedServer>();
  readonly #connections = new Set<SimulatedConnection>();
  readonly #faults: SeededRandom;
  #nextPort = firstFreePort;
  #temper: LinkTemper = calmLink;

  constructor(parts: FabricParts) {
    this.#parts = parts;
    this.#faults = parts.random.split('keepalive');
  }

  /** The way from one process to another. */
  link(from: string, to: string): SimulatedLink {
    const name = `${from}>${to}`;
    let link = this.#links.get(name);
    if (link === undefined) {
      link = new SimulatedLink(this.#parts.time, this.#parts.random.split(name));
      link.setTemper(this.#temper);
      this.#links.set(name, link);
    }
    return link;
  }

  bind(server: SimulatedServer, port: number): { readonly port: number; readonly key: string } {
    const bound = port === 0 ? this.#nextPort++ : port;
    const key = `${server.incarnation.process.name}:${bound}`;
    // A process that ended while it started has no port, and holds none.
    if (!server.incarnation.alive) throw new EdisError('closed', 'the process has ended');
    if (this.#servers.get(key)?.incarnation.alive === true) {
      throw new EdisError('port-in-use', `another process listens on ${key}; stop it or choose another port`);
    }
    this.#servers.set(key, server);
    return { port: bound, key };
  }

  unbind(key: string): void {
    this.#servers.delete(key);
  }

  /** Looks for a server until it is found, refused, or called off. */
  connect(client: Incarnation, address: string, listener: ConnectListener): () => void {
    const { host, port } = splitAddress(address);
    const name = ownHosts.has(host) ? client.process.name : host;
    const target = this.#parts.processNamed(name);
    if (target === undefined) {
      client.deliver(() => queueMicrotask(() => listener.onRefused(`there is no host ${host}`)));
      return () => {};
    }
    const attempt = { wanted: true };
    this.#attempt(client, target, `${name}:${port}`, { attempt, listener });
    return () => {
      attempt.wanted = false;
    };
  }

  /** What leaves `from` does not arrive at `to` until the way is free again. */
  block(from: string, to: string): void {
    const link = this.link(from, to);
    const wasBlocked = link.blocked;
    link.block();
    if (wasBlocked) return;
    const sinceMs = link.blockedSinceMs;
    for (const connection of this.#between(from, to)) {
      for (const end of ['client', 'server'] as const) {
        this.#expectAnswer(connection, end, () => link.blockedSinceMs === sinceMs);
      }
    }
  }

  unblock(from: string, to: string): void {
    this.link(from, to).unblock();
  }

  /** All ways are free. */
  heal(): void {
    for (const link of this.#links.values()) link.heal();
  }

  /** What links are like from now on, those to come included. */
  setTemper(temper: LinkTemper): void {
    this.#temper = temper;
    for (const link of this.#links.values()) link.setTemper(temper);
  }

  /** Every connection between two processes breaks, and both hear of it. */
  reset(first: string, second: string): void {
    for (const connection of this.#between(first, second)) {
      connection.cut();
      connection.lose('client', 'connection reset');
      connection.lose('server', 'connection reset');
    }
  }

  /** The connections between two processes break, and only one of them hears of it. */
  halfOpen(told: string, untold: string): void {
    for (const connection of this.#between(told, untold)) {
      const end = connection.client.process.name === told ? 'client' : 'server';
      connection.cut();
      connection.lose(end, 'connection reset');
      this.#expectAnswer(connection, other(end), () => true);
    }
  }

  onPaused(incarnation: Incarnation): void {
    for (const { connection, end } of this.#connectionsOf(incarnation)) {
      const { pauseCount } = incarnation.process;
      const isPaused = (): boolean =>
        incarnation.alive && incarnation.process.state === 'paused' && incarnation.process.pauseCount === pauseCount;
      this.#expectAnswer(connection, other(end), isPaused);
    }
  }

  onGone(incarnation: Incarnation, powerLost: boolean): void {
    for (const [key, server] of this.#servers) if (server.incarnation === incarnation) this.#servers.delete(key);
    for (const { connection, end } of this.#connectionsOf(incarnation)) {
      // What was sent may have left or not: an answer that went out in the very last moment counts.
      if (this.#faults.chance(0.5)) connection.cut();
      connection.onGone(end, !powerLost);
      if (powerLost) this.#expectAnswer(connection, other(end), () => true);
    }
  }

  forget(connection: SimulatedConnection): void {
    this.#connections.delete(connection);
  }

  noteMessage(from: Incarnation, to: Incarnation, what: string): void {
    this.#parts.trace.addMessage(this.#parts.time.nowMs, to.process.name, from.process.name, what);
  }

  #attempt(
    client: Incarnation,
    target: SimulatedProcess,
    key: string,
    asked: { readonly attempt: { wanted: boolean }; readonly listener: ConnectListener },
  ): void {
    const { attempt, listener } = asked;
    const there = this.link(client.process.name, target.name);
    const back = this.link(target.name, client.process.name);
    const delayMs = client.process.clock.trueMs - this.#parts.time.nowMs + there.delayMs() + back.delayMs();
    this.#parts.time.after(delayMs, () => {
      if (!attempt.wanted || !client.alive) return;
      if (there.blocked || back.blocked || !target.powered) {
        this.#parts.time.after(synRetryMs, () => this.#attempt(client, target, key, asked));
        return;
      }
      const server = this.#servers.get(key);
      if (server === undefined) {
        client.deliver(() => listener.onRefused('connection refused'));
        return;
      }
      server.incarnation.deliver(() => {
        if (!attempt.wanted || !server.listening) return;
        const connection = new SimulatedConnection(this, client, server);
        this.#connections.add(connection);
        server.onConnected(connection);
        client.deliver(() => listener.onConnected(connection));
      });
    });
  }

  /** The end gives the connection up when nothing has changed after the keepalive's time. */
  #expectAnswer(connection: SimulatedConnection, end: ConnectionEnd, stillSilent: () => boolean): void {
    const [fromMs, toMs] = keepaliveMs;
    this.#parts.time.after(this.#faults.between(fromMs, toMs), () => {
      if (!stillSilent()) return;
      connection.lose(end, 'no answer to a keepalive');
      connection.tell(other(end));
    });
  }

  #between(first: string, second: string): SimulatedConnection[] {
    return [...this.#connections].filter((connection) => connection.isBetween(first, second));
  }

  #connectionsOf(incarnation: Incarnation): { connection: SimulatedConnection; end: ConnectionEnd }[] {
    return [...this.#connections].flatMap((connection) =>
      (['client', 'server'] as const)
        .filter((end) => connection.incarnationOf(end) === incarnation)
        .map((end) => ({ connection, end })),
    );
  }
}
