/**
 * The changes of one shard, from whichever member gives them.
 *
 * Guarantees: what was received is handed on in order, without a gap and without a repetition; when the stream breaks,
 * the next member that is reached goes on behind what was received, again and again until this is closed. What is
 * received and not yet taken is bounded by the credit that the member has, whatever the reader does.
 * Shaped by: a position stands for a whole entry of the log, and an entry for several changes. Between two of them, the
 * place is the entry before and the version of the last change; the entry is then asked for again, and changes up to
 * that version are left out. If the version is not in it, the shard lost that entry, which shows at the latest in
 * the first position of another epoch. A stopped process keeps its connections open, so a member that says nothing,
 * though it has to each second, is left for the next one. So is one that the shard goes on without: it may say each
 * second that nothing happened. That its primary is out of reach, a member knows itself, and refuses.
 */
import {
  type BackoffLimits,
  backoffMs,
  type Change,
  EdisError,
  type FeedPlace,
  type FeedScope,
  type Member,
  type Position,
  type ShardId,
  type StoreId,
  type Topology,
  unreachable,
  type WatchFrom,
  type WatchResponse,
  type WatchSnapshotCause,
} from '@edis/core';
import type { CancelTimer, Environment } from './environment.ts';
import type { ShardRoute } from './shard-route.ts';
import type { FeedChannel, WatchStream } from './transport.ts';

/** Received and not taken yet, of one shard; also some tenths of a second of changes under way at full load. */
const creditBytes = 1024 * 1024;
/** The least that a member gives, hence the room that there must be. */
const minCreditBytes = 64 * 1024;
/** Small grants would cost a message each. */
const grantBytes = creditBytes / 4;
/** A member answers an opening at once, and then says something each second; one that is silent longer is stuck. */
const silenceMs = 2_500;
/** Or what it says takes long to travel: then the next silence may last twice as long. */
const maxSilenceMs = 20_000;
/** A timer that comes so late finds messages unread, because the application held up the event loop. */
const lateTimerMs = 250;
/** A reader wants its feed back soon; a member that has just died is given up after one attempt. */
const retryLimits: BackoffLimits = { baseMs: 50, maxMs: 2_000 };

/** What a feed asks of the map. */
export interface WatchRoutes {
  readonly topology: Topology;
  /** What the client has seen of each shard. */
  readonly shardRoutes: readonly Pick<ShardRoute, 'cluster' | 'shard' | 'see'>[];
  /** The address at which this client reaches a member. */
  addressOf(member: Member): string;
}

/** How feeds reach members. */
export interface FeedTransport {
  channel(address: string): FeedChannel;
}

export interface WatchShardParts {
  readonly scope: FeedScope;
  readonly routes: WatchRoutes;
  readonly transport: FeedTransport;
  readonly environment: Environment;
  /** Something can be taken. */
  readonly onReady: (shard: WatchShard) => void;
  /** It is known from where changes will come. */
  readonly onBegun: (shard: WatchShard) => void;
}

/** What was received in one message. `end`: where a reader stands behind it. */
export type Received =
  | {
      readonly kind: 'changes';
      readonly changes: readonly Change[];
      readonly begin: FeedPlace;
      readonly bytes: number;
      end: FeedPlace;
    }
  | { readonly kind: 'snapshot-begin'; readonly cause: WatchSnapshotCause; readonly bytes: 0; end: FeedPlace }
  | { readonly kind: 'snapshot-end'; readonly bytes: 0; end: FeedPlace };

export class WatchShard {
  readonly shard: ShardId;
  readonly #parts: WatchShardParts;
  /** Behind what was received. */
  #place: FeedPlace;
  /** The version of `#place` has not been met in what the member repeats. */
  #repeating = false;
  /** Behind what was taken. */
  #taken: FeedPlace;
  #queue: Received[] = [];
  #queuedBytes = 0;
  #owedBytes = 0;
  #failures = 0;
  #heardMs = 0;
  #patienceMs = silenceMs;
  readonly #firstReader: number;
  #channel: FeedChannel | undefined;
  #stream: WatchStream | undefined;
  /** Whose stream it is. */
  #store: StoreId | undefined;
  #cancelTimer: CancelTimer | undefined;
  #closed = false;

  constructor(shard: ShardId, place: FeedPlace, parts: WatchShardParts) {
    this.shard = shard;
    this.#parts = parts;
    this.#place = place;
    this.#taken = place;
    this.#firstReader = Math.floor(parts.environment.random() * 2 ** 20);
  }

  /** Where a reader stands that has taken everything that was handed on. */
  get takenPlace(): FeedPlace {
    return this.#taken;
  }

  get begun(): boolean {
    return this.#place.kind !== 'now';
  }

  /** Bytes that were received and not taken yet. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** What comes next; it stays the next one until `finish`. */
  get next(): Received | undefined {
    return this.#queue[0];
  }

  start(): void {
    this.#connect();
  }

