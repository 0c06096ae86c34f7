import type {
  Configuration,
  InfoMessage,
  NodeMessage,
  NodeReport,
  RefusalCause,
  Registration,
  Topology,
} from '@edis/core';
import { applyDelta, backoffMs, EdisError, unreachable } from '@edis/core';
import type { Logger } from '@edis/process';
import type { MessageStream } from '@edis/rpc';
import { RpcChannel } from '@edis/rpc';

export interface InfoSessionListener {
  onRegistered(cluster: string, shard: string): void;
  /** `dialled`: the info address that it came from. */
  onTopology(topology: Topology, dialled: string): void;
  onConfiguration(configuration: Configuration, dialled: string): void;
  /** Info will not have this node, and trying again would not change that. */
  onRefused(error: EdisError): void;
}

export interface InfoSessionParts {
  readonly addresses: readonly string[];
  readonly registration: () => Registration;
  readonly report: () => NodeReport;
  readonly listener: InfoSessionListener;
  readonly logger: Logger;
  readonly random: () => number;
}

const retryLimits = { baseMs: 100, maxMs: 2000 } as const;

/** Until info says how often. */
const defaultReportMs = 500;

/** How long a `leave` may take to reach info when the node ends. */
const leaveMs = 300;

/** Refusals that another node's end, or the forming of the cluster, turns into a welcome. */
const passing: ReadonlySet<RefusalCause> = new Set<RefusalCause>(['no-such-shard', 'name-taken']);

/**
 * A node's session with info: registers, reports, and takes topology and configurations, for as long as the node lives.
 *
 * Guarantees that a lost info is looked for again forever, at one address after the other, and that nothing here is
 * needed to go on reading and writing: with info down the node acts on what it knew last.
 */
export class InfoSession {
  readonly #parts: InfoSessionParts;
  #channel: RpcChannel | undefined;
  #stream: MessageStream<NodeMessage, InfoMessage> | undefined;
  #topology: Topology | undefined;
  #attempt = 0;
  #address = 0;
  #closed = false;
  #warned = false;
  #retryTimer: NodeJS.Timeout | undefined;
  #reportTimer: NodeJS.Timeout | undefined;
  /** Whoever waits for the end of the connection. */
  #onDropped: (() => void) | undefined;

  constructor(parts: InfoSessionParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#connect();
  }

  /** Reports now instead of at the next interval: something that info should know has changed. */
  reportNow(): void {
    if (this.#reportTimer !== undefined) this.#stream?.send({ kind: 'report', report: this.#parts.report() });
  }

  /** Tells info that the node ends, and waits a moment for it to have heard. The session is over then. */
  async leave(): Promise<void> {
    // The end of the stream must not begin a new session: info would count the node as alive again.
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    const stream = this.#stream;
    if (stream === undefined || this.#reportTimer === undefined) {
      this.#dropConnection();
      return;
    }
    clearInterval(this.#reportTimer);
    this.#reportTimer = undefined;
    stream.send({ kind: 'leave' });
    stream.end();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, leaveMs);
      this.#onDropped = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    this.#dropConnection();
  }

  #connect(): void {
    const { addresses, registration, logger } = this.#parts;
    const address = addresses[this.#address % addresses.length] ?? '';
    const channel = new RpcChannel(address);
    const stream = channel.session();
    this.#channel = channel;
    this.#stream = stream;
    stream.listen({
      onMessage: (message) => {
        if (this.#stream === stream) this.#onMessage(message, address);
      },
      onClose: (error) => {
        if (this.#stream !== stream) return;
        if (!this.#warned && !this.#closed) {
          this.#warned = true;
          logger.warn({ event: 'info-lost', info: address, reason: error?.message }, 'no info service; trying again');
        }
        this.#retry();
      },
    });
    stream.send({ kind: 'register', registration: registration() });
  }

  #onMessage(message: InfoMessage, address: string): void {
    const { listener, logger } = this.#parts;
    switch (message.kind) {
      case 'registered':
        this.#attempt = 0;
        this.#warned = false;
        logger.info({ event: 'registered', info: address, shard: message.shard }, 'registered with info');
        listener.onRegistered(message.cluster, message.shard);
        this.#report(message.reportMs || defaultReportMs);
        return;
      case 'refused':
        this.#onRefused(message.cause, message.message);
        return;
      case 'topology':
        this.#onTopology(message, address);
        return;
      case 'configuration':
        listener.onConfiguration(message.configuration, address);
        return;
      default:
        unreachable(message);
    }
  }

  #onRefused(cause: RefusalCause, message: string): void {
    if (passing.has(cause)) {
      this.#parts.logger.warn({ event: 'refused', cause }, message);
      this.#warned = true;
      this.#retry();
      return;
    }
    this.#closed = true;
    this.#dropConnection();
    this.#parts.listener.onRefused(new EdisError('refused', `info refuses this node: ${message}`));
  }

  #onTopology(message: Extract<InfoMessage, { kind: 'topology' }>, address: string): void {
    const { update } = message;
    const next =
      update.kind === 'whole'
        ? update.topology
        : this.#topology === undefined
          ? undefined
          : applyDelta(this.#topology, update.delta);
    if (next === undefined) {
      // A step is missing: a new session starts with the whole map.
      this.#retry();
      return;
    }
    this.#topology = next;
    this.#parts.listener.onTopology(next, address);
  }

  #report(reportMs: number): void {
    clearInterval(this.#reportTimer);
    const send = (): void => {
      this.#stream?.send({ kind: 'report', report: this.#parts.report() });
    };
    this.#reportTimer = setInterval(send, reportMs);
    send();
  }

  #retry(): void {
    this.#dropConnection();
    if (this.#closed) return;
    this.#address += 1;
    this.#attempt += 1;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.#connect(), backoffMs(this.#attempt, retryLimits, this.#parts.random()));
  }

  #dropConnection(): void {
    clearInterval(this.#reportTimer);
    this.#reportTimer = undefined;
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.cancel();
    this.#channel?.close();
    this.#channel = undefined;
    this.#onDropped?.();
    this.#onDropped = undefined;
  }
}
