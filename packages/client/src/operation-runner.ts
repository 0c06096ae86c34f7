/**
 * Brings every operation to its end: routes it, sends it, waits, repeats, and settles its promise exactly once.
 *
 * Guarantees: an operation ends at its deadline at the latest (a sweep is late by at most two of its intervals, or by
 * two turns of the event loop where these take longer, and never early); a write is repeated only under its own
 * operation id; a sequence is finished exactly when its promise is settled. The runner never keeps the process alive
 * when nothing is unfinished.
 */
import {
  type BackoffLimits,
  type BatchResponse,
  backoffMs,
  EdisError,
  invariant,
  type Outcome,
  type Topology,
  unreachable,
} from '@edis/core';
import { AbortWatch } from './abort-watch.ts';
import { NodesInUse } from './batch-pace.ts';
import { BulkCall } from './bulk-call.ts';
import { BulkGet, type BulkItem, BulkPut } from './bulk-item.ts';
import { Changes } from './changes.ts';
import { type DeadlineEntry, DeadlineList } from './deadline-list.ts';
import { type Attempt, type Decision, decide } from './decide.ts';
import type { Environment } from './environment.ts';
import { abortedError, answeredError, closedError, deadlineError, strangeAnswerError } from './failure.ts';
import type { ConnectionOwner, NodeConnection, SentOperation } from './node-connection.ts';
import type { Obstacle } from './obstacle.ts';
import type { ClientConfig } from './options.ts';
import type { PendingGet, PendingOperation, PendingWrite } from './pending-operation.ts';
import { RouteTable } from './route-table.ts';
import type { ShardRoute } from './shard-route.ts';
import { Sweep, type SweepMoment } from './sweep.ts';
import type { TopologyWatch } from './topology-watch.ts';
import type { Transport } from './transport.ts';
import type { WriteIdentity } from './write-identity.ts';

/**
 * Together with their bytes the bound of all that the client holds; beyond it the application must wait for results.
 */
const maxPendingOperations = 262_144;
const maxPendingBytes = 256 * 1024 * 1024;
/** Between attempts that nobody gave a time for. */
const retryLimits: BackoffLimits = { baseMs: 20, maxMs: 500 };
const windowRetryMs = 10;
/** What was given up while it waited is let go of after that long. */
const waitingPruneMs = 500;

export class OperationRunner implements ConnectionOwner {
  readonly routes: RouteTable;
  readonly nodesInUse = new NodesInUse();
  readonly changes = new Changes();
  readonly #watch: TopologyWatch;
  readonly #environment: Environment;
  readonly #unfinished = new DeadlineList();
  readonly #aborts = new AbortWatch((entry) => this.#giveUp(entry, abortedError));
  #pendingBytes = 0;
  /** Operations of bulk calls, which are one entry of the list each. */
  #bulkItems = 0;
  #waiting: PendingOperation[] = [];
  /** When the waiting are to be looked at next. */
  #nextWakeMs = Number.POSITIVE_INFINITY;
  readonly #sweep: Sweep;
  #closed = false;
  readonly #expire = (entry: DeadlineEntry): void => this.#giveUp(entry, deadlineError);

  constructor(
    topology: Topology,
    config: ClientConfig,
    watch: TopologyWatch,
    transport: Transport,
    environment: Environment,
  ) {
    this.#watch = watch;
    this.#environment = environment;
    this.#sweep = new Sweep(environment, (moment) => this.#lookAfter(moment));
    this.routes = new RouteTable(topology, config, this, transport, environment);
    this.routes.update(topology, watch.dialledAddress);
  }

  get closed(): boolean {
    return this.#closed;
  }

  get revision(): number {
    return this.routes.topology.revision;
  }

