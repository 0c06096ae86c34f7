import type {
  Configuration,
  InfoMessage,
  NodeMessage,
  NodeReport,
  Prepare,
  RefusalCause,
  Registration,
  StoreId,
  Timers,
  Topology,
} from '@edis/core';
import { applyDelta, backoffMs, EdisError, unreachable } from '@edis/core';
import type { Logger } from '@edis/process';
import type { MessageStream, Network, NodeChannel } from '@edis/rpc';

export interface InfoSessionListener {
  onRegistered(cluster: string, shard: string, fencing: number): void;
  /** What was asked in it is asked again in the next one, if it is still wanted. */
  onEnded(): void;
  /** `dialled`: the info address that it came from. */
  onTopology(topology: Topology, dialled: string): void;
  /** `fresh`: the first one of a session. */
  onConfiguration(configuration: Configuration, dialled: string, fresh: boolean): void;
  onPrepare(prepare: Prepare): void;
  onHandOver(epoch: number, to: StoreId): void;
  onProposalRefused(epoch: number): void;
  /** Info will not have this node, and trying again would not change that. */
  onRefused(error: EdisError): void;
}

export interface InfoSessionParts {
  readonly addresses: readonly string[];
  readonly registration: () => Registration;
  readonly report: () => NodeReport;
  /** The highest number of an active info that was heard of. */
  readonly fencing: () => number;
  readonly listener: InfoSessionListener;
  readonly logger: Logger;
  readonly network: Network;
  readonly timers: Timers;
  readonly random: () => number;
}

const retryLimits = { baseMs: 100, maxMs: 2000 } as const;

/** A stopped or cut-off info keeps its connections open, and says nothing for long; another one may decide by now. */
const keepaliveMs = 2000;

/** Until info says how often. */
const defaultReportMs = 500;

/** How long a `leave` may take to reach info when the node ends. */
const leaveMs = 300;

/** Refusals that another node's end, the forming of the cluster, or a person turns into a welcome. */
const passing: ReadonlySet<RefusalCause> = new Set<RefusalCause>(['no-such-shard', 'name-taken', 'waits-for-operator']);

/**
 * A node's session with info: registers, reports, and takes topology and configurations, for as long as the node lives.
 *
 * Guarantees that a lost info is looked for again forever, at one address after the other, and that nothing here is
 * needed to go on reading and writing: with info down the node acts on what it knew last.
 */
export class InfoSession {
  readonly #parts: InfoSessionParts;
  #channel: NodeChannel | undefined;
  #stream: MessageStream<NodeMessage, InfoMessage> | undefined;
  #topology: Topology | undefined;
  /** Waits since the last welcome. */
  #attempt = 0;
  #address = 0;
  /** Addresses without a welcome since the last one. */
  #failures = 0;
  #closed = false;
  #warned = false;
  /** What info said last against this node: it says it at each attempt. */
  #refusal = '';
  #cancelRetry: (() => void) | undefined;
  #cancelReports: (() => void) | undefined;
  /** The session's first configuration has come. */
  #isConfigured = false;
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
    this.say({ kind: 'report', report: this.#parts.report() });
  }

  /** Tells info, if there is a session. False: there is none, and nobody will hear it. */
  say(message: NodeMessage): boolean {
    if (this.#cancelReports === undefined || this.#stream === undefined) return false;
    this.#stream.send(message);
    return true;
  }

  /** Tells info that the node ends, and waits a moment for it to have heard. The session is over then. */
  async leave(): Promise<void> {
    // The end of the stream must not begin a new session: info would count the node as alive again.
    this.#closed = true;
    this.#cancelRetry?.();
    const stream = this.#stream;
    if (stream === undefined || this.#cancelReports === undefined) {
      this.#dropConnection();
      return;
    }
    this.#cancelReports?.();
    this.#cancelReports = undefined;
    stream.send({ kind: 'leave' });
    stream.end();
    await new Promise<void>((resolve) => {
      const cancel = this.#parts.timers.after(leaveMs, resolve);
      this.#onDropped = () => {
        cancel();
        resolve();
      };
    });
  }

  close(): void {
    this.#closed = true;
    this.#cancelRetry?.();
    this.#dropConnection();
  }

  #connect(): void {
    const { addresses, registration, logger } = this.#parts;
    const address = addresses[this.#address % addresses.length] ?? '';
    this.#isConfigured = false;
    const channel = this.#parts.network.dial(address, { keepaliveMs });
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

  /** What a person must do when it has not been replaced by another info, but has taken the place of one. */
  #onReplaced(fencing: number, address: string): void {
    const known = this.#parts.fencing();
    const advice = `if there is none any more (the cluster left etcd), start this one with --fencing ${known + 1}`;
    this.#parts.logger.warn(
      { event: 'info-replaced', info: address, fencing, known },
      `this info has been replaced by one with fencing number ${known}; looking for it. ${advice}`,
    );
    this.#retry();
  }

