import type { ClusterId, SnapshotRequest, SnapshotResponse, Timers } from '@edis/core';
import { EdisError } from '@edis/core';
import type { MessageStream } from '@edis/rpc';
import type { SnapshotSource, Store } from '@edis/store';

/**
 * A follower that asks for nothing for so long stands still, and others may be waiting for its place. Twice what a
 * follower waits for a page.
 */
const silenceMs = 60_000;

export interface SnapshotSenderParts {
  readonly store: Store;
  readonly timers: Timers;
  readonly cluster: () => ClusterId;
  readonly shard: () => string;
  readonly active: () => boolean;
  readonly onClosed: () => void;
  readonly onError: (error: EdisError) => void;
}

/**
 * Sends one snapshot of the view to a follower, page by page, as the follower grants them.
 *
 * Guarantees one point in time and, at any moment, at most one page in memory beyond what was granted. The log behind
 * the snapshot stays until the stream ends, and that ends when the follower stands still.
 */
export class SnapshotSender {
  readonly #stream: MessageStream<SnapshotResponse, SnapshotRequest>;
  readonly #parts: SnapshotSenderParts;
  #opened = false;
  #granted = 0;
  #blocked = false;
  #wake: (() => void) | undefined;
  #endPatience: () => void = () => {};

  constructor(stream: MessageStream<SnapshotResponse, SnapshotRequest>, parts: SnapshotSenderParts) {
    this.#stream = stream;
    this.#parts = parts;
    stream.listen({
      onMessage: (request) => this.#onRequest(request),
      onDrain: () => {
        this.#blocked = false;
        this.#wake?.();
      },
      onClose: () => {
        this.#endPatience();
        this.#wake?.();
        parts.onClosed();
      },
    });
    this.#bePatient();
  }

  #onRequest(request: SnapshotRequest): void {
    if (request.kind === 'grant') {
      this.#granted += request.pages;
      this.#wake?.();
      return;
    }
    const { cluster, shard, active } = this.#parts;
    if (this.#opened || request.cluster !== cluster() || request.shard !== shard() || !active()) {
      this.#stream.cancel(new EdisError('protocol', 'this node has no snapshot of that shard to give'));
      return;
    }
    this.#opened = true;
    this.#endPatience();
    this.#run().catch((caught: unknown) => {
      const error = EdisError.from(caught);
      this.#parts.onError(error);
      this.#stream.cancel(error);
    });
  }

  async #run(): Promise<void> {
    const source = await this.#parts.store.openSnapshot();
    try {
      await this.#sendPages(source);
    } finally {
      await source.close();
    }
  }

  async #sendPages(source: SnapshotSource): Promise<void> {
    const stream = this.#stream;
    this.#blocked = !stream.send({ kind: 'start', ...source.start });
    let rowCount = 0;
    for await (const page of source.pages()) {
      await this.#room();
      if (stream.closed) return;
      this.#granted -= 1;
      rowCount += page.keys.length;
      this.#blocked = !stream.send({ kind: 'page', keys: page.keys, values: page.values });
    }
    stream.send({ kind: 'end', rowCount });
    stream.end();
  }

  #bePatient(): void {
    this.#endPatience = this.#parts.timers.after(silenceMs, () => {
      this.#stream.cancel(new EdisError('deadline', `the follower asked for no page for ${silenceMs} ms`));
    });
  }

  /** Resolves when a page is granted and the stream takes it, or the stream is closed. */
  async #room(): Promise<void> {
    while (!this.#stream.closed && (this.#granted === 0 || this.#blocked)) {
      this.#bePatient();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#endPatience();
      this.#wake = undefined;
    }
  }
}
