import type { ByteString } from './bytes.ts';
import { limits } from './limits.ts';
import { logicalSteps } from './timestamp.ts';

/**
 * What a shard remembers of its clients' writes, so that a repeated write is answered and not carried out again.
 *
 * Guarantees: the content is a function of the log alone (entries in order, their timestamps as the only clock), so
 * every member of a shard remembers the same; a result is kept until its client has said that it is finished, or until
 * the client has written nothing for the window. Each step costs O(1) amortised: clients stand in a list ordered by
 * their last write, and a client's results in an array ordered by sequence of which the finished head is cut off in
 * bulk. Assumes: the caller asks `find` before it logs a write that has an id, and `remember`s each that it logs.
 * Shaped by a retry that arrives before an older write of the same client: results are found by search, not by
 * place.
 */

/** The outcome of a write that its client may still repeat. */
export interface RememberedOperation {
  readonly sequence: number;
  readonly slot: number;
  readonly kind: RememberedKind;
  readonly version: number;
  readonly position: number;
  readonly existed: boolean;
  /**
   * What the answer said besides: the sum of an increment, the length after an append, the deadline after an expire;
   * 0 of others.
   */
  readonly answer: bigint;
}

export type RememberedKind = 'put' | 'delete' | 'increment' | 'append' | 'expire';

export type FoundOperation =
  | { readonly kind: 'remembered'; readonly operation: RememberedOperation }
  /** Its client has said that it is finished; the result is gone. */
  | { readonly kind: 'forgotten' }
  | { readonly kind: 'new' }
  /** New, but there is no room to remember it: the write must wait. */
  | { readonly kind: 'full' };

/** A client as a whole, for storing it and taking it back. */
export interface RememberedClient {
  readonly client: ByteString;
  readonly completedBelow: number;
  readonly lastTimestamp: number;
  /** In order of their sequence. */
  readonly operations: readonly RememberedOperation[];
}

export interface OperationIdLimits {
  readonly windowMs: number;
  readonly maxClients: number;
  readonly maxOutstandingPerClient: number;
}

const defaultLimits: OperationIdLimits = {
  windowMs: limits.operationIdWindowMs,
  maxClients: limits.maxRememberedClients,
  maxOutstandingPerClient: limits.maxOutstandingPerClient,
};

const forgotten: FoundOperation = Object.freeze({ kind: 'forgotten' });
const isNew: FoundOperation = Object.freeze({ kind: 'new' });
const full: FoundOperation = Object.freeze({ kind: 'full' });

/** Finished results are cut off the array when there are this many and they are at least half of it. */
const minCutLength = 64;

class ClientRecord {
  readonly client: ByteString;
  completedBelow = 0;
  lastTimestamp = 0;
  operations: RememberedOperation[] = [];
  /** Index of the first unfinished operation. */
  head = 0;
  /** Neighbours in the list ordered by `lastTimestamp`. */
  earlier: ClientRecord | undefined = undefined;
  later: ClientRecord | undefined = undefined;

  constructor(client: ByteString) {
    this.client = client;
  }

  get outstanding(): number {
    return this.operations.length - this.head;
  }

