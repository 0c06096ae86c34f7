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

/** How often rpc's servers, and its clients unless they say otherwise, ask a silent peer whether it is there. */
const usualKeepaliveMs = 10_000;
/** A connection that could not be begun is tried again, by the system below: after a second, two more, four more … */
const synRetryMs = 1000;

export interface FabricParts {
  readonly time: SimulatedTime;
  readonly random: SeededRandom;
  readonly trace: Trace;
  readonly processNamed: (name: string) => SimulatedProcess | undefined;
}

export interface ConnectListener {
  /** @default 10 s, as rpc's channels have it */
  readonly keepaliveMs?: number | undefined;
  onConnected(connection: SimulatedConnection): void;
  onRefused(why: string): void;
}

/** A client that looks for a server, and how often in vain so far. */
interface Search {
  readonly client: Incarnation;
  readonly target: SimulatedProcess;
  readonly key: string;
  readonly listener: ConnectListener;
  wanted: boolean;
  pauses: number;
}

/** Everything between the processes: links, who listens where, and the connections. */
export class NetworkFabric {
  readonly #parts: FabricParts;
  readonly #links = new Map<string, SimulatedLink>();
  readonly #servers = new Map<string, SimulatedServer>();
  readonly #connections = new Set<SimulatedConnection>();
  /** Those that a process has to take yet, which stands still: its system keeps them for it. */
  readonly #backlog = new Map<Search, SimulatedServer>();
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
    const search: Search = { client, target, key: `${name}:${port}`, listener, wanted: true, pauses: 0 };
    this.#knock(search);
    return () => {
      search.wanted = false;
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
    // The system that is left refuses what its process did not take; one that is gone does not answer.
    for (const [search, server] of this.#backlog) {
      if (server.incarnation !== incarnation) continue;
      this.#backlog.delete(search);
      this.#knock(search);
    }
  }

  forget(connection: SimulatedConnection): void {
    this.#connections.delete(connection);
  }

  noteMessage(from: Incarnation, to: Incarnation, what: string): void {
    this.#parts.trace.addMessage(this.#parts.time.nowMs, to.process.name, from.process.name, what);
  }

  #knock(search: Search): void {
    const { client, target } = search;
    const there = this.link(client.process.name, target.name);
    const back = this.link(target.name, client.process.name);
    const delayMs = client.process.clock.trueMs - this.#parts.time.nowMs + there.delayMs() + back.delayMs();
    this.#parts.time.after(delayMs, () => {
      if (!search.wanted || !client.alive) return;
      if (there.blocked || back.blocked || !target.powered) {
        this.#parts.time.after(synRetryMs * 2 ** search.pauses++, () => this.#knock(search));
        return;
      }
      const server = this.#servers.get(search.key);
      if (server === undefined) this.#refuse(search);
      else this.#admit(search, server);
    });
  }

  #admit(search: Search, server: SimulatedServer): void {
    const { client, listener } = search;
    this.#backlog.set(search, server);
    server.incarnation.deliver(() => {
      this.#backlog.delete(search);
      if (!search.wanted) return;
      if (!server.listening) {
        this.#refuse(search);
        return;
      }
      const connection = new SimulatedConnection(this, client, server, listener.keepaliveMs ?? usualKeepaliveMs);
      this.#connections.add(connection);
      server.onConnected(connection);
      client.deliver(() => {
        // A client that stood still may hear of it when it is lost already.
        if (connection.usable) listener.onConnected(connection);
        else listener.onRefused('connection reset');
      });
    });
  }

  #refuse({ client, listener }: Search): void {
    client.deliver(() => listener.onRefused('connection refused'));
  }

  /**
   * The end gives the connection up when nothing has changed after its keepalive's time: it asks when it has heard
   * nothing for that long, and waits for as long again.
   */
  #expectAnswer(connection: SimulatedConnection, end: ConnectionEnd, stillSilent: () => boolean): void {
    const keepaliveMs = end === 'client' ? connection.clientKeepaliveMs : usualKeepaliveMs;
    this.#parts.time.after(this.#faults.between(keepaliveMs, 2 * keepaliveMs), () => {
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
