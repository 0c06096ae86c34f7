import type {
  BatchWrite,
  CallOptions,
  ConditionalDeleteOptions,
  ConditionalPutOptions,
  DeleteOptions,
  EntryHead,
  GetOptions,
  Key,
  PutEntry,
  PutOptions,
  Value,
  WriteOptions,
} from './options.ts';
import type {
  AggregateQuery,
  AggregateResult,
  Distribution,
  KeyRange,
  RecordEvent,
  RecordStream,
  ScanOptions,
  SearchOptions,
  SearchQuery,
  WatchEvent,
  WatchOptions,
} from './query-options.ts';
import type {
  AppendResult,
  BatchResult,
  DeleteResult,
  ExpireResult,
  GetResult,
  IncrementResult,
  Location,
  NotApplied,
  PutResult,
  RecordHead,
} from './results.ts';

/** What every keyspace can do, whatever its values are. */
export interface KeyspaceCalls {
  readonly name: string;

  /** Removes a record. */
  delete(key: Key, options?: DeleteOptions): Promise<DeleteResult>;
  /** Removes a record if the condition holds; `applied` says whether it did. */
  delete(key: Key, options: ConditionalDeleteOptions): Promise<DeleteResult | NotApplied>;

  /** Whether there is a record. */
  exists(key: Key, options?: GetOptions): Promise<boolean>;

  /**
   * Adds to a 64-bit integer, written in decimal digits; a record that is not there counts as 0. Counts once, however
   * often the network makes the client repeat it. 'invalid-argument' when the value is no integer or the sum too large.
   * @param by 1 when not given; whole, may be negative
   */
  increment(key: Key, by?: number | bigint, options?: WriteOptions): Promise<IncrementResult>;

  /** Adds bytes to the end of a value; makes the record if there is none. */
  append(key: Key, value: Value, options?: WriteOptions): Promise<AppendResult>;

  /** Sets the deadline of a record; undefined: there is no record. */
  expire(key: Key, ttlMs: number, options?: WriteOptions): Promise<ExpireResult | undefined>;
  /** Removes the deadline of a record; undefined: there is no record. */
  persist(key: Key, options?: WriteOptions): Promise<ExpireResult | undefined>;
  /** Milliseconds that a record has left; 'never'; undefined: there is no record. */
  ttl(key: Key, options?: GetOptions): Promise<number | 'never' | undefined>;

  /** Keys in the order of their bytes, over all shards. */
  keys(options?: ScanOptions): RecordStream<Key>;
  /** How many records: of the whole keyspace from counters, of a range by going through it. */
  count(range?: KeyRange & GetOptions): Promise<number>;

  /** Counts and sums over metadata, computed by the shards and added up exactly. */
  aggregate<const Names extends string>(
    query: AggregateQuery<Names>,
    options?: GetOptions,
  ): Promise<AggregateResult<Names>>;

  /** Where a key lives, and why there. Throws 'not-formed' while nobody owns it. */
  locate(key: Key): Location;
  /** How the records are spread over the shards. */
  distribution(options?: CallOptions): Promise<Distribution>;
}

/**
 * The calls of a keyspace that carry values, for values of the type `Item`. A value that codec or schema refuse is an
 * error 'value-invalid', which names the key; nothing is written or removed then.
 */
export interface Keyspace<Item> extends KeyspaceCalls {
  put(key: Key, value: Item, options?: PutOptions): Promise<PutResult>;
  put(key: Key, value: Item, options: ConditionalPutOptions): Promise<PutResult | NotApplied>;
  /** Writes a record if there is none; `applied` says whether it did. */
  putIfAbsent(key: Key, value: Item, options?: PutOptions): Promise<PutResult | NotApplied>;
  get(key: Key, options?: GetOptions): Promise<Typed<Item> | undefined>;
  /** Removes a record and returns what it was; undefined: there was none. Nobody else gets the same record. */
  getAndDelete(key: Key, options?: WriteOptions): Promise<Typed<Item> | undefined>;
  mput(entries: Iterable<TypedEntry<Item>>, options?: WriteOptions): Promise<PutResult[]>;
  mget(keys: Iterable<Key>, options?: GetOptions): Promise<(Typed<Item> | undefined)[]>;
  scan(options?: ScanOptions): RecordStream<Typed<Item>>;
  search(query: SearchQuery, options?: SearchOptions): RecordStream<Typed<Item>>;
  /** Changes, over all shards, of each key in order. Ends when the loop is left or the signal fires. */
  watch(options?: WatchOptions): AsyncIterable<TypedEvent<Item>>;
}

/** A record whose value was decoded. */
export interface Typed<Item> extends RecordHead {
  readonly value: Item;
}

/** One record of a typed `mput`. */
export interface TypedEntry<Item> extends EntryHead {
  readonly value: Item;
}

/** A change whose value was decoded. */
export type TypedEvent<Item> = RecordEvent<Item> | Exclude<WatchEvent, RecordEvent<Uint8Array>>;

/** The calls of a keyspace whose values are bytes. What `client` itself has, for the keyspace that it was given. */
export interface ByteKeyspace extends KeyspaceCalls {
  /** Writes a record. */
  put(key: Key, value: Value, options?: PutOptions): Promise<PutResult>;
  /** Writes a record if the condition holds; `applied` says whether it did. */
  put(key: Key, value: Value, options: ConditionalPutOptions): Promise<PutResult | NotApplied>;
  /** Writes a record if there is none; `applied` says whether it did. */
  putIfAbsent(key: Key, value: Value, options?: PutOptions): Promise<PutResult | NotApplied>;

  /** Reads a record; undefined when there is none. */
  get(key: Key, options?: GetOptions): Promise<GetResult | undefined>;
  /** Removes a record and returns what it was; undefined: there was none. Nobody else gets the same record. */
  getAndDelete(key: Key, options?: WriteOptions): Promise<GetResult | undefined>;

  /**
   * Writes several records, each on its own: this is no transaction. Results are in the order of the entries. Nothing
   * is sent when one of them is invalid. When some fail, the call rejects after all have settled, with the first
   * error; its message says how many were done.
   */
  mput(entries: Iterable<PutEntry>, options?: WriteOptions): Promise<PutResult[]>;

  /** Reads several records, each on its own. Results are in the order of the keys. Rejects as `mput` does. */
  mget(keys: Iterable<Key>, options?: GetOptions): Promise<(GetResult | undefined)[]>;

  /**
   * Writes several records; those of one shard together or not at all. Says of each shard how its part ended and
   * rejects only for what is wrong with the batch itself. At most 1024 writes and 1 MiB a shard, none of a key twice.
   */
  batch(writes: Iterable<BatchWrite>, options?: WriteOptions): Promise<BatchResult>;

  /** Records in the order of their keys' bytes, over all shards. */
  scan(options?: ScanOptions): RecordStream<GetResult>;

  /**
   * Records whose metadata meets all conditions, found by index: ordered by the first field whose condition is not an
   * equality, then by key.
   */
  search(query: SearchQuery, options?: SearchOptions): RecordStream<GetResult>;

  /** Changes, over all shards, of each key in order. Ends when the loop is left or the signal fires. */
  watch(options?: WatchOptions): AsyncIterable<WatchEvent>;
}
