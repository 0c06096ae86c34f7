/**
 * Keeps the newest map of the cluster.
 *
 * Guarantees: the map never goes back within one cluster; it stays when info is down, and is refreshed by whoever is
 * reached first afterwards, over all given addresses in turn, for as long as the watch is open. A map that a node sends
 * (`offer`) is taken when it is newer. Steps are applied to what the same stream said before, never to an offered map.
 */
import { applyUpdate, type BackoffLimits, backoffMs, EdisError, type Topology, type TopologyUpdate } from '@edis/core';
import type { CancelTimer, Environment } from './environment.ts';
import type { Channel, TopologyStream, Transport } from './transport.ts';

/** Info sends the map at once; an address that stays silent for that long is left for the next one. */
const firstMapTimeoutMs = 2_000;
/** A map that is there travels at once too. */
const expectedMapTimeoutMs = 500;
/** The map is rarely urgent and info may have many clients, so they come back spread over seconds. */
const reconnectLimits: BackoffLimits = { baseMs: 100, maxMs: 2_000 };

export class TopologyWatch {
  readonly #addresses: readonly string[];
  readonly #transport: Transport;
  readonly #environment: Environment;
  readonly #onChange: (topology: Topology) => void;
  readonly #onNoInfo: (error: EdisError) => void;
  #topology: Topology | undefined;
  #dialled: string;
  #next = 0;
  #failures = 0;
  /** Addresses in a row at which somebody refuses the question: a node of a shard, perhaps. */
  #strangers = 0;
  #lastError: EdisError | undefined;
  #channel: Channel | undefined;
  #stream: TopologyStream | undefined;
  /** What this stream has said so far. */
  #said: Topology | undefined;
  #cancelTimer: CancelTimer | undefined;
  #closed = false;

  /** @param onNoInfo there is no map yet, and whoever answers at any of the addresses is no info */
  constructor(
    addresses: readonly string[],
    transport: Transport,
    environment: Environment,
    onChange: (topology: Topology) => void,
    onNoInfo: (error: EdisError) => void,
  ) {
    this.#addresses = addresses;
    this.#transport = transport;
    this.#environment = environment;
    this.#onChange = onChange;
    this.#onNoInfo = onNoInfo;
    this.#dialled = addresses[0] ?? '';
  }

  get topology(): Topology | undefined {
    return this.#topology;
  }

  /** The address that the newest map from info came from. */
  get dialledAddress(): string {
    return this.#dialled;
  }

  /** Why the last stream ended; undefined while one delivers. */
  get lastError(): EdisError | undefined {
    return this.#lastError;
  }

  start(): void {
    this.#connect();
  }

  /** Takes a map that a node sent, if it is newer; says whether it was. */
  offer(topology: Topology): boolean {
    const known = this.#topology;
    if (known === undefined || known.cluster !== topology.cluster || topology.revision <= known.revision) return false;
    this.#topology = topology;
    this.#onChange(topology);
    return true;
  }

  /**
   * Info has said that there is a map of that revision: a stream that does not bring it is of an info that hangs, and
   * is left for the next one.
   */
  expect(revision: number): void {
    const stream = this.#stream;
    const address = this.#addresses[this.#next % this.#addresses.length] ?? '';
    if (stream === undefined || this.#cancelTimer !== undefined || this.#isAt(revision)) return;
    this.#cancelTimer = this.#environment.after(expectedMapTimeoutMs, () => {
      this.#cancelTimer = undefined;
      if (this.#isAt(revision)) return;
      this.#fail(stream, new EdisError('unreachable', `info at ${address} did not send map ${revision}`));
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#disconnect(undefined);
  }

  #isAt(revision: number): boolean {
    return (this.#topology?.revision ?? 0) >= revision;
  }

  #connect(): void {
    const address = this.#addresses[this.#next % this.#addresses.length] ?? '';
    const channel = this.#transport.channel(address);
    const stream = channel.watchTopology();
    this.#channel = channel;
    this.#stream = stream;
    this.#said = undefined;
    this.#cancelTimer = this.#environment.after(firstMapTimeoutMs, () =>
      this.#fail(stream, new EdisError('unreachable', `info at ${address} sent no map`)),
    );
    stream.listen({
      onMessage: (update) => this.#onUpdate(stream, address, update),
      onClose: (error) =>
        this.#fail(stream, error ?? new EdisError('unreachable', `info at ${address} ended the stream`)),
    });
  }

  #onUpdate(stream: TopologyStream, address: string, update: TopologyUpdate): void {
    if (this.#stream !== stream) return;
    const said = applyUpdate(this.#said, update);
    if (said === undefined) {
      // The next stream begins with a whole map.
      this.#fail(stream, new EdisError('protocol', `info at ${address} sent a step that does not fit its last map`));
      return;
    }
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#said = said;
    this.#failures = 0;
    this.#lastError = undefined;
    const known = this.#topology;
    // Info alone may say that the cluster is another one now.
    if (known !== undefined && known.cluster === said.cluster && said.revision <= known.revision) return;
    this.#topology = said;
    this.#dialled = address;
    this.#onChange(said);
  }

  #fail(stream: TopologyStream, error: EdisError): void {
    if (this.#stream !== stream) return;
    this.#lastError = error;
    this.#disconnect(error);
    this.#strangers = error.code === 'protocol' ? this.#strangers + 1 : 0;
    if (this.#topology === undefined && this.#strangers === this.#addresses.length) {
      this.#onNoInfo(error);
      if (this.#closed) return;
    }
    this.#next += 1;
    this.#failures += 1;
    // All addresses are tried before the first wait.
    const rounds = Math.floor(this.#failures / this.#addresses.length) - 1;
    const waits = this.#failures % this.#addresses.length === 0;
    const delayMs = waits ? backoffMs(rounds, reconnectLimits, this.#environment.random()) : 0;
    this.#cancelTimer = this.#environment.after(delayMs, () => this.#connect());
  }

  #disconnect(error: EdisError | undefined): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    stream?.cancel(error);
    this.#channel?.close();
    this.#channel = undefined;
  }
}
