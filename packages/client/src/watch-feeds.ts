import { EdisError } from '@edis/core';
import type { Environment } from './environment.ts';
import type { WatchEvent, WatchOptions } from './query-options.ts';
import { WatchFeed } from './watch-feed.ts';
import type { FeedTransport, WatchRoutes } from './watch-shard.ts';

export interface WatchFeedsParts {
  readonly routes: WatchRoutes;
  readonly transport: FeedTransport;
  readonly environment: Environment;
}

/** All change feeds of one client. */
export class WatchFeeds {
  readonly #parts: WatchFeedsParts;
  readonly #open = new Set<{ close(error: EdisError): void }>();
  #closed = false;

  constructor(parts: WatchFeedsParts) {
    this.#parts = parts;
  }

  /**
   * Changes of a keyspace, by its name. Nothing is opened, nor `options` checked, before the iteration begins; each
   * iteration is a feed of its own.
   */
  watch(keyspace: string, options: WatchOptions = {}): AsyncIterable<WatchEvent> {
    return { [Symbol.asyncIterator]: () => this.#begin(keyspace, options) };
  }

  /** Ends them all with 'closed'. */
  close(): void {
    this.#closed = true;
    for (const feed of [...this.#open]) feed.close(closedError());
  }

  #begin(keyspace: string, options: WatchOptions): AsyncIterator<WatchEvent, undefined> {
    try {
      if (this.#closed) throw closedError();
      const onEnded = (ended: { close(error: EdisError): void }): void => {
        this.#open.delete(ended);
      };
      const feed = new WatchFeed({ ...this.#parts, keyspace, options, onEnded });
      if (!feed.ended) this.#open.add(feed);
      return feed;
    } catch (caught) {
      const error = EdisError.from(caught);
      return { next: () => Promise.reject(error) };
    }
  }
}

function closedError(): EdisError {
  return new EdisError('closed', 'the client is closed; connect again');
}
