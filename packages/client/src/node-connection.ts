/**
 * The one stream between this client and one node.
 *
 * Guarantees: operations that are enqueued within one event-loop turn leave together, in the order in which they
 * came, in as few messages as the limits of a batch allow; nothing is sent before the node has introduced itself as a
 * member of the expected shard, so an operation whose connection could not be opened was certainly not sent; when the
 * stream ends, every operation is handed back, told apart into sent and not sent; then the connection tries again
 * until it is closed.
 * Shaped by: a batch that is sent at the end of a microtask instead of the turn holds one operation of a caller's
 * loop; a stopped process keeps its TCP connections open, so replicas that leave reads unanswered are given up, and so
 * is a primary as soon as the map names another one.
 */
import {
  type BackoffLimits,
  type BatchRequest,
  type BatchResponse,
  backoffMs,
  EdisError,
  limits,
  type MemberRole,
  type Outcome,
  type ReadCandidate,
} from '@edis/core';
import { BatchPace, type NodesInUse, type SentBatch } from './batch-pace.ts';
import type { BulkItem } from './bulk-item.ts';
import type { CancelTimer, Environment } from './environment.ts';
import { InFlightWindow } from './in-flight-window.ts';
import type { PendingOperation } from './pending-operation.ts';
import type { ServedBy } from './results.ts';
import type { ShardRoute } from './shard-route.ts';
import type { BatchStream, Channel, Transport } from './transport.ts';
import type { WriteIdentity } from './write-identity.ts';

/**
 * `idle`: nobody has needed it yet. `connecting`: for the first time; operations wait here for its end. `ready`: the
 * node has greeted. `broken`: the last attempt or stream failed, and new attempts are made. `closed`: for good.
 */
export type ConnectionState = 'idle' | 'connecting' | 'ready' | 'broken' | 'closed';

/** What travels in batches. */
export type SentOperation = PendingOperation | BulkItem;

export interface ConnectionOwner {
  onOutcome(operation: SentOperation, outcome: Outcome, connection: NodeConnection, response: BatchResponse): void;
  onLost(operations: readonly SentOperation[], sent: boolean): void;
  onReady(): void;
  /** Newest revision that the client routes by. */
  readonly revision: number;
  readonly nodesInUse: NodesInUse;
}

/** A node that does not greet by then is left to the background; a healthy one needs a round trip. */
const greetingTimeoutMs = 2_000;
/** A replica answers or gives up a read within its session wait (100 ms); this long without an answer it is stuck. */
const replicaStallMs = 1_500;
/**
 * After so long without a word from the node the stream is opened anew before something is sent. The greeting brings
 * the shard's clock, of which a write that must be repeated needs a late reading: with one from before the window of
 * operation ids (ten minutes) its outcome could not be told. And a network may have forgotten an idle connection.
 */
const renewAfterMs = 120_000;
/** Operations that have left the queue are cut off its array when there are this many. */
const minCutLength = 1_024;
/** Short, because a node that is back should be used at once; long enough to cost nothing while it is away. */
const reconnectLimits: BackoffLimits = { baseMs: 50, maxMs: 1_000 };

export class NodeConnection implements ReadCandidate {
  readonly node: string;
  readonly address: string;
  readonly route: ShardRoute;
  /** May answer reads: living as far as info knows, no learner, and not known to be unreachable. */
  usable = true;
  servedBy: ServedBy;

  readonly #transport: Transport;
  readonly #environment: Environment;
  readonly #owner: ConnectionOwner;
  #state: ConnectionState = 'idle';
  #alive = true;
  #role: MemberRole | undefined;
  #channel: Channel | undefined;
  #stream: BatchStream | undefined;
  #cancelTimer: CancelTimer | undefined;
  #failures = 0;
  #lastError: EdisError | undefined;

  #queue: SentOperation[] = [];
  #queueHead = 0;
  #flushScheduled = false;
  /** The stream wants no more before it has drained. */
  #blocked = false;
  /** By request number. A number is used again only when its answer has come, so late answers meet nobody. */
  #inFlight: (SentOperation | undefined)[] = [];
  #freeRequests: number[] = [];
  readonly #pace: BatchPace;
  readonly #window = new InFlightWindow();
  /** By request number, like the operations. */
  #batches: (SentBatch | undefined)[] = [];
  #cancelHold: CancelTimer | undefined;
  #lastHeardMs = 0;
  readonly #flush = (): void => this.#sendQueued();

  constructor(
    identity: {
      readonly node: string;
      readonly address: string;
      readonly route: ShardRoute;
      readonly role: MemberRole;
    },
    owner: ConnectionOwner,
    transport: Transport,
    environment: Environment,
  ) {
    this.node = identity.node;
    this.address = identity.address;
    this.route = identity.route;
    this.servedBy = { node: identity.node, role: identity.role, shard: identity.route.shard };
    this.#owner = owner;
    this.#pace = new BatchPace(owner.nodesInUse);
    this.#transport = transport;
    this.#environment = environment;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Whether it makes sense to enqueue a write or a strong read, dead or alive in info's eyes. */
  get reachable(): boolean {
    return this.#state !== 'broken' && this.#state !== 'closed';
  }

  get lastError(): EdisError | undefined {
    return this.#lastError;
  }

  /** Whether operations wait here because the node has said that it is busy. */
  get slowed(): boolean {
    return this.#window.lowered;
  }

  get #inFlightCount(): number {
    return this.#inFlight.length - this.#freeRequests.length;
  }

