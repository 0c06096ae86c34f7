import type { Timers, WatchRequest, WatchResponse } from '@edis/core';
import { EdisError } from '@edis/core';
import type { MessageStream } from '@edis/rpc';
import type { Entry } from '@edis/store';
import { decodeEntry } from '@edis/store';
import type { WatchFeedParts } from './watch-feed.ts';
import { WatchFeed } from './watch-feed.ts';

/** Each may hold a page of the view, and reads the log on its own. */
export const maxFeeds = 128;

/** What becomes visible within that time leaves in one message per feed; it is also what a change waits at most. */
const gatherMs = 2;

/**
 * How often a reader hears where it stands, also when nothing is for it: that much it reads again when it comes back,
 * and by silence for longer it knows that the node hangs.
 */
const tellIntervalMs = 1000;

export interface WatchFeedsParts extends Omit<WatchFeedParts, 'decode' | 'onClosed'> {
  readonly timers: Timers;
  /** How many feeds there are. */
  readonly onCount: (count: number) => void;
}

/** All feeds of one member. */
export class WatchFeeds {
  readonly #parts: WatchFeedParts;
  readonly #timers: Timers;
  readonly #onCount: (count: number) => void;
  readonly #feeds = new Set<WatchFeed>();
  /** What one feed has decoded serves the others, for as long as the store keeps the bytes in memory. */
  readonly #decoded = new WeakMap<Uint8Array, Entry>();
  #draining = false;
  #cancelPump: (() => void) | undefined;
  #cancelTell: (() => void) | undefined;

  constructor(parts: WatchFeedsParts) {
    this.#timers = parts.timers;
    this.#onCount = parts.onCount;
    this.#parts = {
      ...parts,
      decode: (body) => this.#decode(body),
      onClosed: (feed) => this.#remove(feed),
    };
  }

  /** Bytes that feeds hold in memory for readers that have yet to take them. */
  get heldBytes(): number {
    let bytes = 0;
    for (const feed of this.#feeds) bytes += feed.heldBytes;
    return bytes;
  }

  watch(stream: MessageStream<WatchResponse, WatchRequest>): void {
    const feed = new WatchFeed(stream, this.#parts);
    if (this.#draining) feed.refuse('not-serving');
    else if (this.#feeds.size >= maxFeeds) feed.refuse('busy');
    else this.#add(feed);
  }

  /** To be called each second: looks whether this member hears of changes at all. */
  look(): void {
    const { level } = this.#parts;
    level.look();
    if (level.isCutOff) for (const feed of this.#feeds) feed.pump();
  }

  /** More of the log is visible. */
  onShown(): void {
    if (this.#feeds.size === 0 || this.#cancelPump !== undefined) return;
    this.#cancelPump = this.#timers.after(gatherMs, () => {
      this.#cancelPump = undefined;
      for (const feed of this.#feeds) feed.pump();
    });
  }

  /** Ends all feeds and takes no more; their readers go to other members. */
  drain(): void {
    this.#draining = true;
    for (const feed of [...this.#feeds]) feed.refuse('not-serving');
  }

  close(): void {
    this.drain();
    this.#cancelPump?.();
    this.#cancelTell?.();
  }

  #add(feed: WatchFeed): void {
    this.#feeds.add(feed);
    this.#onCount(this.#feeds.size);
    this.#cancelTell ??= this.#timers.every(tellIntervalMs, () => {
      for (const each of this.#feeds) each.tellPosition();
    });
  }

  #remove(feed: WatchFeed): void {
    this.#feeds.delete(feed);
    this.#onCount(this.#feeds.size);
    if (this.#feeds.size > 0) return;
    this.#cancelTell?.();
    this.#cancelTell = undefined;
  }

  #decode(body: Uint8Array): Entry {
    if (this.#feeds.size < 2) return decodeEntry(body, damaged);
    const known = this.#decoded.get(body);
    if (known !== undefined) return known;
    const entry = decodeEntry(body, damaged);
    this.#decoded.set(body, entry);
    return entry;
  }
}

/** The log checks each entry's sum when it reads it, so this is no accident of the disk. */
function damaged(what: string): EdisError {
  return new EdisError('damaged', `an entry of the log cannot be read: ${what}`);
}
