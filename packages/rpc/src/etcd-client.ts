/**
 * A client of etcd's own API (3.4 and later), for what info asks of it.
 *
 * Guarantees: every call has a deadline. What may be repeated (reads, keeping a lease) is asked of each endpoint
 * once before it fails; a transaction and a new lease are sent once, and a failure says whether they may have been
 * carried out. An endpoint that does not answer is left for the next one, for all that follows.
 *
 * Why not the etcd3 package: unmaintained since 2023, and it reports a lost lease only after twice its time to live, by
 * the wall clock. A lease is the one thing that must never be believed for too long.
 */
import { EdisError } from '@edis/core';
import type { EtcdMethods } from './etcd-methods.ts';
import { loadEtcdMethods } from './etcd-methods.ts';
import type { EtcdRow } from './etcd-row.ts';
import { endOfPrefix, rowOf } from './etcd-row.ts';
import type { EtcdWatchListener } from './etcd-watch.ts';
import { EtcdWatch } from './etcd-watch.ts';
import type { CompareInput } from './generated/etcdserverpb/Compare.ts';
import type { RequestOpInput } from './generated/etcdserverpb/RequestOp.ts';
import { GrpcConnection } from './grpc-connection.ts';

/** Of one call to one endpoint. etcd answers in milliseconds, or is electing a leader. */
const attemptMs = 1000;

/** What must hold; 0: there is no such key. */
export type EtcdComparison =
  | { readonly key: string; readonly createRevision: number }
  | { readonly key: string; readonly modRevision: number };

export interface EtcdPut {
  readonly key: string;
  readonly value: string;
  /** The key ends with it; 0: it stays. */
  readonly lease: number;
}

/** If all comparisons hold all puts are done, else the keys of `otherwise` are read: at one revision. */
export interface EtcdTransaction {
  readonly comparisons: readonly EtcdComparison[];
  readonly puts: readonly EtcdPut[];
  readonly otherwise: readonly string[];
}

export interface EtcdOutcome {
  readonly succeeded: boolean;
  /** Of the store, after it. */
  readonly revision: number;
  /** Of the keys of `otherwise`, those that are there. */
  readonly found: readonly EtcdRow[];
}

export interface EtcdReading {
  readonly revision: number;
  readonly rows: readonly EtcdRow[];
}

export class EtcdClient {
  readonly #addresses: readonly string[];
  readonly #methods: EtcdMethods = loadEtcdMethods();
  #next = 0;
  #connection: GrpcConnection;
  #closed = false;

  /** `addresses`: host:port of each endpoint, at least one. */
  constructor(addresses: readonly string[]) {
    this.#addresses = addresses;
    this.#connection = this.#dial();
  }

  /** What the server says of itself, e.g. 3.4.23. */
  async version(): Promise<string> {
    const { version } = await this.#askEach((connection) =>
      connection.call(this.#methods.status, {}, { timeoutMs: attemptMs }),
    );
    return version;
  }

  /** All keys that begin with the prefix; linearizable. */
  async read(prefix: string): Promise<EtcdReading> {
    const request = { key: Buffer.from(prefix), rangeEnd: endOfPrefix(prefix) };
    const { header, kvs } = await this.#askEach((connection) =>
      connection.call(this.#methods.range, request, { timeoutMs: attemptMs }),
    );
    return { revision: header?.revision ?? 0, rows: kvs.map(rowOf) };
  }

  /** An error with `outcomeUnknown`: it may have been carried out, or may still be. */
  async transact({ comparisons, puts, otherwise }: EtcdTransaction): Promise<EtcdOutcome> {
    const request = {
      compare: comparisons.map(compareOf),
      success: puts.map(putOf),
      failure: otherwise.map((key): RequestOpInput => {
        return { requestRange: { key: Buffer.from(key) }, request: 'requestRange' };
      }),
    };
    const { header, succeeded, responses } = await this.#askOnce((connection) =>
      connection.call(this.#methods.transact, request, { timeoutMs: attemptMs }),
    );
    const found = responses.flatMap(({ responseRange }) => responseRange?.kvs.map(rowOf) ?? []);
    return { succeeded, revision: header?.revision ?? 0, found };
  }

  /** Begins a lease of at least that long under a number of the caller's choice. Resolves with how long it lives. */
  async grant(lease: number, ttlMs: number): Promise<number> {
    const request = { ID: lease, TTL: Math.ceil(ttlMs / 1000) };
    const { TTL } = await this.#askOnce((connection) =>
      connection.call(this.#methods.grant, request, { timeoutMs: attemptMs }),
    );
    return TTL * 1000;
  }

