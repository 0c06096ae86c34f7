import { EdisError } from '@edis/core';
import type { EtcdMethods } from './etcd-methods.ts';
import type { EtcdRow } from './etcd-row.ts';
import { endOfPrefix, rowOf } from './etcd-row.ts';
import type { WatchRequestInput } from './generated/etcdserverpb/WatchRequest.ts';
import type { WatchResponse } from './generated/etcdserverpb/WatchResponse.ts';
import type { GrpcConnection } from './grpc-connection.ts';
import type { MessageStream } from './message-stream.ts';

/** How often etcd is asked for a sign of life. */
const askMs = 1000;
/** A watch that is silent for that long is lost: a stopped or cut-off member keeps its connections open. */
const silenceMs = 3000;

export type EtcdEvent =
  | { readonly kind: 'put'; readonly row: EtcdRow }
  | { readonly kind: 'delete'; readonly key: string };

export interface EtcdWatchListener {
  /** All that happened at one revision, or at several that follow each other, of which the last is `revision`. */
  onEvents(events: readonly EtcdEvent[], revision: number): void;
  /** etcd has answered. */
  onAlive(): void;
  /** Exactly once. `compacted`: etcd has forgotten the revision to start from; read anew. */
  onEnd(error: EdisError, compacted: boolean): void;
}

/** Follows the keys below a prefix at one member of etcd; ends when that member is out of touch with its cluster. */
export class EtcdWatch {
  readonly #stream: MessageStream<WatchRequestInput, WatchResponse>;
  readonly #listener: EtcdWatchListener;
  readonly #address: string;
  readonly #timer: NodeJS.Timeout;
  #heardMs = performance.now();
  #ended = false;

  constructor(
    connection: GrpcConnection,
    methods: EtcdMethods,
    prefix: string,
    fromRevision: number,
    listener: EtcdWatchListener,
  ) {
    this.#listener = listener;
    this.#address = connection.address;
    // Without that header a member that has lost its cluster goes on with a watch on which nothing happens.
    this.#stream = connection.duplex(methods.watch, { hasleader: 'true' });
    this.#stream.listen({
      onMessage: (response) => this.#onResponse(response),
      onClose: (error) => this.#end(error ?? new EdisError('closed', `etcd at ${this.#address} ended the watch`)),
    });
    const key = Buffer.from(prefix);
    this.#stream.send({
      createRequest: { key, rangeEnd: endOfPrefix(prefix), startRevision: fromRevision },
      requestUnion: 'createRequest',
    });
    this.#timer = setInterval(() => this.#askForLife(), askMs);
  }

  close(): void {
    this.#end(new EdisError('closed', 'the watch was closed'));
  }

  #onResponse(response: WatchResponse): void {
    this.#heardMs = performance.now();
    const { canceled, compactRevision, cancelReason, events } = response;
    if (canceled) {
      const error = new EdisError('unreachable', `etcd at ${this.#address} cancelled the watch: ${cancelReason}`);
      this.#end(error, compactRevision > 0);
      return;
    }
    this.#listener.onAlive();
    if (events.length === 0 || this.#ended) return;
    const seen = events.flatMap(({ type, kv }): EtcdEvent[] => {
      if (kv === null) return [];
      return [type === 'DELETE' ? { kind: 'delete', key: kv.key.toString() } : { kind: 'put', row: rowOf(kv) }];
    });
    // Not the header's, which is the store's and may be ahead of what has been sent.
    const revision = events.reduce((highest, { kv }) => Math.max(highest, kv?.modRevision ?? 0), 0);
    this.#listener.onEvents(seen, revision);
  }

  #askForLife(): void {
    if (performance.now() - this.#heardMs > silenceMs) {
      this.#end(new EdisError('unreachable', `etcd at ${this.#address} is silent for ${silenceMs} ms`));
      return;
    }
    this.#stream.send({ progressRequest: {}, requestUnion: 'progressRequest' });
  }

  #end(error: EdisError, compacted = false): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#timer);
    this.#stream.cancel(error);
    this.#listener.onEnd(error, compacted);
  }
}
