/**
 * Streams the changes of this member's log to one reader.
 *
 * Guarantees: changes leave in the order of the log, each once behind the position that the reader named, and only what
 * is visible; at most the reader's credit is under way, and beyond it at most one portion of the log (or one page of
 * the view) is in memory, so what a slow reader does not take stays in files. Where the log can not go on from the
 * reader's position, all records are sent, and the reader is told why. A message never has changes of two epochs, and
 * changes of a new epoch come only after a message that says its position: so the epoch of the last position is that
 * of all changes behind it. A message without a position that is not of a snapshot has changes of one entry alone, the
 * one right behind the last position that was told: so a reader knows where the log has each change at the latest.
 * Assumes: an epoch's first entry has no changes. Positions may be cut off or jump at any time (a follower cuts its
 * log or takes a snapshot), so each portion begins with a look at the epoch of the last one's end.
 */
import type { Change, Position, WatchOpen, WatchRefusalCause, WatchRequest, WatchResponse } from '@edis/core';
import { decideWatch, defaultKeyspaceId, EdisError, isExpired } from '@edis/core';
import type { MessageStream } from '@edis/rpc';
import type { EncodedEntries, Entry } from '@edis/store';
import type { WatchScope } from './watch-change.ts';
import { changeBytes, changeOf, endOfPrefix, snapshotChange } from './watch-change.ts';
import type { WatchLevel } from './watch-level.ts';
import type { WatchStore } from './watch-store.ts';

/** Less would make a message of every change. */
const minCreditBytes = 64 * 1024;
/** More than that may not be under way to one reader: it would sit in the sockets' buffers. */
const maxCreditBytes = 16 * 1024 * 1024;
/** Changes of one message. Portions of the log are of that size too, so that one costs the event loop a millisecond. */
const maxPortionBytes = 128 * 1024;

export interface WatchFeedParts {
  readonly store: WatchStore;
  readonly node: string;
  readonly cluster: () => string;
  readonly shard: () => string;
  readonly serving: () => boolean;
  readonly level: WatchLevel;
  readonly wallMs: () => number;
  readonly decode: (body: Uint8Array) => Entry;
  readonly onClosed: (feed: WatchFeed) => void;
  readonly onError: (error: EdisError) => void;
}

type WatchStream = MessageStream<WatchResponse, WatchRequest>;

/** Why a feed takes no more of the log: it is over, or it needs all records. */
type FollowEnd = 'over' | 'log-too-short' | 'diverged';

export class WatchFeed {
  readonly #stream: WatchStream;
  readonly #parts: WatchFeedParts;
  #scope: WatchScope = { keyspace: defaultKeyspaceId, prefix: '' };
  #opened = false;
  #over = false;
  #creditBytes = 0;
  #blocked = false;
  #wake: (() => void) | undefined;
  /** What the next message will carry. */
  #changes: Change[] = [];
  #bytes = 0;
  /** Of these, what whole entries had. */
  #wholeCount = 0;
  #wholeBytes = 0;
  /** Bytes of the portion that is being looked through. */
  #portionBytes = 0;
  /** The last entry that was looked through. */
  #place: Position = { epoch: 0, position: 0 };
  #told: Position | undefined;
  #tellDue = false;
  #inSnapshot = false;

  constructor(stream: WatchStream, parts: WatchFeedParts) {
    this.#stream = stream;
    this.#parts = parts;
    stream.listen({
      onMessage: (request) => this.#onRequest(request),
      onDrain: () => {
        this.#blocked = false;
        this.#wake?.();
      },
      onClose: () => {
        this.#over = true;
        this.#wake?.();
        parts.onClosed(this);
      },
    });
  }

  /** What it holds in memory for its reader now; what was sent counts against the credit instead. */
  get heldBytes(): number {
    return this.#bytes + this.#portionBytes;
  }

  /** There may be more to send. */
  pump(): void {
    this.#wake?.();
  }