  /** Begins the life of a lease anew. Resolves with how long it lives from now on; 0: it is gone. */
  async keepAlive(lease: number): Promise<number> {
    const seconds = await this.#askEach((connection) => this.#keepAliveOn(connection, lease));
    return seconds * 1000;
  }

  /** Ends a lease, and the keys with it. */
  async revoke(lease: number): Promise<void> {
    await this.#askOnce((connection) => connection.call(this.#methods.revoke, { ID: lease }, { timeoutMs: attemptMs }));
  }

  /** Follows the keys below a prefix, from that revision on (inclusive), until it ends. */
  watch(prefix: string, fromRevision: number, listener: EtcdWatchListener): EtcdWatch {
    const connection = this.#connection;
    return new EtcdWatch(connection, this.#methods, prefix, fromRevision, {
      onEvents: (events, revision) => listener.onEvents(events, revision),
      onAlive: () => listener.onAlive(),
      onEnd: (error, compacted) => {
        if (!compacted) this.#leave(connection, error);
        listener.onEnd(error, compacted);
      },
    });
  }

  close(): void {
    this.#closed = true;
    this.#connection.close();
  }

  /** A stream for each question: one that hangs holds up no later one. */
  #keepAliveOn(connection: GrpcConnection, lease: number): Promise<number> {
    const { address } = connection;
    const stream = connection.duplex(this.#methods.keepAlive);
    return new Promise<number>((resolve, reject) => {
      const timer = setTimeout(() => {
        stream.cancel(new EdisError('deadline', `etcd at ${address} did not answer within ${attemptMs} ms`));
      }, attemptMs);
      stream.listen({
        onMessage: ({ TTL }) => {
          resolve(TTL);
          stream.cancel();
        },
        onClose: (error) => {
          clearTimeout(timer);
          reject(error ?? new EdisError('unreachable', `etcd at ${address} ended the call without an answer`));
        },
      });
      stream.send({ ID: lease });
    });
  }

  async #askOnce<Answer>(ask: (connection: GrpcConnection) => Promise<Answer>): Promise<Answer> {
    const connection = this.#connection;
    try {
      return await ask(connection);
    } catch (caught) {
      const error = EdisError.from(caught);
      const lost = isLost(error);
      if (lost) this.#leave(connection, error);
      throw new EdisError(error.code, `etcd: ${error.message}`, { outcomeUnknown: lost, cause: error });
    }
  }

  async #askEach<Answer>(ask: (connection: GrpcConnection) => Promise<Answer>): Promise<Answer> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#askOnce(ask);
      } catch (caught) {
        const error = EdisError.from(caught);
        if (!error.outcomeUnknown || this.#closed || attempt >= this.#addresses.length) throw error;
      }
    }
  }

  /** Goes on at the next endpoint, unless another call has seen to that. */
  #leave(connection: GrpcConnection, reason: EdisError): void {
    if (this.#closed || this.#connection !== connection) return;
    this.#next += 1;
    this.#connection = this.#dial();
    // What else waits there waits in vain, and what became of it nobody knows, whatever ended this one call. etcd also
    // ends idle connections that we keep checking.
    connection.close(new EdisError('unreachable', reason.message, { cause: reason }));
  }

  #dial(): GrpcConnection {
    const address = this.#addresses[this.#next % this.#addresses.length] ?? '';
    return new GrpcConnection(address, { connectTimeoutMs: attemptMs });
  }
}

/**
 * The endpoint, or its cluster, was not there to answer, or says of itself that it failed, as when a proposal is
 * dropped because its leader hands over. Every other error is a refusal.
 */
function isLost({ code }: EdisError): boolean {
  return code === 'unreachable' || code === 'deadline' || code === 'closed' || code === 'internal';
}

function compareOf(comparison: EtcdComparison): CompareInput {
  const key = Buffer.from(comparison.key);
  if ('createRevision' in comparison) {
    const { createRevision } = comparison;
    return { result: 'EQUAL', target: 'CREATE', key, createRevision, targetUnion: 'createRevision' };
  }
  const { modRevision } = comparison;
  return { result: 'EQUAL', target: 'MOD', key, modRevision, targetUnion: 'modRevision' };
}

function putOf({ key, value, lease }: EtcdPut): RequestOpInput {
  return { requestPut: { key: Buffer.from(key), value: Buffer.from(value), lease }, request: 'requestPut' };
}