  /**
   * The reader is given what comes next: reads of the client's session must see it. The place behind it is that of its
   * last entry. Where that is over only in part, the entry is the next one, as a member sends no other in part; and a
   * record of a snapshot has no place before the snapshot is over.
   */
  see(): void {
    const end = this.next?.end;
    if (end?.kind !== 'after') return;
    const { cluster } = this.#parts.scope;
    const { epoch, position } = end.position;
    const route = this.#parts.routes.shardRoutes.find((each) => each.shard === this.shard && each.cluster === cluster);
    route?.see(epoch, end.version === 0 ? position : position + 1);
  }

  /** The reader has taken what came next. */
  finish(): void {
    const received = this.#queue.shift();
    if (received === undefined) return;
    this.#taken = received.end;
    this.#queuedBytes -= received.bytes;
    this.#giveBack(received.bytes);
    if (this.#stream === undefined && this.#cancelTimer === undefined && !this.#closed) this.#connect();
  }

  /** Leaves a member that the map no longer has for one who can give changes, if there is another one. */
  checkMember(): void {
    const stream = this.#stream;
    const candidates = this.#candidates();
    if (stream === undefined || candidates.length === 0) return;
    if (candidates.some(({ store }) => store === this.#store)) return;
    this.#disconnect(
      stream,
      new EdisError('unreachable', 'the shard goes on without the member that gave its changes'),
    );
    this.#connect();
  }

  close(): void {
    this.#closed = true;
    this.#disconnect(undefined);
  }

  #connect(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const room = creditBytes - this.#queuedBytes;
    // Without room, `finish` connects.
    if (this.#closed || room < minCreditBytes) return;
    const { routes, transport, environment, scope } = this.#parts;
    const candidates = this.#candidates();
    const member = candidates[this.#failures % candidates.length];
    if (member === undefined) return this.#retryLater();
    const address = routes.addressOf(member);
    const channel = transport.channel(address);
    const stream = channel.watch();
    this.#channel = channel;
    this.#stream = stream;
    this.#store = member.store;
    this.#owedBytes = 0;
    this.#heardMs = environment.nowMs();
    this.#awaitSign(stream, `${member.node} at ${address}`);
    stream.listen({
      onMessage: (response) => {
        if (this.#stream !== stream) return;
        this.#heardMs = environment.nowMs();
        this.#onMessage(stream, response);
      },
      onClose: (error) => this.#fail(stream, error),
    });
    this.#repeating = this.#place.kind === 'after' && this.#place.version !== 0;
    const { cluster, keyspace, prefix } = scope;
    const from = openingOf(this.#place);
    stream.send({ kind: 'open', shard: this.shard, cluster, keyspace, prefix, from, creditBytes: room });
  }

  #awaitSign(stream: WatchStream, member: string): void {
    const { environment } = this.#parts;
    const dueMs = this.#heardMs + this.#patienceMs;
    this.#cancelTimer = environment.after(Math.max(0, dueMs - environment.nowMs()), () => {
      const nowMs = environment.nowMs();
      if (nowMs - dueMs > lateTimerMs) this.#heardMs = nowMs;
      if (nowMs < this.#heardMs + this.#patienceMs) return this.#awaitSign(stream, member);
      this.#patienceMs = Math.min(maxSilenceMs, this.#patienceMs * 2);
      this.#fail(stream, new EdisError('unreachable', `${member} is silent`));
    });
  }

  /** Living replicas in turn, then the primary, then those that info takes for dead: it may be wrong. */
  #candidates(): readonly Member[] {
    const shard = this.#parts.routes.topology.shards.find((each) => each.shard === this.shard);
    if (shard === undefined) return [];
    const followers = shard.members.filter((member) => member.role === 'replica' && member.store !== shard.primary);
    const living = followers.filter((member) => member.alive);
    const first = living.length === 0 ? 0 : this.#firstReader % living.length;
    return [
      ...living.slice(first),
      ...living.slice(0, first),
      ...shard.members.filter((member) => member.store === shard.primary),
      ...followers.filter((member) => !member.alive),
    ];
  }

  #onMessage(stream: WatchStream, response: WatchResponse): void {
    const { kind } = response;
    switch (kind) {
      case 'started':
        this.#failures = 0;
        this.#onStarted(stream, response.position);
        return;
      case 'snapshot-begin':
        this.#failures = 0;
        this.#onSnapshotBegin(response.cause);
        return;
      case 'snapshot-end':
        this.#place = { kind: 'after', position: response.position, version: 0 };
        this.#push({ kind, bytes: 0, end: this.#place });
        return;
      case 'changes':
        this.#patienceMs = silenceMs;
        this.#onChanges(stream, response);
        return;
      case 'refused':
        // Also without its keyspace: the map says for certain whether there is one, and ends the feed.
        this.#fail(stream, new EdisError('unreachable', `the member refused the feed: ${response.cause}`));
        return;
      default:
        unreachable(kind);
    }
  }

  #onStarted(stream: WatchStream, position: Position): void {
    if (this.#place.kind === 'now') {
      this.#move({ kind: 'after', position, version: 0 });
      this.#parts.onBegun(this);
    } else if (this.#place.kind !== 'after' || this.#place.position.position !== position.position) {
      this.#fail(stream, new EdisError('protocol', 'the member began the feed elsewhere than it was asked to'));
    }
  }