  /** Tells the reader that the feed goes on, and where it stands. */
  tellPosition(): void {
    this.#tellDue = true;
    // On a busy disk the view and its pages may be waited for longer than a reader waits for a sign of life.
    if (this.#inSnapshot) this.#tell(undefined);
    this.#wake?.();
  }

  refuse(cause: WatchRefusalCause): void {
    if (this.#over) return;
    this.#over = true;
    this.#stream.send({ kind: 'refused', cause });
    this.#stream.end();
    this.#wake?.();
  }

  #onRequest(request: WatchRequest): void {
    if (request.kind === 'grant') {
      if (!this.#opened) {
        this.#stream.cancel(new EdisError('protocol', 'the first message of a reader must open the feed'));
        return;
      }
      this.#creditBytes = Math.min(maxCreditBytes, this.#creditBytes + request.bytes);
      this.#wake?.();
      return;
    }
    if (this.#opened) {
      this.#stream.cancel(new EdisError('protocol', 'the reader opened the feed twice'));
      return;
    }
    this.#opened = true;
    this.#open(request);
  }

  #open(open: WatchOpen): void {
    const { cluster, shard } = this.#parts;
    this.#scope = { keyspace: open.keyspace === 0 ? defaultKeyspaceId : open.keyspace, prefix: open.prefix };
    this.#creditBytes = Math.min(maxCreditBytes, Math.max(minCreditBytes, open.creditBytes));
    if (open.cluster !== cluster()) return this.refuse('other-cluster');
    if (open.shard !== shard()) return this.refuse('other-shard');
    const obstacle = this.#obstacle();
    if (obstacle !== undefined) return this.refuse(obstacle);
    this.#run(open).catch((caught: unknown) => {
      const error = EdisError.from(caught);
      // A follower that installs a snapshot has no view for a moment; another member has one.
      if (error.code === 'busy') return this.refuse('not-serving');
      this.#over = true;
      this.#parts.onError(error);
      this.#stream.cancel(error);
    });
  }

  #obstacle(): WatchRefusalCause | undefined {
    const { serving, level, store } = this.#parts;
    if (!serving() || level.isCutOff) return 'not-serving';
    const keyspace = store.keyspaces.get(this.#scope.keyspace);
    return keyspace === undefined || keyspace.dropped ? 'no-such-keyspace' : undefined;
  }

  async #run(open: WatchOpen): Promise<void> {
    const { store, node } = this.#parts;
    const { from } = open;
    if (from.kind === 'start') {
      if (!(await this.#sendSnapshot('start'))) return;
    } else {
      this.#place = from.kind === 'after' ? from.position : this.#visible();
      const decision = decideWatch(store, this.#place);
      if (decision === 'behind') return this.refuse('not-serving');
      if (decision === 'continue') this.#send({ kind: 'started', position: this.#place, node });
      else if (!(await this.#sendSnapshot(decision))) return;
    }
    this.#told = this.#place;
    for (;;) {
      const end = await this.#follow();
      this.#portionBytes = 0;
      if (end === 'over' || !(await this.#sendSnapshot(end))) return;
    }
  }

  #visible(): Position {
    const position = this.#parts.store.visiblePosition;
    return { epoch: this.#parts.store.epochAt(position) ?? 0, position };
  }

  /** Sends what the log has, for as long as it fits what was sent before. */
  async #follow(): Promise<FollowEnd> {
    const { store } = this.#parts;
    while (!this.#over) {
      const end = this.#standing();
      if (end !== undefined) return end;
      this.#tell(this.#place);
      if (store.visiblePosition <= this.#place.position) {
        await this.#wait();
        continue;
      }
      if (!(await this.#room())) return 'over';
      const read = await store.readEntries(this.#place.position + 1, maxPortionBytes);
      if (read === undefined) return 'log-too-short';
      if (!(await this.#take(read))) return 'over';
      // Others have their turn after each portion, also when all of it was in memory and nothing for this reader.
      await turn();
    }
    return 'over';
  }

  /** Whether the log still has what was read last; undefined: it has. */
  #standing(): FollowEnd | undefined {
    const { store } = this.#parts;
    const obstacle = this.#obstacle();
    if (obstacle !== undefined) {
      this.refuse(obstacle);
      return 'over';
    }
    const { epoch, position } = this.#place;
    if (position > 0 && position <= store.visiblePosition && store.epochAt(position) === epoch) return undefined;
    const decision = decideWatch(store, this.#place);
    if (decision === 'continue') return undefined;
    if (decision !== 'behind') return decision;
    this.refuse('not-serving');
    return 'over';
  }

  /** Looks a portion through and sends what is of interest. False: the feed is over. */
  async #take(read: EncodedEntries): Promise<boolean> {
    const { store, decode } = this.#parts;
    this.#portionBytes = 0;
    for (const body of read.bodies) this.#portionBytes += body.length;
    for (const body of read.bodies) {
      const entry = decode(body);
      // The log was cut and written anew while it was read: the next look at the place says what follows from it.
      if (entry.position !== this.#place.position + 1 || entry.epoch < this.#place.epoch) break;
      if (entry.position > store.visiblePosition) break;
      const isNewEpoch = entry.epoch !== this.#place.epoch;
      if (isNewEpoch) this.#flush(this.#place);
      if (!(await this.#takeEntry(entry))) return false;
      this.#place = { epoch: entry.epoch, position: entry.position };
      if (isNewEpoch) this.#tellEpoch();
    }
    this.#flush(this.#place);
    this.#portionBytes = 0;
    return !this.#over;
  }

  async #takeEntry(entry: Entry): Promise<boolean> {
    const scope = this.#scope;
    const last = entry.operations.length - 1;
    this.#wholeCount = this.#changes.length;
    this.#wholeBytes = this.#bytes;
    for (let index = 0; index <= last; index += 1) {
      const operation = entry.operations[index];
      if (operation === undefined) break;
      if (operation.kind === 'drop' && operation.keyspace === scope.keyspace) {
        this.#flushWithin();
        this.refuse('no-such-keyspace');
        return false;
      }
      const change = changeOf(operation, entry.timestamp + index, scope);
      if (change === undefined || this.#add(change)) continue;
      if (index === last) this.#flush({ epoch: entry.epoch, position: entry.position });
      else this.#flushWithin();
      if (!(await this.#room())) return false;
    }
    return true;
  }

  /** Sends all records that there are. False: the feed is over. */
  async #sendSnapshot(cause: 'start' | 'log-too-short' | 'diverged'): Promise<boolean> {
    const { store, node, wallMs } = this.#parts;
    const { keyspace, prefix } = this.#scope;
    this.#send({ kind: 'snapshot-begin', cause, node });
    this.#inSnapshot = true;
    const view = await store.openView(store.visiblePosition);
    try {
      for await (const page of view.records(keyspace, prefix, endOfPrefix(prefix))) {
        const nowMs = wallMs();
        for (const record of page) {
          if (isExpired(record.expiresAtMs, nowMs)) continue;
          if (this.#add(snapshotChange(record))) continue;
          this.#flush(undefined);
          if (!(await this.#room())) return false;
        }
        if (this.#over) return false;
      }
      this.#flush(undefined);
      this.#place = view.position;
      this.#told = view.position;
      this.#send({ kind: 'snapshot-end', position: view.position });
    } finally {
      this.#inSnapshot = false;
      await view.close();
    }
    return !this.#over;
  }

  /** False: the message is full; send it, and wait for room before the next change. */
  #add(change: Change): boolean {
    this.#changes.push(change);
    this.#bytes += changeBytes(change);
    return this.#bytes < Math.min(maxPortionBytes, this.#creditBytes);
  }

  /** Sends the changes there are, in the middle of an entry: first what whole entries before it had. */
  #flushWithin(): void {
    const changes = this.#changes.splice(this.#wholeCount);
    const bytes = this.#bytes - this.#wholeBytes;
    this.#bytes = this.#wholeBytes;
    if (this.#changes.length > 0) this.#flush(this.#place);
    else if (this.#told?.position !== this.#place.position) this.#tellPlace();
    this.#wholeCount = 0;
    this.#wholeBytes = 0;
    this.#changes = changes;
    this.#bytes = bytes;
    this.#flush(undefined);
  }

  /** Sends the changes there are; `position`: where a reader stands that has them; undefined: within an entry. */
  #flush(position: Position | undefined): void {
    if (this.#changes.length === 0) return;
    const changes = this.#changes;
    const bytes = this.#bytes;
    this.#changes = [];
    this.#bytes = 0;
    this.#creditBytes -= bytes;
    if (position !== undefined) this.#told = position;
    this.#send({ kind: 'changes', changes, position, bytes });
  }

  /** `position`: as in `#flush`. A reader takes a feed that is silent for one that hangs. */
  #tell(position: Position | undefined): void {
    if (!this.#tellDue || this.#blocked) return;
    this.#tellDue = false;
    if (position !== undefined) this.#told = position;
    this.#send({ kind: 'changes', changes: [], position, bytes: 0 });
  }

  #tellEpoch(): void {
    if (this.#told?.position === this.#place.position || this.#changes.length > 0) return;
    this.#tellPlace();
  }

  #tellPlace(): void {
    this.#told = this.#place;
    this.#send({ kind: 'changes', changes: [], position: this.#place, bytes: 0 });
  }

  #send(message: WatchResponse): void {
    if (!this.#over && !this.#stream.send(message)) this.#blocked = true;
  }

  /** Waits until the reader takes more. False: the feed is over. */
  async #room(): Promise<boolean> {
    while (!this.#over && (this.#creditBytes <= 0 || this.#blocked)) {
      this.#tell(undefined);
      await this.#wait();
    }
    return !this.#over;
  }

  #wait(): Promise<void> {
    if (this.#over) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
