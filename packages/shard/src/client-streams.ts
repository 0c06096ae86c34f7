import { type ByteString, EdisError } from '@edis/core';
import type { BusyPoll } from './busy-poll.ts';
import type { ClientStream, ClientStreamOwner } from './client-stream.ts';
import { FairTurns } from './fair-turns.ts';
import { Figures } from './figures.ts';

/**
 * The open streams of clients.
 *
 * Guarantees that a client's writes come by its newest stream alone: when it repeats a write on a new one, an older
 * stream that still holds the original, unread in some buffer, is broken. Without that an original whose repetition
 * changed nothing (a delete that found nothing leaves no operation id) could be carried out after it.
 */
export class ClientStreams implements ClientStreamOwner {
  readonly turns: FairTurns;
  readonly figures = new Figures();
  readonly #poll: BusyPoll;
  readonly #monotonicMs: () => number;
  readonly #open = new Set<ClientStream>();
  readonly #byClient = new Map<ByteString, ClientStream>();
  readonly #clients = new Map<ClientStream, ByteString>();

  constructor(poll: BusyPoll, monotonicMs: () => number) {
    this.#poll = poll;
    this.#monotonicMs = monotonicMs;
    this.turns = new FairTurns(monotonicMs);
  }

  monotonicMs(): number {
    return this.#monotonicMs();
  }

  get size(): number {
    return this.#open.size;
  }

  add(stream: ClientStream): void {
    this.#open.add(stream);
  }

  onClient(stream: ClientStream, client: ByteString): void {
    const older = this.#byClient.get(client);
    this.#forget(stream);
    this.#byClient.set(client, stream);
    this.#clients.set(stream, client);
    if (older !== undefined && older !== stream) {
      this.#clients.delete(older);
      older.cancel(new EdisError('closed', 'the client has opened a newer stream'));
    }
  }

  onBatch(operations: number): void {
    this.#poll.onMessage(operations);
  }

  onClosed(stream: ClientStream): void {
    this.#open.delete(stream);
    this.#forget(stream);
  }

  /** Tells all clients who answers. */
  greet(): void {
    for (const stream of this.#open) stream.greet();
  }

  end(): void {
    for (const stream of this.#open) stream.end();
  }

  #forget(stream: ClientStream): void {
    const client = this.#clients.get(stream);
    if (client === undefined) return;
    this.#clients.delete(stream);
    if (this.#byClient.get(client) === stream) this.#byClient.delete(client);
  }
}
