import { EdisError, invariant, noExpiry } from '@edis/core';
import { runBatch } from './atomic-batch.ts';
import { runBulk } from './bulk.ts';
import type { BulkCall } from './bulk-call.ts';
import { BulkGet, type BulkItem, BulkPut, type BulkRead } from './bulk-item.ts';
import type { CallContext } from './call-context.ts';
import { checkedTtlMs, incrementOf, listOf, putContent, valueBytes } from './call-input.ts';
import { distributionOf } from './distribution.ts';
import type { ByteKeyspace } from './keyspace.ts';
import { locateKey } from './locate.ts';
import type {
  BatchWrite,
  CallOptions,
  ConditionalDeleteOptions,
  ConditionalPutOptions,
  DeleteOptions,
  GetOptions,
  Key,
  OnReply,
  PutEntry,
  PutOptions,
  Value,
  WriteOptions,
} from './options.ts';
import {
  PendingAppend,
  PendingDelete,
  PendingExpire,
  PendingGet,
  PendingIncrement,
  PendingPut,
} from './pending-operation.ts';
import { aggregateRecords } from './query-aggregate.ts';
import { countRecords } from './query-count.ts';
import type {
  AggregateQuery,
  AggregateResult,
  Distribution,
  KeyRange,
  RecordStream,
  ScanOptions,
  SearchOptions,
  SearchQuery,
  WatchEvent,
  WatchOptions,
} from './query-options.ts';
import { openKeys, openScan, openSearch } from './query-scan.ts';
import { BulkReplies, tell } from './read-reply.ts';
import { streamOf } from './record-stream.ts';
import type {
  Answer,
  AppendResult,
  BatchResult,
  DeleteResult,
  ExpireResult,
  GetResult,
  IncrementResult,
  Location,
  NotApplied,
  PutResult,
} from './results.ts';

/** Options that the public overloads have told apart. */
type AnyPutOptions = PutOptions | ConditionalPutOptions;
type AnyDeleteOptions = DeleteOptions | ConditionalDeleteOptions;

/** Of a read whose caller wants to know who answered it. */
interface TakenAnswer {
  readonly found: GetResult | undefined;
  readonly answer: Answer;
}

/**
 * The calls of one keyspace, shared by the client, its keyspaces and its sessions. Single calls check what they are
 * given and make one promise; nothing else is async.
 */
export class ByteCalls implements ByteKeyspace {
  protected readonly context: CallContext;

  constructor(context: CallContext) {
    this.context = context;
  }

  get name(): string {
    return this.context.scope.name;
  }

  put(key: Key, value: Value, options?: PutOptions): Promise<PutResult>;
  put(key: Key, value: Value, options: ConditionalPutOptions): Promise<PutResult | NotApplied>;
  put(key: Key, value: Value, options?: AnyPutOptions): Promise<PutResult | NotApplied> {
    const { context } = this;
    return new Promise((resolve, reject) => {
      // What is thrown in here rejects the promise.
      const call = context.callParts(key, options);
      const content = putContent(value, options);
      const operation = new PendingPut(call, content, context.writeParts(options), resolve, reject);
      context.parts.runner.start(operation, options?.signal);
    });
  }

  putIfAbsent(key: Key, value: Value, options?: PutOptions): Promise<PutResult | NotApplied> {
    return this.put(key, value, { ...options, ifAbsent: true });
  }

  get(key: Key, options?: GetOptions): Promise<GetResult | undefined> {
    return this.#read(key, false, options);
  }

  delete(key: Key, options?: DeleteOptions): Promise<DeleteResult>;
  delete(key: Key, options: ConditionalDeleteOptions): Promise<DeleteResult | NotApplied>;
  delete(key: Key, options?: AnyDeleteOptions): Promise<DeleteResult | NotApplied> {
    const { context } = this;
    return new Promise((resolve, reject) => {
      const call = context.callParts(key, options);
      const operation = new PendingDelete(call, context.writeParts(options), resolve, reject);
      context.parts.runner.start(operation, options?.signal);
    });
  }

