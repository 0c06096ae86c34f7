/**
 * The changes of a keyspace over all shards, as one sequence that its reader goes through.
 *
 * Guarantees: of each shard, hence of each key, changes come in the order of the shard's log; between shards there is
 * no order. What is not read is not received: the bound is the credit of each shard. The token of an event says where
 * the feed stands right behind it: a feed from there has neither a gap nor a repetition, except that a snapshot which
 * was not complete begins anew. What was given to the reader, the client has seen: its session reads are not older.
 * Ends, with all its streams, when its reader returns, the signal fires or the client is closed.
 */
import {
  type ByteString,
  decodeFeedToken,
  EdisError,
  type FeedPlace,
  type FeedPlaces,
  type FeedScope,
  type Keyspace,
  type ShardId,
  unreachable,
} from '@edis/core';
import { keyBytes } from './call-input.ts';
import type { CancelTimer, Environment } from './environment.ts';
import { noSuchKeyspace } from './no-such-keyspace.ts';
import type { WatchEvent, WatchOptions } from './query-options.ts';
import { changeEvent, snapshotBegin, snapshotEnd, type TokenBase } from './watch-event.ts';
import { type FeedTransport, type Received, type WatchRoutes, WatchShard } from './watch-shard.ts';

/** How often the feed looks whether the map has other shards, other members, or no such keyspace any more. */
const mapCheckMs = 250;
/**
 * The first event waits so long for shards whose position is not known yet: its token should say where `now` was for
 * each of them. One that is away must not hold the others up for good.
 */
const beginWaitMs = 2_000;

export interface WatchFeedParts {
  /** Name of the keyspace. */
  readonly keyspace: string;
  readonly routes: WatchRoutes;
  readonly transport: FeedTransport;
  readonly environment: Environment;
  readonly options: WatchOptions;
  readonly onEnded: (feed: { close(error: EdisError): void }) => void;
}

interface Waiter {
  resolve(result: IteratorResult<WatchEvent, undefined>): void;
  reject(error: EdisError): void;
}

/** The part of what a shard handed on that is being gone through. */
interface Current {
  readonly shard: WatchShard;
  readonly received: Received;
  base: TokenBase;
  next: number;
}

export class WatchFeed implements AsyncIterableIterator<WatchEvent, undefined> {
  readonly #parts: WatchFeedParts;
  readonly #scope: FeedScope;
  readonly #shards = new Map<ShardId, WatchShard>();
  /** Shards that have something, in the order in which they came by it. */
  #ready: WatchShard[] = [];
  #current: Current | undefined;
  #waiters: Waiter[] = [];
  /** Events wait until all shards have begun. */
  #held = true;
  #ended = false;
  /** Told to the reader once, behind what was received before. */
  #failure: EdisError | undefined;
  #cancelTimers: CancelTimer[] = [];
  readonly #abort = (): void => this.#end();