  #onSnapshotBegin(reported: WatchSnapshotCause): void {
    // One that is taken anew is still for the reason for which the first was.
    const cause = this.#place.kind === 'snapshot' && reported === 'start' ? this.#place.cause : reported;
    const wasBegun = this.begun;
    this.#repeating = false;
    this.#place = { kind: 'snapshot', cause };
    // Whoever stands before it has to take it, too.
    if (!wasBegun) this.#taken = this.#place;
    this.#push({ kind: 'snapshot-begin', cause, bytes: 0, end: this.#place });
    if (!wasBegun) this.#parts.onBegun(this);
  }

  #onChanges(stream: WatchStream, message: Extract<WatchResponse, { readonly kind: 'changes' }>): void {
    const begin = this.#place;
    const { position, bytes } = message;
    let { changes } = message;
    if (begin.kind === 'now' || (position !== undefined && !goesOn(begin, position))) {
      return this.#fail(stream, new EdisError('protocol', 'the member sent changes that do not follow the last ones'));
    }
    if (begin.kind === 'after') {
      if (this.#repeating) {
        const rest = this.#unseen(begin, changes, position);
        if (rest === undefined) return this.#onDiverged(stream);
        changes = rest;
      }
      const version = changes.at(-1)?.version ?? begin.version;
      if (position === undefined) this.#place = { kind: 'after', position: begin.position, version };
      else this.#place = { kind: 'after', position, version: this.#repeating ? begin.version : 0 };
    }
    if (changes.length === 0) {
      this.#move(this.#place);
      this.#giveBack(bytes);
    } else {
      this.#push({ kind: 'changes', changes, begin, bytes, end: this.#place });
    }
  }

  /** What is new in a repeated part of the log; undefined: it is not the log that was received. */
  #unseen(
    begin: Extract<FeedPlace, { readonly kind: 'after' }>,
    changes: readonly Change[],
    position: Position | undefined,
  ): readonly Change[] | undefined {
    const index = changes.findIndex((change) => change.version >= begin.version);
    if (index < 0) return position !== undefined && position.epoch > begin.position.epoch ? undefined : [];
    if (changes[index]?.version !== begin.version) return undefined;
    this.#repeating = false;
    return changes.slice(index + 1);
  }

  /** The shard lost what was received last: only all records can say what is there now. */
  #onDiverged(stream: WatchStream): void {
    this.#place = { kind: 'snapshot', cause: 'diverged' };
    this.#move(this.#place);
    this.#disconnect(stream);
    this.#connect();
  }

  /** The place moves without anything to take. */
  #move(place: FeedPlace): void {
    this.#place = place;
    const last = this.#queue.at(-1);
    if (last === undefined) this.#taken = place;
    else last.end = place;
  }

  #push(received: Received): void {
    this.#queue.push(received);
    this.#queuedBytes += received.bytes;
    if (this.#queue.length === 1) this.#parts.onReady(this);
  }

  #giveBack(bytes: number): void {
    this.#owedBytes += bytes;
    if (this.#owedBytes < grantBytes || this.#stream === undefined) return;
    this.#stream.send({ kind: 'grant', bytes: this.#owedBytes });
    this.#owedBytes = 0;
  }

  #fail(stream: WatchStream, error: EdisError | undefined): void {
    if (this.#stream !== stream) return;
    this.#disconnect(stream, error);
    this.#retryLater();
  }

  #retryLater(): void {
    const { environment } = this.#parts;
    const delayMs = backoffMs(this.#failures, retryLimits, environment.random());
    this.#failures += 1;
    this.#cancelTimer = environment.after(delayMs, () => this.#connect());
  }

  #disconnect(stream: WatchStream | undefined, error?: EdisError): void {
    const open = stream ?? this.#stream;
    this.#stream = undefined;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    open?.cancel(error);
    this.#channel?.close();
    this.#channel = undefined;
  }
}

function openingOf(place: FeedPlace): WatchFrom {
  switch (place.kind) {
    case 'now':
      return { kind: 'now' };
    case 'snapshot':
      return { kind: 'start' };
    case 'after':
      return { kind: 'after', position: place.position };
    default:
      return unreachable(place);
  }
}

/** Whether a position can follow a place. Records of a snapshot have none. */
function goesOn(place: FeedPlace, next: Position): boolean {
  if (place.kind !== 'after') return false;
  const { epoch, position } = place.position;
  return next.epoch >= epoch && next.position >= position;
}