  async exists(key: Key, options?: GetOptions): Promise<boolean> {
    return (await this.#read(key, true, options)) !== undefined;
  }

  increment(key: Key, by?: number | bigint, options?: WriteOptions): Promise<IncrementResult> {
    const { context } = this;
    return new Promise((resolve, reject) => {
      const call = context.callParts(key, options);
      const write = context.writeParts(options);
      context.parts.runner.start(new PendingIncrement(call, incrementOf(by), write, resolve, reject), options?.signal);
    });
  }

  append(key: Key, value: Value, options?: WriteOptions): Promise<AppendResult> {
    const { context } = this;
    return new Promise((resolve, reject) => {
      const call = context.callParts(key, options);
      const write = context.writeParts(options);
      context.parts.runner.start(new PendingAppend(call, valueBytes(value), write, resolve, reject), options?.signal);
    });
  }

  async expire(key: Key, ttlMs: number, options?: WriteOptions): Promise<ExpireResult | undefined> {
    return this.#setDeadline(key, checkedTtlMs(ttlMs), options);
  }

  persist(key: Key, options?: WriteOptions): Promise<ExpireResult | undefined> {
    return this.#setDeadline(key, noExpiry, options);
  }

  async ttl(key: Key, options?: GetOptions): Promise<number | 'never' | undefined> {
    const found = await this.#read(key, true, options);
    if (found === undefined) return undefined;
    if (found.expiresAtMs === undefined) return 'never';
    return Math.max(0, found.expiresAtMs - this.context.parts.environment.wallMs());
  }

  getAndDelete(key: Key, options?: WriteOptions): Promise<GetResult | undefined> {
    return this.takeRecord(key, options, (found) => found);
  }

  /**
   * Removes a record and gives what `read` makes of it. Nothing is removed when `read` fails. A writer who comes
   * between the reading and the removal makes it begin again, so that exactly what was read is removed.
   */
  async takeRecord<Taken>(
    key: Key,
    options: WriteOptions | undefined,
    read: (found: GetResult) => Taken | Promise<Taken>,
  ): Promise<Taken | undefined> {
    const countdown = this.context.countdown('getAndDelete', options);
    const signal = options?.signal;
    for (;;) {
      const found = await this.get(key, { consistency: 'strong', timeoutMs: countdown.leftMs(), signal });
      if (found === undefined) return undefined;
      const taken = await read(found);
      const timeoutMs = countdown.leftMs();
      const removed = await this.delete(key, { ...options, timeoutMs, ifVersion: found.version });
      if (removed.applied) return taken;
    }
  }

  async mput(entries: Iterable<PutEntry>, options?: WriteOptions): Promise<PutResult[]> {
    const { context } = this;
    const write = context.writeParts(options);
    const items = listOf(entries, 'entries').map((entry, index) => {
      if (typeof entry !== 'object' || entry === null) throw noRecord(index);
      return new BulkPut(entry.key, putContent(entry.value, entry), write);
    });
    await this.#runBulk('mput', 'puts', items, options);
    return items.map(({ result }) => {
      invariant(result !== undefined, 'a bulk that did not fail has all results');
      return result;
    });
  }

  async mget(keys: Iterable<Key>, options?: GetOptions): Promise<(GetResult | undefined)[]> {
    const onReply = options?.onReply;
    if (onReply === undefined) return this.#readAll(keys, this.context.readParts(options), options);
    const replies = new BulkReplies();
    const results = await this.#readAll(keys, { ...this.context.readParts(options), replies }, options);
    replies.tell(onReply);
    return results;
  }

  /** Apart from what `onReply` needs: in one function with it, each key would cost nearly twice as much. */
  async #readAll(
    keys: Iterable<Key>,
    read: BulkRead,
    options: GetOptions | undefined,
  ): Promise<(GetResult | undefined)[]> {
    const items = listOf(keys, 'keys').map((key) => new BulkGet(key, read));
    await this.#runBulk('mget', 'gets', items, options);
    return items.map(({ result }) => result);
  }