  /** Begins an operation; its promise is settled from here on in any case. */
  start(operation: PendingOperation, signal: AbortSignal | undefined): void {
    if (this.#closed) {
      operation.reject(new EdisError('closed', 'the client is closed; connect again'));
      return;
    }
    if (!this.#hasRoom(1, operation.bytes)) {
      operation.reject(this.#overloaded());
      return;
    }
    if (signal !== undefined) {
      operation.signal = signal;
      if (signal.aborted) {
        operation.reject(abortedError(operation));
        return;
      }
      this.#aborts.add(signal, operation);
    }
    this.#add(operation);
    this.#dispatch(operation);
  }

  /** Begins the operations of a bulk; each of them ends in any case. */
  startBulk(call: BulkCall, signal: AbortSignal | undefined): void {
    call.signal = signal;
    const { closed } = this;
    if (closed || signal?.aborted === true || !this.#hasRoom(call.items.length, call.bytes)) {
      const overloaded = this.#overloaded();
      const refusal = (operation: PendingOperation): EdisError => (closed ? closedError(operation) : overloaded);
      this.#giveUp(call, signal?.aborted === true && !closed ? abortedError : refusal);
      return;
    }
    if (signal !== undefined) this.#aborts.add(signal, call);
    this.#bulkItems += call.items.length;
    call.onEnded = () => this.#onBulkEnded(call);
    this.#add(call);
    this.#dispatchBulk(call);
  }

  /** A new map: routes by it from now on. */
  onTopology(topology: Topology): void {
    if (this.#closed) return;
    this.routes.update(topology, this.#watch.dialledAddress);
    this.#wakeOnChange();
  }

  onReady(): void {
    this.#wakeOnChange();
  }

  onOutcome(answered: SentOperation, outcome: Outcome, connection: NodeConnection, response: BatchResponse): void {
    if (isOfBulk(answered) && this.#completeItem(answered, outcome, connection, response)) return;
    const operation = this.#alone(answered);
    const route = connection.route;
    let mapIsNewer = false;
    if (outcome.kind === 'wrong-shard' && outcome.topology !== undefined) {
      // The map may have come with an earlier result of the same batch already.
      mapIsNewer = this.#watch.offer(outcome.topology) || this.#routeOf(operation) !== route;
    }
    if (operation.state === 'settled') return;
    const isWrite = operation.kind !== 'get';
    const decision = decide(outcome, { isWrite, atPrimary: route.primary === connection, mapIsNewer });
    if (decision.kind === 'complete' && 'position' in outcome) {
      const place = route.see(response.epoch, outcome.position);
      operation.session?.see(place);
      const { stalenessMs } = response;
      if (operation.complete(outcome, { place, servedBy: connection.servedBy, stalenessMs })) this.#finish(operation);
      else this.#fail(operation, strangeAnswerError(operation, outcome));
      return;
    }
    this.#carryOut(decision, operation);
  }

  onLost(operations: readonly SentOperation[], sent: boolean): void {
    for (const each of operations) {
      if (each.state === 'settled') continue;
      const operation = this.#alone(each);
      const connection = operation.connection;
      const isWrite = operation.kind !== 'get';
      const attempt: Attempt = { isWrite, atPrimary: connection?.route.primary === connection, mapIsNewer: false };
      this.#carryOut(decide({ kind: 'lost', sent }, attempt), operation);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sweep.stop();
    for (const entry of this.#unfinished.all()) this.#giveUp(entry, closedError);
    this.#waiting = [];
    this.routes.close();
  }

  #carryOut(decision: Decision, operation: PendingOperation): void {
    switch (decision.kind) {
      case 'complete':
        // Only an outcome with a position completes; onOutcome has dealt with it.
        return;
      case 'again':
        if (decision.unknown) operation.mayBeApplied = true;
        if (decision.toPrimary) operation.toPrimary = true;
        this.#dispatch(operation);
        return;
      case 'wait':
        if (decision.unknown) operation.mayBeApplied = true;
        this.#waitFor(
          decision.obstacle,
          operation,
          this.#delayMs(operation, decision.retryAfterMs),
          decision.wakesOnChange,
        );
        operation.obstacleDetail = decision.detail;
        return;
      case 'fail':
        this.#fail(operation, answeredError(operation, decision.error));
        return;
      default:
        unreachable(decision);
    }
  }

  #dispatch(operation: PendingOperation): void {
    const keyspace = this.routes.keyspaceOf(operation.scope);
    if (keyspace === undefined) {
      this.#fail(operation, answeredError(operation, this.routes.noSuchKeyspace(operation.scope)));
      return;
    }
    const route = this.routes.routeOf(keyspace.id, operation.slot);
    if (route === undefined) {
      this.#waitFor('not-formed', operation, Number.POSITIVE_INFINITY, true);
      return;
    }
    operation.keyspace = keyspace.id;
    if (operation.kind === 'get') this.#dispatchRead(operation, route);
    else this.#dispatchWrite(operation, route);
  }

  /** Who owns the operation's key by the newest map. */
  #routeOf(operation: PendingOperation): ShardRoute | undefined {
    const keyspace = this.routes.keyspaceOf(operation.scope);
    return keyspace === undefined ? undefined : this.routes.routeOf(keyspace.id, operation.slot);
  }

  #dispatchWrite(operation: PendingWrite & PendingOperation, route: ShardRoute): void {
    const primary = route.primary;
    if (primary?.reachable !== true) {
      this.#waitForConnection(operation, primary);
      return;
    }
    if (operation.sequence === 0) {
      operation.sequence = route.identity.next(operation.sequenceCount);
      if (operation.sequence === 0) {
        this.#waitFor('window-full', operation, windowRetryMs, false);
        return;
      }
      operation.identity = route.identity;
    } else if (operation.mayBeApplied) {
      operation.firstSentTimestamp = operation.sentTimestamp;
    } else {
      // It was refused, or never left: the next time it is sent is the first that counts.
      operation.sentTimestamp = 0;
    }
    primary.enqueue(operation);
  }

  #dispatchRead(operation: PendingGet, route: ShardRoute): void {
    const primary = route.primary;
    const strong = operation.consistency === 'strong';
    // A primary that is away cannot help a read that a replica has passed on; another replica may.
    const toPrimary = strong || (operation.toPrimary && primary?.reachable === true);
    const target = toPrimary ? primary : route.pickReader();
    if (target?.reachable !== true) {
      this.#waitForConnection(operation, target);
      return;
    }
    if (operation.consistency === 'session') {
      const { session, token } = operation;
      operation.after = session === undefined ? route.after(token) : session.after(route.cluster, route.shard, token);
    }
    target.enqueue(operation);
  }