  #onMessage(message: InfoMessage, address: string): void {
    const { listener, logger } = this.#parts;
    switch (message.kind) {
      case 'registered':
        if (message.fencing < this.#parts.fencing()) {
          this.#onReplaced(message.fencing, address);
          return;
        }
        this.#attempt = 0;
        this.#failures = 0;
        this.#warned = false;
        this.#refusal = '';
        logger.info({ event: 'registered', info: address, shard: message.shard }, 'registered with info');
        listener.onRegistered(message.cluster, message.shard, message.fencing);
        this.#report(message.reportMs || defaultReportMs);
        return;
      case 'refused':
        this.#onRefused(message.cause, message.message);
        return;
      case 'topology':
        this.#onTopology(message, address);
        return;
      case 'configuration':
        listener.onConfiguration(message.configuration, address, !this.#isConfigured);
        this.#isConfigured = true;
        return;
      case 'prepare':
        listener.onPrepare(message.prepare);
        return;
      case 'hand-over':
        listener.onHandOver(message.epoch, message.to);
        return;
      case 'proposal-refused':
        listener.onProposalRefused(message.epoch);
        return;
      default:
        unreachable(message);
    }
  }

  #onRefused(cause: RefusalCause, message: string): void {
    if (passing.has(cause)) {
      if (message !== this.#refusal) this.#parts.logger.warn({ event: 'refused', cause }, `${message}; trying again`);
      this.#refusal = message;
      this.#warned = true;
      // This is the info that decides, and the others would only say so.
      this.#dropConnection();
      this.#attempt += 1;
      this.#connectAfter(backoffMs(this.#attempt, retryLimits, this.#parts.random()));
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
    this.#cancelReports?.();
    const send = (): void => {
      this.#stream?.send({ kind: 'report', report: this.#parts.report() });
    };
    this.#cancelReports = this.#parts.timers.every(reportMs, send);
    send();
  }

  /** All addresses are tried before the first wait: of several infos one decides, and the others turn nodes away. */
  #retry(): void {
    this.#dropConnection();
    const { addresses, random } = this.#parts;
    this.#address += 1;
    this.#failures += 1;
    const waits = this.#failures % addresses.length === 0;
    if (waits) this.#attempt += 1;
    this.#connectAfter(waits ? backoffMs(this.#attempt, retryLimits, random()) : 0);
  }

  #connectAfter(delayMs: number): void {
    if (this.#closed) return;
    this.#cancelRetry?.();
    this.#cancelRetry = this.#parts.timers.after(delayMs, () => this.#connect());
  }

  #dropConnection(): void {
    const wasRegistered = this.#cancelReports !== undefined;
    this.#cancelReports?.();
    this.#cancelReports = undefined;
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.cancel();
    this.#channel?.close();
    this.#channel = undefined;
    this.#onDropped?.();
    this.#onDropped = undefined;
    if (wasRegistered) this.#parts.listener.onEnded();
  }
}
