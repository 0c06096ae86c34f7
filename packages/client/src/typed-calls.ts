import type { ByteCalls } from './byte-calls.ts';
import { DecodedIterator } from './decoded-iterator.ts';
import type { Keyspace, Typed, TypedEntry, TypedEvent } from './keyspace.ts';
import type {
  CallOptions,
  ConditionalDeleteOptions,
  ConditionalPutOptions,
  DeleteOptions,
  GetOptions,
  Key,
  PutOptions,
  Value,
  WriteOptions,
} from './options.ts';
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
import type {
  AppendResult,
  DeleteResult,
  ExpireResult,
  GetResult,
  IncrementResult,
  Location,
  NotApplied,
  PutResult,
} from './results.ts';
import { DecodedEvent } from './typed-event.ts';
import { DecodedRecord } from './typed-record.ts';
import { DecodedStream } from './typed-stream.ts';
import type { ValueCoder } from './value-coder.ts';

/** Takes what a codec has made for what the application says that it is: a schema has checked it, or nobody does. */
function vouched<Item>(value: unknown): Item;
function vouched(value: unknown): unknown {
  return value;
}

/** The calls of a keyspace whose values go through a codec. */
export class TypedCalls<Item> implements Keyspace<Item> {
  readonly #bytes: ByteCalls;
  readonly #coder: ValueCoder;
  readonly #decode = (found: GetResult): Promise<Typed<Item>> => this.#decoded(found);
  readonly #decodeEvent = (event: WatchEvent): Promise<TypedEvent<Item>> => this.#decodedEvent(event);

  constructor(bytes: ByteCalls, coder: ValueCoder) {
    this.#bytes = bytes;
    this.#coder = coder;
  }

  get name(): string {
    return this.#bytes.name;
  }

  put(key: Key, value: Item, options?: PutOptions): Promise<PutResult>;
  put(key: Key, value: Item, options: ConditionalPutOptions): Promise<PutResult | NotApplied>;
  async put(key: Key, value: Item, options?: PutOptions | ConditionalPutOptions): Promise<PutResult | NotApplied> {
    return this.#bytes.put(key, await this.#coder.encode(value, key), { ...options });
  }

  async putIfAbsent(key: Key, value: Item, options?: PutOptions): Promise<PutResult | NotApplied> {
    return this.#bytes.putIfAbsent(key, await this.#coder.encode(value, key), options);
  }

  async get(key: Key, options?: GetOptions): Promise<Typed<Item> | undefined> {
    const found = await this.#bytes.get(key, options);
    return found === undefined ? undefined : this.#decoded(found);
  }

  getAndDelete(key: Key, options?: WriteOptions): Promise<Typed<Item> | undefined> {
    return this.#bytes.takeRecord(key, options, this.#decode);
  }

  async mput(entries: Iterable<TypedEntry<Item>>, options?: WriteOptions): Promise<PutResult[]> {
    const encoded = Array.from(entries, async (entry) => {
      const value: Value = await this.#coder.encode(entry.value, entry.key);
      return { ...entry, value };
    });
    return this.#bytes.mput(await Promise.all(encoded), options);
  }

  async mget(keys: Iterable<Key>, options?: GetOptions): Promise<(Typed<Item> | undefined)[]> {
    const found = await this.#bytes.mget(keys, options);
    return Promise.all(found.map(async (each) => (each === undefined ? undefined : this.#decoded(each))));
  }

  scan(options?: ScanOptions): RecordStream<Typed<Item>> {
    return new DecodedStream(this.#bytes.scan(options), this.#decode);
  }

  search(query: SearchQuery, options?: SearchOptions): RecordStream<Typed<Item>> {
    return new DecodedStream(this.#bytes.search(query, options), this.#decode);
  }

  watch(options?: WatchOptions): AsyncIterable<TypedEvent<Item>> {
    const events = this.#bytes.watch(options);
    return {
      [Symbol.asyncIterator]: () => new DecodedIterator(events[Symbol.asyncIterator](), this.#decodeEvent),
    };
  }

  delete(key: Key, options?: DeleteOptions): Promise<DeleteResult>;
  delete(key: Key, options: ConditionalDeleteOptions): Promise<DeleteResult | NotApplied>;
  delete(key: Key, options: DeleteOptions | ConditionalDeleteOptions = {}): Promise<DeleteResult | NotApplied> {
    return this.#bytes.delete(key, options);
  }

  exists(key: Key, options?: GetOptions): Promise<boolean> {
    return this.#bytes.exists(key, options);
  }

  increment(key: Key, by?: number | bigint, options?: WriteOptions): Promise<IncrementResult> {
    return this.#bytes.increment(key, by, options);
  }

  append(key: Key, value: Value, options?: WriteOptions): Promise<AppendResult> {
    return this.#bytes.append(key, value, options);
  }

  expire(key: Key, ttlMs: number, options?: WriteOptions): Promise<ExpireResult | undefined> {
    return this.#bytes.expire(key, ttlMs, options);
  }

  persist(key: Key, options?: WriteOptions): Promise<ExpireResult | undefined> {
    return this.#bytes.persist(key, options);
  }

  ttl(key: Key, options?: GetOptions): Promise<number | 'never' | undefined> {
    return this.#bytes.ttl(key, options);
  }

  keys(options?: ScanOptions): RecordStream<Key> {
    return this.#bytes.keys(options);
  }

  count(range?: KeyRange & GetOptions): Promise<number> {
    return this.#bytes.count(range);
  }

  aggregate<const Names extends string>(
    query: AggregateQuery<Names>,
    options?: GetOptions,
  ): Promise<AggregateResult<Names>> {
    return this.#bytes.aggregate(query, options);
  }

  locate(key: Key): Location {
    return this.#bytes.locate(key);
  }

  distribution(options?: CallOptions): Promise<Distribution> {
    return this.#bytes.distribution(options);
  }

  async #decoded(found: GetResult): Promise<Typed<Item>> {
    return new DecodedRecord(found, vouched<Item>(await this.#coder.decode(found.value, found.key)));
  }

  async #decodedEvent(event: WatchEvent): Promise<TypedEvent<Item>> {
    if (!('value' in event)) return event;
    return new DecodedEvent(event, vouched<Item>(await this.#coder.decode(event.value, event.key)));
  }
}
