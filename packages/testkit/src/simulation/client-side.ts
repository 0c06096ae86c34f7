import type { EdisError } from '@edis/core';
import type { ServerSide } from './server-side.ts';
import type { StreamCarrier } from './stream-side.ts';
import { StreamSide } from './stream-side.ts';
import type { StreamStatus } from './stream-status.ts';
import { errorOfStatus } from './stream-status.ts';

/**
 * The client's side. What the server sent before it ended is delivered first, unless the listener has paused a broken
 * stream.
 */
export class ClientSide<Out, In> extends StreamSide<Out, In> {
  #server: ServerSide<In, Out> | undefined;
  #status: StreamStatus | undefined;

  constructor(peer: string, carrier: StreamCarrier, windowBytes: number) {
    super(peer, carrier, windowBytes);
  }

  connectTo(server: ServerSide<In, Out>): void {
    this.#server = server;
    this.connect(server);
  }

  end(): void {
    if (this.closed) return;
    this.stopSending(() => this.carry(() => this.#server?.onPeerEnded(), 'end'));
  }

  /** The server ended the stream, or the connection broke. */
  onStatus(status: StreamStatus): void {
    if (this.closed) return;
    this.#status ??= status;
    this.carry(() => this.#server?.onStatusTaken(), 'closed');
    this.#settle();
  }

  override pause(): void {
    super.pause();
    this.#settle();
  }

  protected override onInboxRead(): void {
    this.#settle();
  }

  protected override breakOff(): void {
    this.carry(() => this.#server?.onPeerGone(), 'cancel');
  }

  protected override onFailure(): void {
    // The one who threw is the one who is told.
  }

  #settle(): void {
    const status = this.#status;
    if (status === undefined) return;
    const allRead = this.listening && !this.paused && this.inboxEmpty;
    if (status.kind === 'ok') {
      if (allRead) this.finish(undefined);
      return;
    }
    if (allRead || this.paused || !this.listening) this.finish(errorOfStatus(status, this.peer));
  }
}

/** A stream that could not even be started. */
export class FailedSide<Out, In> extends StreamSide<Out, In> {
  constructor(peer: string, error: EdisError) {
    super(peer, { connected: false, carry: () => {} }, 0);
    this.finish(error);
  }

  end(): void {
    this.stopSending(() => {});
  }

  protected override onInboxRead(): void {
    // Nothing ever comes.
  }

  protected override breakOff(): void {
    // There is nobody to tell.
  }

  protected override onFailure(): void {
    // It is over already.
  }
}
