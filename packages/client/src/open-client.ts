import {
  type Ack,
  type ClusterDescription,
  type Condition,
  type Consistency,
  decodeSessionToken,
  EdisError,
  encodeSessionToken,
  slotOf,
  type Topology,
} from '@edis/core';
import { runBulk } from './bulk.ts';
import { checkedMetadata, conditionOf, keyBytes, valueBytes } from './call-input.ts';
import type { Client } from './client.ts';
import { collectStats, describeCluster, locateKey } from './cluster-queries.ts';
import type { OperationRunner } from './operation-runner.ts';
import {
  type CallOptions,
  type ClientConfig,
  type ConditionalDeleteOptions,
  type ConditionalPutOptions,
  checkAck,
  checkConsistency,
  checkTimeoutMs,
  type DeleteOptions,
  type GetOptions,
  type Key,
  type PutEntry,
  type PutOptions,
  type Value,
  type WriteOptions,
} from './options.ts';
import { type CallParts, PendingDelete, PendingGet, PendingPut, type ReadParts } from './pending-operation.ts';
import type { DeleteResult, GetResult, Location, NodeStatsReply, NotApplied, PutResult } from './results.ts';
import type { TopologyWatch } from './topology-watch.ts';
import type { CallLimits, Transport } from './transport.ts';

/** Options that the public overloads have told apart. */
type AnyPutOptions = PutOptions | ConditionalPutOptions;
type AnyDeleteOptions = DeleteOptions | ConditionalDeleteOptions;

/**
 * The public interface over the machinery. Calls check what they are given and make one promise; nothing else is
 * async.
 */
export class OpenClient implements Client {
  readonly #config: ClientConfig;
  readonly #watch: TopologyWatch;
  readonly #runner: OperationRunner;
  readonly #transport: Transport;
  readonly #defaultRead: ReadParts;
  #closed = false;

  constructor(config: ClientConfig, watch: TopologyWatch, runner: OperationRunner, transport: Transport) {
    this.#config = config;
    this.#watch = watch;
    this.#runner = runner;
    this.#transport = transport;
    this.#defaultRead = { consistency: config.consistency, maxStalenessMs: 0, token: undefined };
  }

