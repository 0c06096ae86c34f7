import { EdisError } from '@edis/core';
import type { MessageStream } from '@edis/rpc';
import type { ClientSide } from './client-side.ts';
import type { StreamCarrier } from './stream-side.ts';
import { StreamSide } from './stream-side.ts';
import { statusOfError } from './stream-status.ts';

/** The server's side. When the client has ended its half, the stream ends with OK after what was sent before. */
export class ServerSide<Out, In> extends StreamSide<Out, In> {
  readonly #client: ClientSide<In, Out>;
  readonly #onError: (error: EdisError) => void;
  #ended = false;
  #peerEnded = false;

  constructor(
    peer: string,
    carrier: StreamCarrier,
    windowBytes: number,
    client: ClientSide<In, Out>,
    onError: (error: EdisError) => void,
  ) {
    super(peer, carrier, windowBytes);
    this.#client = client;
    this.#onError = onError;
    this.connect(client);
  }

  end(): void {
    if (this.#ended || this.closed) return;
    this.#ended = true;
    this.stopSending(() => this.carry(() => this.#client.onStatus({ kind: 'ok' }), 'ok'));
  }

  /** Hands it over to what the server does with it. */
  serve(handler: (stream: MessageStream<Out, In>) => void): void {
    try {
      handler(this);
    } catch (caught) {
      const error = EdisError.from(caught);
      this.#onError(error);
      this.cancel(error);
    }
  }

  /** The client sends no more. */
  onPeerEnded(): void {
    this.#peerEnded = true;
    this.#settle();
  }

  /** The client, or the connection to it, is gone. */
  onPeerGone(): void {
    this.finish(this.#ended ? undefined : new EdisError('closed', `the peer ${this.peer} closed the stream`));
  }

  /** The client has heard how it ended. */
  onStatusTaken(): void {
    if (this.#ended) this.finish(undefined);
  }

  protected override onInboxRead(): void {
    this.#settle();
  }

  protected override breakOff(error: EdisError): void {
    this.#ended = true;
    const status = statusOfError(error);
    // What was sent in the same turn still leaves; a client's cancel throws it away.
    this.sendOut();
    this.carry(() => this.#client.onStatus(status), `status ${error.code}`);
  }

  protected override onFailure(error: EdisError): void {
    this.#onError(error);
  }

  #settle(): void {
    if (!this.#peerEnded || this.closed || !this.inboxEmpty || !this.listening || this.paused) return;
    this.end();
    this.finish(undefined);
  }
}