  #runBulk(call: string, of: string, items: readonly BulkItem[], options: CallOptions | undefined): Promise<void> {
    const { context } = this;
    const { scope, session } = context;
    const terms = { scope, session, timeoutMs: context.timeoutMs(options) };
    const start = (each: BulkCall): void => context.parts.runner.startBulk(each, options?.signal);
    return runBulk(of, items, terms, context.countdown(call, options), start);
  }

  scan(options?: ScanOptions): RecordStream<GetResult> {
    const { context } = this;
    return streamOf(() => openScan(context.parts.queries, context.queryCall('scan', options), options));
  }

  keys(options?: ScanOptions): RecordStream<Key> {
    const { context } = this;
    return streamOf(() => openKeys(context.parts.queries, context.queryCall('keys', options), options));
  }

  search(query: SearchQuery, options?: SearchOptions): RecordStream<GetResult> {
    const { context } = this;
    return streamOf(() => openSearch(context.parts.queries, context.queryCall('search', options), query, options));
  }

  async count(range?: KeyRange & GetOptions): Promise<number> {
    return countRecords(this.context.parts.queries, this.context.queryCall('count', range), range);
  }

  async aggregate<const Names extends string>(
    query: AggregateQuery<Names>,
    options?: GetOptions,
  ): Promise<AggregateResult<Names>> {
    return aggregateRecords(this.context.parts.queries, this.context.queryCall('aggregate', options), query);
  }

  async distribution(options?: CallOptions): Promise<Distribution> {
    return distributionOf(this.context.parts.queries, this.context.queryCall('distribution', options));
  }

  watch(options?: WatchOptions): AsyncIterable<WatchEvent> {
    return this.context.parts.feeds.watch(this.name, options);
  }

  batch(writes: Iterable<BatchWrite>, options?: WriteOptions): Promise<BatchResult> {
    return runBatch(this.context, writes, options);
  }

  locate(key: Key): Location {
    return locateKey(this.context.parts.runner.routes, this.context.scope, key);
  }

  /** @param omitValue whether it comes without value and metadata */
  #read(key: Key, omitValue: boolean, options: GetOptions | undefined): Promise<GetResult | undefined> {
    const { context } = this;
    if (options?.onReply !== undefined) return this.#readAndTell(key, omitValue, options, options.onReply);
    return new Promise((resolve, reject) => {
      const call = context.callParts(key, options);
      const operation = new PendingGet(call, context.readParts(options), omitValue, resolve, reject);
      context.parts.runner.start(operation, options?.signal);
    });
  }

  async #readAndTell(
    key: Key,
    omitValue: boolean,
    options: GetOptions,
    onReply: OnReply,
  ): Promise<GetResult | undefined> {
    const { context } = this;
    const { found, answer } = await new Promise<TakenAnswer>((resolve, reject) => {
      const call = context.callParts(key, options);
      const done: PendingGet['resolve'] = (found, answer) => resolve({ found, answer });
      const operation = new PendingGet(call, context.readParts(options), omitValue, done, reject);
      context.parts.runner.start(operation, options.signal);
    });
    tell(onReply, answer, [key]);
    return found;
  }

  #setDeadline(key: Key, ttlMs: number, options: WriteOptions | undefined): Promise<ExpireResult | undefined> {
    const { context } = this;
    return new Promise((resolve, reject) => {
      const call = context.callParts(key, options);
      const write = context.writeParts(options);
      context.parts.runner.start(new PendingExpire(call, ttlMs, write, resolve, reject), options?.signal);
    });
  }
}

function noRecord(index: number): EdisError {
  return new EdisError('invalid-argument', `entry ${index} is no object with key and value`);
}
