import { EdisError } from '@edis/core';
import type { ClientSide } from './client-side.ts';
import type { Incarnation } from './incarnation.ts';
import type { NetworkFabric } from './network-fabric.ts';
import type { ServerSide } from './server-side.ts';
import { Lane } from './simulated-link.ts';
import type { SimulatedServer } from './simulated-server.ts';
import { unreachableStatus } from './stream-status.ts';

/** What the connection keeps of a stream, whatever it carries. */
interface OpenStream {
  readonly client: Pick<ClientSide<never, never>, 'onStatus' | 'abandon' | 'closed'>;
  readonly server: Pick<ServerSide<never, never>, 'onPeerGone' | 'abandon' | 'closed'>;
  readonly up: Lane;
  readonly down: Lane;
}

export type ConnectionEnd = 'client' | 'server';

/**
 * A connection between a client's channel and a server, with the streams on it.
 *
 * Each end learns for itself that it is lost: at once, when the other one says so and the word gets through, or when
 * nobody answers its keepalive any more. Until then it goes on sending into the void.
 */
export class SimulatedConnection {
  readonly client: Incarnation;
  readonly server: SimulatedServer;
  readonly clientKeepaliveMs: number;
  readonly #fabric: NetworkFabric;
  readonly #streams = new Set<OpenStream>();
  readonly #open = { client: true, server: true };
  readonly #farewell: { readonly client: Lane; readonly server: Lane };
  readonly #told = { client: false, server: false };

  constructor(fabric: NetworkFabric, client: Incarnation, server: SimulatedServer, clientKeepaliveMs: number) {
    this.#fabric = fabric;
    this.client = client;
    this.server = server;
    this.clientKeepaliveMs = clientKeepaliveMs;
    const there = server.incarnation.process.name;
    this.#farewell = {
      client: new Lane(fabric.link(there, client.process.name)),
      server: new Lane(fabric.link(client.process.name, there)),
    };
  }

  /** A channel may open further streams on it. */
  get usable(): boolean {
    return this.#open.client;
  }

  /** Neither end knows of it any more. */
  get over(): boolean {
    return !this.#open.client && !this.#open.server;
  }

  isBetween(first: string, second: string): boolean {
    const names = [this.client.process.name, this.server.incarnation.process.name];
    return names.includes(first) && names.includes(second);
  }

  incarnationOf(end: ConnectionEnd): Incarnation {
    return end === 'client' ? this.client : this.server.incarnation;
  }

  /** Lanes for a stream of its own. */
  lanes(): { readonly up: Lane; readonly down: Lane } {
    return { up: new Lane(this.#farewell.server.link), down: new Lane(this.#farewell.client.link) };
  }

  add(stream: OpenStream): void {
    this.#streams.add(stream);
  }

  remove(stream: OpenStream): void {
    if (stream.client.closed && stream.server.closed) this.#streams.delete(stream);
  }

  /** Carries something on a lane away from an end. */
  carry(from: ConnectionEnd, lane: Lane, arrive: () => void, what: string): void {
    const sender = this.incarnationOf(from);
    if (!sender.alive || !this.#open[from]) return;
    const to = other(from);
    if (!this.#open[to]) {
      // A machine that knows nothing of the connection says so.
      if (this.incarnationOf(to).process.powered) this.tell(from);
      return;
    }
    const receiver = this.incarnationOf(to);
    lane.link.send(lane, sender, receiver, () => {
      if (!this.#open[to]) return;
      this.#fabric.noteMessage(sender, receiver, what);
      arrive();
    });
    sender.step('send');
  }

  /** An end hears that the connection is gone, when the word gets through to it. */
  tell(end: ConnectionEnd): void {
    if (this.#told[end] || !this.#open[end]) return;
    this.#told[end] = true;
    const lane = this.#farewell[end];
    for (const { up, down } of this.#streams)
      lane.lastMs = Math.max(lane.lastMs, (end === 'client' ? down : up).lastMs);
    lane.link.send(lane, this.incarnationOf(other(end)), this.incarnationOf(end), () =>
      this.lose(end, 'connection reset'),
    );
  }

  /** An end finds the connection gone. */
  lose(end: ConnectionEnd, why: string): void {
    if (!this.#open[end]) return;
    this.#shut(end);
    this.incarnationOf(end).deliver(() => {
      for (const stream of [...this.#streams]) {
        if (end === 'client') stream.client.onStatus(unreachableStatus(why));
        else stream.server.onPeerGone();
      }
    });
    this.#forget();
  }

  /** An end closes it: its own streams are over already. */
  close(end: ConnectionEnd): void {
    if (!this.#open[end]) return;
    this.#shut(end);
    this.tell(other(end));
    this.#forget();
  }

  /** What is under way is lost, in both directions. */
  cut(): void {
    for (const { up, down } of this.#streams) {
      up.cut = true;
      down.cut = true;
    }
  }

  /** The process of an end is gone. `told`: its system says so to the other one. */
  onGone(end: ConnectionEnd, told: boolean): void {
    this.#shut(end);
    for (const stream of this.#streams) {
      if (end === 'client') stream.client.abandon();
      else stream.server.abandon();
    }
    if (told) this.tell(other(end));
    else this.#loseUnsent(end);
    this.#forget();
  }

  /** What a link held back the system of that end would have sent again. */
  #loseUnsent(end: ConnectionEnd): void {
    for (const { up, down } of this.#streams) {
      const lane = end === 'client' ? up : down;
      if (lane.link.blocked) lane.cut = true;
    }
  }

  #shut(end: ConnectionEnd): void {
    this.#open[end] = false;
    for (const { up, down } of this.#streams) {
      if (end === 'client') down.cut = true;
      else up.cut = true;
    }
  }

  #forget(): void {
    if (this.over) this.#fabric.forget(this);
  }
}

export function other(end: ConnectionEnd): ConnectionEnd {
  return end === 'client' ? 'server' : 'client';
}

export function closedError(address: string): EdisError {
  return new EdisError('closed', `the connection to ${address} was closed`);
}