  /** Throws 'invalid-argument' and 'no-such-keyspace'. */
  constructor(parts: WatchFeedParts) {
    this.#parts = parts;
    const { routes, environment, options } = parts;
    const keyspace = this.#keyspace();
    if (keyspace === undefined) throw noSuchKeyspace(routes.topology, parts.keyspace);
    this.#scope = { cluster: routes.topology.cluster, keyspace: keyspace.id, prefix: prefixOf(options) };
    const { initial, known } = beginningOf(options.from, this.#scope);
    for (const { shard } of routes.topology.shards) this.#add(shard, known?.get(shard) ?? initial);
    this.#cancelTimers.push(environment.every(mapCheckMs, () => this.#checkMap()));
    this.#release();
    if (this.#held) this.#cancelTimers.push(environment.after(beginWaitMs, () => this.#release(true)));
    if (options.signal?.aborted === true) this.#end();
    else options.signal?.addEventListener('abort', this.#abort, { once: true });
    for (const shard of this.#shards.values()) if (!this.#ended) shard.start();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<WatchEvent, undefined>> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#serve();
    });
  }

  return(): Promise<IteratorResult<WatchEvent, undefined>> {
    this.#end();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** The reader hears of the error behind what was received. */
  close(error: EdisError): void {
    if (this.#ended) return;
    this.#failure = error;
    this.#stop();
    this.#held = false;
    this.#serve();
  }

  /** No more will be received. */
  get ended(): boolean {
    return this.#ended;
  }

  /** What was received and not read yet. */
  get queuedBytes(): number {
    let bytes = 0;
    for (const shard of this.#shards.values()) bytes += shard.queuedBytes;
    return bytes;
  }

  #keyspace(): Keyspace | undefined {
    return this.#parts.routes.topology.keyspaces.find(({ name }) => name === this.#parts.keyspace);
  }

  #add(shard: ShardId, place: FeedPlace): void {
    const { routes, transport, environment } = this.#parts;
    const added = new WatchShard(shard, place, {
      scope: this.#scope,
      routes,
      transport,
      environment,
      onReady: (ready) => {
        this.#ready.push(ready);
        this.#serve();
      },
      onBegun: () => {
        // The tokens that are still to come must say where it began: resumed from `now`, its changes since would lack.
        if (this.#current !== undefined) this.#current.base = this.#tokenBase();
        this.#release();
      },
    });
    this.#shards.set(shard, added);
  }

  #checkMap(): void {
    const { topology } = this.#parts.routes;
    if (topology.cluster !== this.#scope.cluster) {
      this.close(new EdisError('closed', 'another cluster is at the address of this one now; begin a new feed'));
    } else if (this.#keyspace()?.id !== this.#scope.keyspace) {
      this.close(new EdisError('no-such-keyspace', `the keyspace ${this.#parts.keyspace} was dropped`));
    }
    for (const { shard } of topology.shards) {
      if (this.#ended) return;
      const known = this.#shards.get(shard);
      if (known !== undefined) {
        known.checkMember();
        continue;
      }
      // It is younger than this feed, so everything that its log has is new.
      this.#add(shard, logBegin);
      this.#shards.get(shard)?.start();
    }
  }

  #release(anyway = false): void {
    if (!this.#held) return;
    for (const shard of this.#shards.values()) if (!shard.begun && !anyway) return;
    this.#held = false;
    this.#serve();
  }

  #serve(): void {
    while (this.#waiters.length > 0 && !this.#held) {
      const waiter = this.#waiters[0];
      const event = this.#take();
      if (event === undefined && !this.#ended) return;
      this.#waiters.shift();
      if (event !== undefined) {
        waiter?.resolve({ done: false, value: event });
      } else if (this.#failure === undefined) {
        waiter?.resolve({ done: true, value: undefined });
      } else {
        waiter?.reject(this.#failure);
        this.#failure = undefined;
      }
    }
  }

  /** The next event; undefined: there is none now. */
  #take(): WatchEvent | undefined {
    for (;;) {
      this.#current ??= this.#begin();
      const current = this.#current;
      if (current === undefined) return undefined;
      const event = this.#eventOf(current);
      if (event !== undefined) return event;
      this.#current = undefined;
      current.shard.finish();
      if (current.shard.next !== undefined) this.#ready.push(current.shard);
    }
  }

  #begin(): Current | undefined {
    const shard = this.#ready.shift();
    const received = shard?.next;
    if (shard === undefined || received === undefined) return undefined;
    shard.see();
    return { shard, received, base: this.#tokenBase(), next: 0 };
  }

  #tokenBase(): TokenBase {
    const places = [...this.#shards.values()].map((each): [ShardId, FeedPlace] => [each.shard, each.takenPlace]);
    return { scope: this.#scope, places };
  }

  /** Goes one event on; undefined: there is no more in this. */
  #eventOf(current: Current): WatchEvent | undefined {
    const { received, base } = current;
    const { shard } = current.shard;
    const index = current.next;
    current.next += 1;
    switch (received.kind) {
      case 'snapshot-begin':
        return index > 0 ? undefined : snapshotBegin(received.cause, shard, base, received.end);
      case 'snapshot-end':
        return index > 0 ? undefined : snapshotEnd(shard, base, received.end);
      case 'changes': {
        const change = received.changes[index];
        if (change === undefined) return undefined;
        const isLast = index === received.changes.length - 1;
        const place = isLast ? received.end : placeWithin(received.begin, change.version);
        return changeEvent(change, shard, base, place);
      }
      default:
        return unreachable(received);
    }
  }

  /** Leaves out what was received. */
  #end(): void {
    if (this.#ended) return;
    this.#stop();
    this.#held = false;
    this.#ready = [];
    this.#current = undefined;
    this.#serve();
  }

  #stop(): void {
    this.#ended = true;
    this.#parts.options.signal?.removeEventListener('abort', this.#abort);
    for (const cancel of this.#cancelTimers.splice(0)) cancel();
    for (const shard of this.#shards.values()) shard.close();
    this.#parts.onEnded(this);
  }
}

/** Before the first entry of a log. */
const logBegin: FeedPlace = { kind: 'after', position: { epoch: 0, position: 0 }, version: 0 };

/** Between two changes of one message. */
function placeWithin(begin: FeedPlace, version: number): FeedPlace {
  return begin.kind === 'after' ? { kind: 'after', position: begin.position, version } : begin;
}

function prefixOf(options: WatchOptions): ByteString {
  const { prefix } = options;
  return prefix === undefined || prefix.length === 0 ? '' : keyBytes(prefix);
}

interface Beginning {
  /** Of shards that are not known. */
  readonly initial: FeedPlace;
  readonly known: FeedPlaces | undefined;
}

function beginningOf(from: string | undefined, scope: FeedScope): Beginning {
  if (from === undefined || from === 'now') return { initial: { kind: 'now' }, known: undefined };
  if (from === 'start') return { initial: { kind: 'snapshot', cause: 'start' }, known: undefined };
  if (typeof from !== 'string') {
    throw new EdisError('invalid-argument', "from is no string; give 'start', 'now' or the token of an event");
  }
  return { initial: logBegin, known: decodeFeedToken(from, scope) };
}
