import type {
  ClusterId,
  FollowMessage,
  FollowOpen,
  FollowRefusalCause,
  FollowRequest,
  FollowResponse,
  StoreId,
} from '@edis/core';
import { Credit, decideFollow, EdisError } from '@edis/core';
import type { MessageStream } from '@edis/rpc';
import type { Store } from '@edis/store';
import type { LogTail } from './log-tail.ts';

/** Entries of one message; large enough to be worth a message, small enough to let other messages through. */
const maxChunkBytes = 1024 * 1024;

/** Less credit than that would make every entry a message of its own. */
const minCreditBytes = 1024 * 1024;

/** More than that may not be under way to one follower: it would sit in the sockets' buffers. */
const maxCreditBytes = 64 * 1024 * 1024;

export interface FeedParts {
  readonly store: Store;
  readonly tail: LogTail;
  readonly cluster: () => ClusterId;
  readonly shard: () => string;
  /** The newest epoch under which this node leads; 0: it does not. */
  readonly epoch: () => number;
  /** Followers are asked to make everything up to here durable without delay. */
  readonly syncPosition: () => number;
  /** A follower has synced its log up to there; only what it said on this stream counts. */
  readonly onDurable: (store: StoreId, position: number) => void;
  readonly onOpened: (feed: FollowerFeed) => void;
  readonly onClosed: (feed: FollowerFeed) => void;
  readonly onError: (error: EdisError) => void;
}

/**
 * Streams the log to one follower.
 *
 * Guarantees: entries leave in order, without gaps, and only those that follow what the follower has (same epoch at the
 * same position); at most the follower's credit is under way. What the follower can not take yet stays in the log
 * file, not in memory.
 */
export class FollowerFeed {
  readonly #stream: MessageStream<FollowResponse, FollowRequest>;
  readonly #parts: FeedParts;
  #opened: FollowOpen | undefined;
  #credit = new Credit(minCreditBytes);
  #next = 0;
  #sentVisible = 0;
  #sentSync = 0;
  #blocked = false;
  #reading = false;
  #durablePosition = 0;

  constructor(stream: MessageStream<FollowResponse, FollowRequest>, parts: FeedParts) {
    this.#stream = stream;
    this.#parts = parts;
    stream.listen({
      onMessage: (request) => this.#onRequest(request),
      onDrain: () => {
        this.#blocked = false;
        this.pump();
      },
      onClose: () => parts.onClosed(this),
    });
  }

  /** Store id of the follower; empty before it opened. */
  get store(): string {
    return this.#opened?.store ?? '';
  }

  get durablePosition(): number {
    return this.#durablePosition;
  }

  /** Sends what the follower may have now: entries, or the watermark alone when it moved. */
  pump(): void {
    if (this.#next === 0 || this.#stream.closed || this.#blocked || this.#reading) return;
    const { store, tail } = this.#parts;
    if (this.#parts.epoch() === 0) {
      this.refuse('not-primary');
      return;
    }
    while (this.#next <= store.lastEntry.position) {
      const room = this.#credit.roomBytes;
      if (room === 0) return;
      const run = tail.from(this.#next, Math.min(room, maxChunkBytes));
      if (run === undefined) {
        this.#readLog(Math.min(room, maxChunkBytes));
        return;
      }
      if (!this.#sendEntries(run.bodies, run.checksums)) return;
    }
    const isNews = store.visiblePosition > this.#sentVisible || this.#parts.syncPosition() > this.#sentSync;
    if (isNews) this.#send({ kind: 'watermark' });
  }

  /** Sends nothing more. */
  end(): void {
    this.#next = 0;
    this.#stream.end();
  }

  #onRequest(request: FollowRequest): void {
    if (request.kind === 'open') {
      if (this.#opened === undefined) this.#open(request);
      else this.#stream.cancel(new EdisError('protocol', 'the follower opened the stream twice'));
      return;
    }
    if (this.#opened === undefined) {
      this.#stream.cancel(new EdisError('protocol', 'the first message of a follower must open the stream'));
      return;
    }
    // What is said of a log that this stream did not find to be its own, or beyond what was sent, proves nothing.
    if (this.#next === 0) return;
    const durablePosition = Math.min(request.durablePosition, this.#next - 1);
    this.#durablePosition = Math.max(this.#durablePosition, durablePosition);
    this.#parts.onDurable(this.store, durablePosition);
    this.#credit.onDurable(durablePosition);
    this.pump();
  }

  #open(open: FollowOpen): void {
    const { store, epoch, cluster, shard, onOpened } = this.#parts;
    this.#opened = open;
    if (open.cluster !== cluster()) return this.refuse('other-cluster');
    if (open.shard !== shard()) return this.refuse('other-shard');
    if (epoch() === 0) return this.refuse('not-primary');
    // A follower with entries of a later primary knows better than this one who leads.
    if (open.epoch > epoch() || open.lastEntry.epoch > epoch()) return this.refuse('old-epoch');
    const { epochs, firstPosition, logBytes, recordBytes } = store;
    const lastPosition = store.lastEntry.position;
    const decision = decideFollow({ epochs, firstPosition, lastPosition, logBytes, recordBytes }, open.lastEntry);
    if (decision.kind === 'snapshot') {
      this.#send({ kind: 'snapshot-needed', cause: decision.cause, lastPosition, epochs });
      this.#stream.end();
      return;
    }
    this.#credit = new Credit(Math.min(maxCreditBytes, Math.max(minCreditBytes, open.creditBytes)));
    this.#next = decision.fromPosition;
    this.#durablePosition = open.lastEntry.position;
    this.#send({ kind: 'start', fromPosition: this.#next, epochs: store.epochs });
    onOpened(this);
    this.pump();
  }

  /** The follower looks elsewhere. */
  refuse(cause: FollowRefusalCause): void {
    this.#next = 0;
    this.#send({ kind: 'refused', cause });
    this.#stream.end();
  }

  /** A follower that fell behind the tail is fed from the file. */
  #readLog(maxBytes: number): void {
    this.#reading = true;
    this.#parts.store
      .readEntries(this.#next, maxBytes)
      .then((read) => {
        this.#reading = false;
        if (this.#stream.closed || this.#next === 0) return;
        if (read === undefined) {
          // The segment went away meanwhile; the follower opens again and is told to take a snapshot.
          this.#stream.cancel(new EdisError('unreachable', 'the log no longer reaches back'));
          return;
        }
        if (this.#sendEntries(read.bodies, read.checksums)) this.pump();
      })
      .catch((caught: unknown) => {
        this.#reading = false;
        const error = EdisError.from(caught);
        this.#parts.onError(error);
        this.#stream.cancel(error);
      });
  }

  #sendEntries(bodies: readonly Uint8Array[], checksums: readonly number[]): boolean {
    const firstPosition = this.#next;
    this.#next += bodies.length;
    let bytes = 0;
    for (const body of bodies) bytes += body.length;
    this.#credit.onSent(this.#next - 1, bytes);
    return this.#send({ kind: 'entries', firstPosition, bodies, checksums });
  }

  #send(message: FollowMessage): boolean {
    const { store, epoch, syncPosition } = this.#parts;
    this.#sentVisible = store.visiblePosition;
    this.#sentSync = syncPosition();
    const sent = this.#stream.send({
      message,
      epoch: epoch(),
      visiblePosition: this.#sentVisible,
      syncPosition: this.#sentSync,
    });
    if (!sent) this.#blocked = true;
    return sent;
  }
}
