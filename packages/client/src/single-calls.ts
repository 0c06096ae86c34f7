/**
 * Calls on connections of their own, apart from the streams of data: of what is asked rarely. They end with the client.
 */
import { EdisError } from '@edis/core';
import type { Channel, Transport } from './transport.ts';

export class SingleCalls {
  readonly #transport: Transport;
  readonly #open = new Set<Channel>();
  #closed = false;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Asks over a connection that is closed afterwards. */
  async ask<Answered>(address: string, call: (channel: Channel) => Promise<Answered>): Promise<Answered> {
    if (this.#closed) throw closedError();
    const channel = this.#transport.channel(address);
    this.#open.add(channel);
    try {
      return await call(channel);
    } finally {
      this.#open.delete(channel);
      channel.close();
    }
  }

  close(): void {
    this.#closed = true;
    for (const channel of this.#open) channel.close();
  }
}

export function closedError(): EdisError {
  return new EdisError('closed', 'the client was closed before the call ended');
}