  get token(): string {
    return encodeSessionToken(this.#runner.routes.token);
  }

  put(key: Key, value: Value, options?: PutOptions): Promise<PutResult>;
  put(key: Key, value: Value, options: ConditionalPutOptions): Promise<PutResult | NotApplied>;
  put(key: Key, value: Value, options?: AnyPutOptions): Promise<PutResult | NotApplied> {
    return new Promise((resolve, reject) => {
      // What is thrown in here rejects the promise.
      const call = this.#callParts(key, options);
      const bytes = valueBytes(value);
      const metadata = options === undefined ? undefined : checkedMetadata(options.metadata);
      const condition = options === undefined ? undefined : conditionOf(options);
      const operation = new PendingPut(call, bytes, metadata, this.#ackOf(options), condition, resolve, reject);
      this.#runner.start(operation, options?.signal);
    });
  }

  get(key: Key, options?: GetOptions): Promise<GetResult | undefined> {
    return new Promise((resolve, reject) => {
      const operation = new PendingGet(this.#callParts(key, options), this.#readOf(options), false, resolve, reject);
      this.#runner.start(operation, options?.signal);
    });
  }

  delete(key: Key, options?: DeleteOptions): Promise<DeleteResult>;
  delete(key: Key, options: ConditionalDeleteOptions): Promise<DeleteResult | NotApplied>;
  delete(key: Key, options?: AnyDeleteOptions): Promise<DeleteResult | NotApplied> {
    return new Promise((resolve, reject) => {
      const condition: Condition | undefined = options === undefined ? undefined : conditionOf(options);
      const call = this.#callParts(key, options);
      this.#runner.start(new PendingDelete(call, this.#ackOf(options), condition, resolve, reject), options?.signal);
    });
  }

  exists(key: Key, options?: GetOptions): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const answer = (found: GetResult | undefined): void => resolve(found !== undefined);
      const operation = new PendingGet(this.#callParts(key, options), this.#readOf(options), true, answer, reject);
      this.#runner.start(operation, options?.signal);
    });
  }

  async mput(entries: Iterable<PutEntry>, options?: WriteOptions): Promise<PutResult[]> {
    const ack = this.#ackOf(options);
    const prepared = Array.from(entries, (entry) => ({
      call: this.#callParts(entry.key, options),
      bytes: valueBytes(entry.value),
      metadata: checkedMetadata(entry.metadata),
    }));
    const calls = prepared.map(({ call, bytes, metadata }) => () => {
      return new Promise<PutResult>((resolve, reject) => {
        const applied = (result: PutResult | NotApplied): void => {
          if (result.applied) resolve(result);
          else reject(new EdisError('protocol', 'a put without a condition was answered with an unmet one'));
        };
        this.#runner.start(new PendingPut(call, bytes, metadata, ack, undefined, applied, reject), options?.signal);
      });
    });
    return runBulk('puts', calls);
  }

  async mget(keys: Iterable<Key>, options?: GetOptions): Promise<(GetResult | undefined)[]> {
    const read = this.#readOf(options);
    const prepared = Array.from(keys, (key) => this.#callParts(key, options));
    const calls = prepared.map((call) => () => {
      return new Promise<GetResult | undefined>((resolve, reject) => {
        this.#runner.start(new PendingGet(call, read, false, resolve, reject), options?.signal);
      });
    });
    return runBulk('gets', calls);
  }

  topology(): Topology {
    return this.#runner.routes.topology;
  }

  locate(key: Key): Location {
    return locateKey(this.#runner.routes, key);
  }

  async describe(options?: CallOptions): Promise<ClusterDescription> {
    return describeCluster(this.#config.infoAddresses, this.#transport, this.#callLimits(options));
  }

  async stats(options?: CallOptions): Promise<NodeStatsReply[]> {
    return collectStats(this.#runner.routes, this.#transport, this.#callLimits(options));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watch.close();
    this.#runner.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #callParts(key: Key, options: CallOptions | undefined): CallParts {
    const bytes = keyBytes(key);
    return { key: bytes, callerKey: key, slot: slotOf(bytes), timeoutMs: this.#timeoutMs(options) };
  }

  #timeoutMs(options: CallOptions | undefined): number {
    const timeoutMs = options?.timeoutMs;
    if (timeoutMs === undefined) return this.#config.timeoutMs;
    checkTimeoutMs(timeoutMs);
    return timeoutMs;
  }

  #ackOf(options: WriteOptions | undefined): Ack {
    const ack = options?.ack;
    if (ack === undefined) return this.#config.ack;
    checkAck(ack);
    return ack;
  }

  #readOf(options: GetOptions | undefined): ReadParts {
    if (options === undefined) return this.#defaultRead;
    const { after, maxStalenessMs } = options;
    const consistency = options.consistency ?? this.#impliedConsistency(options);
    checkConsistency(consistency);
    if (after !== undefined && consistency !== 'session') {
      throw new EdisError('invalid-argument', `after has no meaning with consistency ${consistency}; use session`);
    }
    if (consistency !== 'bounded') {
      if (maxStalenessMs !== undefined) {
        throw new EdisError(
          'invalid-argument',
          `maxStalenessMs has no meaning with consistency ${consistency}; use bounded`,
        );
      }
    } else if (maxStalenessMs === undefined || !(maxStalenessMs >= 0 && maxStalenessMs <= maxUint32)) {
      throw new EdisError('invalid-argument', 'consistency bounded needs maxStalenessMs, from 0 to 4294967295');
    }
    const token = after === undefined ? undefined : decodeSessionToken(after, this.#runner.routes.topology.cluster);
    return { consistency, maxStalenessMs: Math.floor(maxStalenessMs ?? 0), token };
  }

  #impliedConsistency(options: GetOptions): Consistency {
    if (options.after !== undefined) return 'session';
    return options.maxStalenessMs === undefined ? this.#config.consistency : 'bounded';
  }

  #callLimits(options: CallOptions | undefined): CallLimits {
    if (this.#closed) throw new EdisError('closed', 'the client is closed; connect again');
    const timeoutMs = this.#timeoutMs(options);
    return options?.signal === undefined ? { timeoutMs } : { timeoutMs, signal: options.signal };
  }
}

/** As it travels. */
const maxUint32 = 0xffff_ffff;