  /** Index of the first operation, at or after the head, whose sequence is not below. */
  indexOf(sequence: number): number {
    let low = this.head;
    let high = this.operations.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const operation = this.operations[middle];
      if (operation !== undefined && operation.sequence < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  complete(below: number): void {
    if (below <= this.completedBelow) return;
    this.completedBelow = below;
    const operations = this.operations;
    let head = this.head;
    for (let operation = operations[head]; operation !== undefined && operation.sequence < below; ) {
      operation = operations[++head];
    }
    this.head = head;
    if (head === operations.length) {
      // A fresh array also lets go of the room that a burst has taken.
      if (head >= minCutLength) this.operations = [];
      else operations.length = 0;
      this.head = 0;
    } else if (head >= minCutLength && head * 2 >= operations.length) {
      this.operations = operations.slice(head);
      this.head = 0;
    }
  }

  add(operation: RememberedOperation): void {
    const last = this.operations[this.operations.length - 1];
    if (last === undefined || last.sequence < operation.sequence) {
      this.operations.push(operation);
      return;
    }
    const index = this.indexOf(operation.sequence);
    const replaces = this.operations[index]?.sequence === operation.sequence ? 1 : 0;
    this.operations.splice(index, replaces, operation);
  }
}

export class OperationIds {
  readonly #limits: OperationIdLimits;
  readonly #windowSteps: number;
  readonly #clients = new Map<ByteString, ClientRecord>();
  /** The record that was touched last: most calls in a row are about one client. */
  #recent: ClientRecord | undefined;
  #earliest: ClientRecord | undefined;
  #latest: ClientRecord | undefined;
  /** Clients that were forgotten and whose stored row is to be deleted, in order of their last timestamp. */
  #expired: { readonly client: ByteString; readonly lastTimestamp: number }[] = [];

  constructor(bounds: OperationIdLimits = defaultLimits) {
    this.#limits = bounds;
    this.#windowSteps = bounds.windowMs * logicalSteps;
  }

  get clientCount(): number {
    return this.#clients.size;
  }

  find(client: ByteString, sequence: number): FoundOperation {
    const record = this.#get(client);
    if (record === undefined) return this.#clients.size >= this.#limits.maxClients ? full : isNew;
    if (sequence < record.completedBelow) return forgotten;
    const last = record.operations[record.operations.length - 1];
    if (last !== undefined && last.sequence >= sequence) {
      const operation = record.operations[record.indexOf(sequence)];
      if (operation?.sequence === sequence) return { kind: 'remembered', operation };
    }
    return record.outstanding >= this.#limits.maxOutstandingPerClient ? full : isNew;
  }

  /** Records the outcome of a write whose entry has been appended. */
  remember(client: ByteString, operation: RememberedOperation): void {
    const record = this.#touch(client, operation.version);
    if (operation.sequence >= record.completedBelow) record.add(operation);
  }

  /** The client says, in an entry of this timestamp, that all its sequences below are finished. */
  complete(client: ByteString, below: number, timestamp: number): void {
    this.#touch(client, timestamp).complete(below);
  }

  /** Forgets the clients that have written nothing for the window before this timestamp of the log. */
  expire(timestamp: number): void {
    const before = timestamp - this.#windowSteps;
    for (let record = this.#earliest; record !== undefined && record.lastTimestamp < before; ) {
      this.#remove(record);
      this.#expired.push({ client: record.client, lastTimestamp: record.lastTimestamp });
      record = this.#earliest;
    }
  }

  /** Hands over, once, the clients that a log ending at this timestamp has forgotten: their rows are to be deleted. */
  takeExpired(timestamp: number): ByteString[] {
    const before = timestamp - this.#windowSteps;
    let count = 0;
    while (count < this.#expired.length && (this.#expired[count]?.lastTimestamp ?? before) < before) count++;
    if (count === 0) return [];
    const taken = this.#expired.splice(0, count);
    return taken.map((item) => item.client).filter((client) => !this.#clients.has(client));
  }

  /** A client as it is after the entry at this position; undefined when it is not remembered. */
  clientUpTo(client: ByteString, position: number): RememberedClient | undefined {
    const record = this.#clients.get(client);
    if (record === undefined) return undefined;
    const operations = record.operations.slice(record.head).filter((operation) => operation.position <= position);
    return { client, completedBelow: record.completedBelow, lastTimestamp: record.lastTimestamp, operations };
  }

  /** Takes clients from where they were stored, in place of all that is remembered. */
  restore(clients: readonly RememberedClient[]): void {
    this.#clients.clear();
    this.#recent = undefined;
    this.#earliest = undefined;
    this.#latest = undefined;
    this.#expired = [];
    const ordered = [...clients].sort((a, b) => a.lastTimestamp - b.lastTimestamp);
    for (const stored of ordered) {
      const record = this.#touch(stored.client, stored.lastTimestamp);
      record.completedBelow = stored.completedBelow;
      record.operations = [...stored.operations];
    }
  }

  /** Forgets what the entries above this position did; they have been cut off the log. */
  forgetAfter(position: number): void {
    for (const record of this.#clients.values()) {
      const kept = record.operations.slice(record.head).filter((operation) => operation.position <= position);
      record.operations = kept;
      record.head = 0;
    }
  }

  #get(client: ByteString): ClientRecord | undefined {
    if (this.#recent?.client === client) return this.#recent;
    const record = this.#clients.get(client);
    if (record !== undefined) this.#recent = record;
    return record;
  }

  #touch(client: ByteString, timestamp: number): ClientRecord {
    let record = this.#get(client);
    if (record === undefined) {
      record = new ClientRecord(client);
      this.#clients.set(client, record);
      this.#recent = record;
      this.#append(record);
    } else if (record !== this.#latest) {
      this.#unlink(record);
      this.#append(record);
    }
    if (timestamp > record.lastTimestamp) record.lastTimestamp = timestamp;
    return record;
  }

  #remove(record: ClientRecord): void {
    this.#unlink(record);
    this.#clients.delete(record.client);
    if (this.#recent === record) this.#recent = undefined;
  }

  #append(record: ClientRecord): void {
    record.earlier = this.#latest;
    record.later = undefined;
    if (this.#latest === undefined) this.#earliest = record;
    else this.#latest.later = record;
    this.#latest = record;
  }

  #unlink(record: ClientRecord): void {
    if (record.earlier === undefined) this.#earliest = record.later;
    else record.earlier.later = record.later;
    if (record.later === undefined) this.#latest = record.earlier;
    else record.later.earlier = record.earlier;
    record.earlier = undefined;
    record.later = undefined;
  }
}