  /** What info says about the node: a hint. When it comes to life, the next attempt is made at once. */
  setAlive(alive: boolean): void {
    const revived = alive && !this.#alive;
    this.#alive = alive;
    if (revived) this.retryNow();
    this.#updateUsable();
  }

  /** Takes an operation; it leaves at the end of the turn, or when the node has greeted. */
  enqueue(operation: SentOperation): void {
    operation.state = 'queued';
    operation.connection = this;
    this.#queue.push(operation);
    if (this.#state === 'ready') {
      if (this.#flushScheduled || this.#blocked) return;
      this.#flushScheduled = true;
      this.#environment.endOfTurn(this.#flush);
    } else if (this.#state === 'idle') {
      this.#connect('connecting');
    }
  }

  /** The operation is given up: a late answer to it is dropped. */
  forget(operation: SentOperation): void {
    if (operation.state === 'sent' && this.#inFlight[operation.request] === operation) {
      this.#inFlight[operation.request] = undefined;
    }
  }

  /** Ends a stream to a replica that has left reads unanswered for too long. */
  checkStalled(nowMs: number): void {
    if (this.#state !== 'ready' || this.route.primary === this || this.#inFlightCount === 0) return;
    if (nowMs - this.#lastHeardMs <= replicaStallMs) return;
    this.#break(this.#stream, new EdisError('unreachable', `${this.node} at ${this.address} stopped answering`));
  }

  /** Counts the time without an answer from now on. */
  restartPatience(nowMs: number): void {
    this.#lastHeardMs = nowMs;
  }

  /** The map names another primary: what this node was asked is asked there, and it must greet anew. */
  depose(): void {
    this.#break(this.#stream, new EdisError('unreachable', `${this.node} is no longer the primary`));
  }

  /** Makes the next attempt to connect now. */
  retryNow(): void {
    if (this.#state !== 'broken' || this.#stream !== undefined) return;
    this.#failures = 0;
    this.#connect('broken');
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#end('closed', undefined);
  }

  #connect(state: 'connecting' | 'broken'): void {
    this.#cancelTimer?.();
    this.#channel?.close();
    this.#state = state;
    const channel = this.#transport.channel(this.address);
    this.#channel = channel;
    const stream = channel.batch();
    this.#stream = stream;
    this.#cancelTimer = this.#environment.after(greetingTimeoutMs, () =>
      this.#break(stream, new EdisError('unreachable', `${this.node} at ${this.address} did not answer`)),
    );
    stream.listen({
      onMessage: (response) => this.#onMessage(stream, response),
      onDrain: () => this.#onDrain(stream),
      onClose: (error) => {
        const ended = new EdisError('unreachable', `${this.node} at ${this.address} ended the stream`);
        this.#break(stream, error ?? ended);
      },
    });
  }

  #onMessage(stream: BatchStream, response: BatchResponse): void {
    if (this.#stream !== stream) return;
    this.#lastHeardMs = this.#environment.nowMs();
    if (response.role !== undefined && response.role !== this.#role) this.#setRole(response.role);
    this.route.observe(response);
    if (response.node !== '') {
      this.#onGreeting(stream, response);
      return;
    }
    this.#failures = 0;
    const inFlight = this.#inFlight;
    let refusals = 0;
    for (const { request, outcome } of response.results) {
      if (request >= inFlight.length) {
        this.#break(
          stream,
          new EdisError('protocol', `${this.node} answered request ${request}, which was never sent`),
        );
        return;
      }
      const operation = inFlight[request];
      const batch = this.#batches[request];
      if (batch !== undefined) this.#pace.onAnswer(batch);
      inFlight[request] = undefined;
      this.#batches[request] = undefined;
      this.#freeRequests.push(request);
      if (outcome.kind === 'busy') refusals += 1;
      if (operation !== undefined) this.#owner.onOutcome(operation, outcome, this, response);
      if (this.#stream !== stream) return;
    }
    this.#window.onAnswers(response.results.length, refusals, this.#inFlightCount);
    if (this.#queue.length > this.#queueHead && !this.#flushScheduled && !this.#blocked) {
      this.#flushScheduled = true;
      this.#environment.endOfTurn(this.#flush);
    }
  }

  #onGreeting(stream: BatchStream, response: BatchResponse): void {
    if (response.shard !== this.route.shard) {
      const shard = response.shard === '' ? 'no shard' : response.shard;
      const message = `${this.address} is ${response.node} of ${shard} and not ${this.node} of ${this.route.shard}`;
      this.#break(stream, new EdisError('unreachable', message));
      return;
    }
    if (this.#state === 'ready') {
      // It plays another part now, perhaps the one for which it had to refuse operations: its epoch is open.
      this.#owner.onReady();
      return;
    }
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#state = 'ready';
    this.#lastError = undefined;
    this.servedBy = { node: response.node, role: this.servedBy.role, shard: response.shard };
    this.#updateUsable();
    this.#sendQueued();
    this.#owner.onReady();
  }

  #onDrain(stream: BatchStream): void {
    if (this.#stream !== stream) return;
    this.#blocked = false;
    this.#sendQueued();
  }

  #setRole(role: MemberRole): void {
    this.#role = role;
    this.servedBy = { node: this.servedBy.node, role, shard: this.route.shard };
    this.#updateUsable();
  }

  #updateUsable(): void {
    this.usable = this.#alive && this.#role !== 'learner' && this.reachable;
  }