  #waitForConnection(operation: PendingOperation, connection: NodeConnection | undefined): void {
    operation.connection = connection;
    this.#waitFor('not-connected', operation, Number.POSITIVE_INFINITY, true);
  }

  #waitFor(obstacle: Obstacle, operation: PendingOperation, delayMs: number, wakesOnChange: boolean): void {
    operation.state = 'waiting';
    operation.obstacle = obstacle;
    operation.obstacleDetail = '';
    operation.waits += 1;
    operation.wakesOnChange = wakesOnChange;
    const nowMs = this.#environment.nowMs();
    operation.wakeAtMs = nowMs + delayMs;
    this.#nextWakeMs = Math.min(this.#nextWakeMs, operation.wakeAtMs, nowMs + waitingPruneMs);
    this.#waiting.push(operation);
  }

  #delayMs(operation: PendingOperation, retryAfterMs: number): number {
    const random = this.#environment.random();
    // Everybody who was told the same time would come back together.
    if (retryAfterMs > 0) return retryAfterMs * (1 + random);
    return Math.max(1, backoffMs(operation.waits, retryLimits, random));
  }

  #wakeOnChange(): void {
    this.#wake((operation) => operation.wakesOnChange);
    this.changes.fire();
  }

  #wakeDue(nowMs: number): void {
    this.#nextWakeMs = Number.POSITIVE_INFINITY;
    this.#wake((operation) => operation.wakeAtMs <= nowMs);
    if (this.#waiting.length === 0) return;
    let nextMs = nowMs + waitingPruneMs;
    for (const operation of this.#waiting) nextMs = Math.min(nextMs, operation.wakeAtMs);
    this.#nextWakeMs = nextMs;
  }

  #wake(isDue: (operation: PendingOperation) => boolean): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const operation of waiting) {
      if (operation.state !== 'waiting') continue;
      if (isDue(operation)) {
        operation.toPrimary = false;
        this.#dispatch(operation);
      } else {
        this.#waiting.push(operation);
      }
    }
  }

  #lookAfter({ nowMs, heardMs, afterPause }: SweepMoment): void {
    if (this.#unfinished.count === 0) {
      this.#sweep.stop();
      return;
    }
    if (afterPause) for (const connection of this.routes.connections) connection.restartPatience(nowMs);
    // Nobody is blamed before the answers that wait have been read.
    this.#unfinished.forEachExpired(heardMs, this.#expire);
    if (nowMs >= this.#nextWakeMs) this.#wakeDue(nowMs);
    for (const connection of this.routes.connections) connection.checkStalled(heardMs);
  }

  #add(entry: DeadlineEntry): void {
    this.#pendingBytes += entry.bytes;
    const nowMs = this.#environment.nowMs();
    this.#unfinished.add(entry, nowMs);
    this.#sweep.start(nowMs);
  }

  #dispatchBulk(call: BulkCall): void {
    const keyspace = this.routes.keyspaceOf(call.terms.scope);
    // One reader for all that is read of a shard: its answer is one message.
    const readers = new Map<ShardRoute, NodeConnection | undefined>();
    for (const item of call.items) {
      if (item.state !== 'new') continue;
      const route = keyspace === undefined ? undefined : this.routes.routeOf(keyspace.id, item.slot);
      const target = route === undefined ? undefined : this.#targetOf(item, call, route, readers);
      if (keyspace === undefined || target === undefined) {
        this.#dispatch(this.#alone(item));
        continue;
      }
      item.keyspace = keyspace.id;
      target.enqueue(item);
    }
  }

  /** Who takes an item as it is; undefined: it needs more than to be sent. */
  #targetOf(
    item: BulkItem,
    { terms: { session } }: BulkCall,
    route: ShardRoute,
    readers: Map<ShardRoute, NodeConnection | undefined>,
  ): NodeConnection | undefined {
    if (item.kind === 'put') {
      if (route.primary?.reachable !== true) return undefined;
      item.sequence = route.identity.next();
      if (item.sequence === 0) return undefined;
      item.identity = route.identity;
      return route.primary;
    }
    if (!readers.has(route)) readers.set(route, item.consistency === 'strong' ? route.primary : route.pickReader());
    const { token } = item;
    if (item.consistency === 'session') {
      item.after = session === undefined ? route.after(token) : session.after(route.cluster, route.shard, token);
    }
    const reader = readers.get(route);
    return reader?.reachable === true ? reader : undefined;
  }

  /** False: the item needs more than its answer. */
  #completeItem(item: BulkItem, outcome: Outcome, connection: NodeConnection, response: BatchResponse): boolean {
    const { call } = item;
    if (call === undefined || item.state === 'settled') return true;
    if (!item.expects(outcome)) return false;
    const place = connection.route.see(response.epoch, outcome.position);
    call.terms.session?.see(place);
    item.complete(outcome, { place, servedBy: connection.servedBy, stalenessMs: response.stalenessMs });
    item.state = 'settled';
    item.connection = undefined;
    if (item.kind === 'put') item.identity?.finish(item.sequence);
    call.settle();
    return true;
  }

  /** The operation itself, or that as which an item of a bulk goes on. */
  #alone(sent: SentOperation): PendingOperation {
    if (!isOfBulk(sent)) return sent;
    const { call, connection, state } = sent;
    invariant(call !== undefined, 'an item that has begun has a call');
    connection?.forget(sent);
    const operation = sent.alone(call);
    operation.isOfBulk = true;
    operation.state = state;
    operation.connection = connection;
    operation.keyspace = sent.keyspace;
    operation.signal = call.signal;
    sent.state = 'settled';
    sent.connection = undefined;
    call.alone.set(sent, operation);
    return operation;
  }

  /** Ends an operation, or all of a bulk that have not ended. */
  #giveUp(entry: DeadlineEntry, errorOf: (operation: PendingOperation) => EdisError): void {
    if (!(entry instanceof BulkCall)) {
      this.#fail(entry, errorOf(entry));
      return;
    }
    for (const item of entry.items) {
      const operation = item.state === 'settled' ? entry.alone.get(item) : this.#alone(item);
      if (operation !== undefined && operation.state !== 'settled') this.#fail(operation, errorOf(operation));
    }
  }

  #onBulkEnded(call: BulkCall): void {
    this.#unfinished.remove(call);
    this.#pendingBytes -= call.bytes;
    this.#bulkItems -= call.items.length;
    if (call.signal !== undefined) this.#aborts.remove(call.signal, call);
  }

  #fail(operation: PendingOperation, error: EdisError): void {
    if (operation.state === 'settled') return;
    operation.connection?.forget(operation);
    this.#finish(operation);
    operation.reject(error);
  }

  #finish(operation: PendingOperation): void {
    operation.state = 'settled';
    operation.connection = undefined;
    if (operation.kind !== 'get' && operation.identity !== undefined) finishSequences(operation, operation.identity);
    if (operation.isOfBulk) return;
    this.#unfinished.remove(operation);
    this.#pendingBytes -= operation.bytes;
    if (operation.signal !== undefined) this.#aborts.remove(operation.signal, operation);
  }

  #hasRoom(operations: number, bytes: number): boolean {
    return this.#operationCount + operations <= maxPendingOperations && this.#pendingBytes + bytes <= maxPendingBytes;
  }

  get #operationCount(): number {
    return this.#unfinished.count + this.#bulkItems;
  }

  #overloaded(): EdisError {
    const held = `${this.#operationCount} operations with ${this.#pendingBytes} bytes`;
    const bound = `at most ${maxPendingOperations} with ${maxPendingBytes} bytes`;
    return new EdisError('busy', `the client holds ${held} unfinished, ${bound}; await results before sending more`);
  }
}

function isOfBulk(operation: SentOperation): operation is BulkItem {
  return operation instanceof BulkPut || operation instanceof BulkGet;
}

/** None of the operation's ids will be sent again. */
function finishSequences(operation: PendingWrite, identity: WriteIdentity): void {
  identity.finish(operation.sequence);
  const end = operation.sequence + operation.sequenceCount;
  for (let sequence = operation.sequence + 1; sequence < end; sequence++) identity.finish(sequence);
}
