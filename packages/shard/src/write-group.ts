import type { ByteString } from '@edis/core';
import { defaultKeyspaceId, limits } from '@edis/core';
import type { QueuedWrite } from './write-item.ts';

/**
 * The writes that will be one log entry.
 *
 * Nothing of it is in the overlay yet: it therefore knows the newest write of each of its keys (only once somebody
 * asks, because most groups are plain puts), and the highest sequence of each of its clients.
 */
export class WriteGroup {
  #writes: QueuedWrite[] = [];
  #bytes = 0;
  #newest: Map<string, QueuedWrite> | undefined;
  /** The highest sequence of each client; of the client that wrote last it is in the fields below. */
  readonly #sequences = new Map<ByteString, number>();
  #lastClient: ByteString = '';
  #lastSequence = 0;

  get isEmpty(): boolean {
    return this.#writes.length === 0;
  }

  get isFull(): boolean {
    return this.#writes.length >= limits.maxBatchOperations || this.#bytes >= limits.maxBatchBytes;
  }

  /** Whether so many more writes, of so many bytes together, keep it within its limits. */
  hasRoom(count: number, bytes: number): boolean {
    return this.#writes.length + count <= limits.maxBatchOperations && this.#bytes + bytes <= limits.maxBatchBytes;
  }

  add(write: QueuedWrite): void {
    this.#writes.push(write);
    this.#bytes += write.loggedBytes;
    if (this.#newest !== undefined) this.#newest.set(nameOf(write), write);
  }

  /** The group's own newest write of the key that this one is about. */
  newestOf(write: QueuedWrite): QueuedWrite | undefined {
    if (this.#writes.length === 0) return undefined;
    this.#newest ??= new Map(this.#writes.map((grouped) => [nameOf(grouped), grouped]));
    return this.#newest.get(nameOf(write));
  }

  sequenceOf(client: ByteString): number {
    return client === this.#lastClient ? this.#lastSequence : (this.#sequences.get(client) ?? 0);
  }

  noteSequence(client: ByteString, sequence: number): void {
    if (client !== this.#lastClient) {
      if (this.#lastClient !== '') this.#sequences.set(this.#lastClient, this.#lastSequence);
      this.#lastClient = client;
    }
    this.#lastSequence = sequence;
  }

  /** Hands the writes over and begins anew. */
  take(): QueuedWrite[] {
    const writes = this.#writes;
    this.#writes = [];
    this.#bytes = 0;
    this.#newest = undefined;
    this.#sequences.clear();
    this.#lastClient = '';
    this.#lastSequence = 0;
    return writes;
  }
}

/** Keys of the default keyspace stand for themselves; no byte string has the mark of the others. */
function nameOf({ keyspace, key }: QueuedWrite): string {
  return keyspace === defaultKeyspaceId ? key : `${keyspace}\u0100${key}`;
}