  #sendQueued(): void {
    this.#flushScheduled = false;
    // It may have been closed, or have broken, since the flush was scheduled.
    if (this.#state !== 'ready') return;
    const nowMs = this.#environment.nowMs();
    if (this.#inFlightCount === 0) {
      if (nowMs - this.#lastHeardMs > renewAfterMs) {
        this.#connect('connecting');
        return;
      }
      this.#lastHeardMs = nowMs;
    }
    if (!this.#pace.mayLeave(nowMs)) {
      this.#cancelHold ??= this.#environment.after(this.#pace.holdMs(nowMs), () => this.#endHold());
      return;
    }
    while (this.#state === 'ready' && !this.#blocked) {
      const request = this.#takeBatch(this.#pace.room(nowMs));
      if (request === undefined) return;
      const batch = this.#pace.onSent(request.operations.length, nowMs);
      for (const operation of request.operations) this.#batches[operation.request] = batch;
      if (this.#stream?.send(request) !== true) this.#blocked = true;
    }
  }

  #endHold(): void {
    this.#cancelHold = undefined;
    if (this.#queue.length > this.#queueHead && !this.#flushScheduled) this.#sendQueued();
  }

  /** The next batch, of one identity and within the limits; undefined when nothing can be sent. */
  #takeBatch(maxOperations: number): BatchRequest | undefined {
    const queue = this.#queue;
    const operations: SentOperation[] = [];
    let identity: WriteIdentity | undefined;
    let bytes = 0;
    let index = this.#queueHead;
    let room = Math.min(maxOperations, this.#window.size - this.#inFlightCount);
    for (; index < queue.length && room > 0; index++) {
      const operation = queue[index];
      if (operation === undefined || operation.state !== 'queued' || operation.connection !== this) continue;
      if (bytes > 0 && bytes + operation.bytes > limits.maxBatchBytes) break;
      if (operation.kind !== 'get' && operation.identity !== identity) {
        if (identity !== undefined) break;
        identity = operation.identity;
      }
      bytes += operation.bytes;
      room -= 1;
      this.#register(operation);
      operations.push(operation);
    }
    if (index === queue.length) {
      this.#queue = [];
      this.#queueHead = 0;
    } else {
      // The head is cut off in bulk, so that a queue that never runs empty does not keep what has left it.
      this.#queueHead = index >= minCutLength && index * 2 >= queue.length ? 0 : index;
      if (this.#queueHead === 0) this.#queue = queue.slice(index);
    }
    if (operations.length === 0) return undefined;
    return {
      revision: this.#owner.revision,
      epoch: this.route.epoch,
      client: identity?.client ?? '',
      completedBelow: identity?.completedBelow ?? 0,
      shard: this.route.shard,
      operations,
    };
  }

  #register(operation: SentOperation): void {
    const request = this.#freeRequests.pop() ?? this.#inFlight.length;
    this.#inFlight[request] = operation;
    operation.request = request;
    operation.state = 'sent';
    if (operation.kind !== 'get' && operation.sentTimestamp === 0) operation.sentTimestamp = this.route.timestamp;
  }

  #break(stream: BatchStream | undefined, error: EdisError): void {
    if (stream === undefined || this.#stream !== stream) return;
    this.#lastError = error;
    this.#end('broken', error);
  }

  #end(state: 'broken' | 'closed', error: EdisError | undefined): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#state = state;
    this.#blocked = false;
    this.#updateUsable();
    const sent = this.#inFlight.filter((operation) => operation !== undefined);
    const unsent = this.#queue.slice(this.#queueHead).filter((operation) => operation.connection === this);
    this.#inFlight = [];
    this.#freeRequests = [];
    this.#batches = [];
    this.#pace.reset();
    this.#window.reset();
    this.#cancelHold?.();
    this.#cancelHold = undefined;
    this.#queue = [];
    this.#queueHead = 0;
    stream?.cancel(error);
    this.#channel?.close();
    this.#channel = undefined;
    if (state === 'broken') this.#scheduleReconnect();
    this.#owner.onLost(sent, true);
    this.#owner.onLost(
      unsent.filter((operation) => operation.state === 'queued'),
      false,
    );
  }

  #scheduleReconnect(): void {
    const delayMs = backoffMs(this.#failures, reconnectLimits, this.#environment.random());
    this.#failures += 1;
    this.#cancelTimer = this.#environment.after(delayMs, () => this.#connect('broken'));
  }
}
