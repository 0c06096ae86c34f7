import type {
  AggregateQuery,
  AggregateResult,
  AppendResult,
  BatchPart,
  BatchResult,
  BatchWrite,
  BytesKeyspaceOptions,
  Client,
  ClusterStats,
  ConditionalDeleteOptions,
  ConditionalPutOptions,
  DeleteResult,
  Distribution,
  ExpireResult,
  GetOptions,
  GetResult,
  IncrementResult,
  Key,
  KeyRange,
  Keyspace,
  KeyspaceDescription,
  KeyspaceOptions,
  Location,
  NodeStatsReply,
  NotApplied,
  PromoteOptions,
  PromoteResult,
  PutEntry,
  PutResult,
  ScanOptions,
  SearchOptions,
  SearchQuery,
  Session,
  TextKeyspaceOptions,
  Value,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from '@edis/client';
import { shardStatsOf } from '@edis/client';
import type { Ack, ClusterDescription, KeyspaceSettings, Metadata, Topology } from '@edis/core';
import { defaultKeyspaceSettings, EdisError } from '@edis/core';
import type { StreamFailure } from './fake-stream.ts';
import { FakeStream } from './fake-stream.ts';
import { sampleDistribution, sampleTopology } from './sample-cluster.ts';

interface FakeRecord {
  readonly value: Uint8Array;
  readonly metadata: Metadata;
  readonly version: number;
  readonly expiresAtMs: number | undefined;
}

const place = { shard: 's1', token: 'token-1' };
const servedBy = { node: 'read-shard-1-1', role: 'learner', shard: 's1' } as const;

/** Deadlines are counted from here, so that tests can tell them. */
export const fakeNowMs = 1_790_000_000_000;

/** A cluster of one shard in memory. It records how it was called. */
export class FakeClient implements Client {
  readonly name = 'default';
  readonly token = 'client-token';
  readonly records = new Map<string, FakeRecord>();
  readonly calls: unknown[][] = [];
  statsReplies: NodeStatsReply[] = [];
  /** What `locate` finds in a key. */
  hashTag: string | undefined;
  /** What `watch` gives; `endless`: it then waits for the signal. */
  events: WatchEvent[] = [];
  endless = false;
  /** What `aggregate` answers. */
  groups: AggregateResult['groups'] = [];
  keyspaceList: KeyspaceDescription[] = [describeKeyspace('default', 1, {})];
  /** Where keys live; a batch fails at the shards that are named here. */
  shardOf: (key: Key) => string = () => 's1';
  readonly batchFailures = new Map<string, { readonly status: 'failed' | 'unknown'; readonly error: EdisError }>();
  scanFailure: StreamFailure | undefined;
  /** Whether a write of that key is acknowledged and not kept. */
  forgets: (key: Key) => boolean = () => false;
  /** Acknowledgements that are refused: the cluster is too small for them. */
  refusedAck: Ack | undefined;
  /** How every put ends. */
  putFailure: EdisError | undefined;
  /** How puts of some keys end. */
  readonly keyFailures = new Map<Key, EdisError>();
  /** What `keyspace` gave. */
  readonly keyspaceClients = new Map<string, FakeClient>();
  /** Every call rejects with it. */
  failure: EdisError | undefined;
  closed = false;
  #version = 100;

  async put(key: Key, value: Value, options?: ConditionalPutOptions): Promise<PutResult>;
  async put(key: Key, value: Value, options: ConditionalPutOptions = {}): Promise<PutResult | NotApplied> {
    this.#called('put', key, value, options);
    const failure = this.putFailure ?? this.keyFailures.get(key);
    if (failure !== undefined) throw failure;
    if (this.refusedAck !== undefined && options.ack === this.refusedAck) {
      throw new EdisError('no-quorum', 'the shard has too few members');
    }
    const found = this.records.get(String(key));
    const unmet =
      (options.ifAbsent === true && found !== undefined) ||
      (options.ifVersion !== undefined && found?.version !== options.ifVersion);
    if (unmet) return { applied: false, key, version: found?.version, ...place };
    const { metadata = {}, ttlMs = 'never' } = options;
    const expiresAtMs = ttlMs === 'never' ? options.expiresAtMs : fakeNowMs + ttlMs;
    return {
      applied: true,
      key,
      version: this.#store(key, { value: Buffer.from(value), metadata, expiresAtMs }),
      ...place,
      shard: this.shardOf(key),
    };
  }

  putIfAbsent(key: Key, value: Value): Promise<PutResult | NotApplied> {
    return this.put(key, value, { ifAbsent: true });
  }

  async get(key: Key, options?: GetOptions): Promise<GetResult | undefined> {
    this.#called('get', key, options);
    this.#tell(options, [key]);
    const record = this.records.get(String(key));
    return record === undefined ? undefined : { key, ...record, ...place, servedBy, stalenessMs: 12 };
  }

  async getAndDelete(key: Key, options?: WriteOptions): Promise<GetResult | undefined> {
    this.#called('getAndDelete', key, options);
    const found = await this.get(key);
    this.records.delete(String(key));
    return found;
  }

  async delete(key: Key, options?: ConditionalDeleteOptions): Promise<DeleteResult>;
  async delete(key: Key, options: ConditionalDeleteOptions = {}): Promise<DeleteResult | NotApplied> {
    this.#called('delete', key, options);
    const found = this.records.get(String(key));
    if (options.ifVersion !== undefined && found?.version !== options.ifVersion) {
      return { applied: false, key, version: found?.version, ...place };
    }
    const existed = this.records.delete(String(key));
    if (existed) this.#version += 1;
    return { applied: true, key, existed, version: existed ? this.#version : 0, ...place };
  }

  async exists(key: Key, options?: GetOptions): Promise<boolean> {
    this.#called('exists', key, options);
    this.#tell(options, [key]);
    return this.records.has(String(key));
  }

  async mput(entries: Iterable<PutEntry>, options?: WriteOptions): Promise<PutResult[]> {
    const list = [...entries];
    this.#called('mput', list.length, options);
    const results: PutResult[] = [];
    for (const { key, value, metadata, ttlMs, expiresAtMs } of list) {
      results.push(await this.put(key, value, { metadata, ttlMs, expiresAtMs }));
    }
    return results;
  }

  async mget(keys: Iterable<Key>, options?: GetOptions): Promise<(GetResult | undefined)[]> {
    return Promise.all([...keys].map((key) => this.get(key, options)));
  }

  async increment(key: Key, by: number | bigint = 1, options?: WriteOptions): Promise<IncrementResult> {
    this.#called('increment', key, by, options);
    const found = this.records.get(String(key));
    const value = BigInt(found === undefined ? '0' : Buffer.from(found.value).toString()) + BigInt(by);
    const version = this.#store(key, { ...this.#kept(key), value: Buffer.from(String(value)) });
    return { applied: true, key, value, version, ...place };
  }

  async append(key: Key, value: Value, options?: WriteOptions): Promise<AppendResult> {
    this.#called('append', key, value, options);
    const whole = Buffer.concat([this.records.get(String(key))?.value ?? Buffer.alloc(0), Buffer.from(value)]);
    const version = this.#store(key, { ...this.#kept(key), value: whole });
    return { applied: true, key, length: whole.length, version, ...place };
  }

  async expire(key: Key, ttlMs: number, options?: WriteOptions): Promise<ExpireResult | undefined> {
    this.#called('expire', key, ttlMs, options);
    return this.#setDeadline(key, fakeNowMs + ttlMs);
  }

  async persist(key: Key, options?: WriteOptions): Promise<ExpireResult | undefined> {
    this.#called('persist', key, options);
    return this.#setDeadline(key, undefined);
  }

  async ttl(key: Key, options?: GetOptions): Promise<number | 'never' | undefined> {
    this.#called('ttl', key, options);
    this.#tell(options, [key]);
    const found = this.records.get(String(key));
    if (found === undefined) return undefined;
    return found.expiresAtMs === undefined ? 'never' : found.expiresAtMs - fakeNowMs;
  }

  async batch(writes: Iterable<BatchWrite>, options?: WriteOptions): Promise<BatchResult> {
    const list = [...writes];
    this.#called('batch', list, options);
    const indexesOf = new Map<string, number[]>();
    for (const [index, { key }] of list.entries()) {
      const shard = this.shardOf(key);
      indexesOf.set(shard, [...(indexesOf.get(shard) ?? []), index]);
    }
    const parts: BatchPart[] = [];
    for (const [shard, indexes] of indexesOf) {
      const fault = this.batchFailures.get(shard);
      if (fault !== undefined) parts.push({ shard, indexes, ...fault });
      else
        parts.push({
          shard,
          status: 'done',
          indexes,
          results: await this.#putAll(indexes.map((index) => list[index])),
        });
    }
    return { applied: parts.every(({ status }) => status === 'done'), parts };
  }

  scan(options: ScanOptions = {}): FakeStream<GetResult> {
    this.#called('scan', options);
    return new FakeStream(this.#inOrder(options), options, this.scanFailure);
  }

  keys(options: ScanOptions = {}): FakeStream<Key> {
    this.#called('keys', options);
    const keys = this.#inOrder(options).map(({ key }) => key);
    this.#tell(options, keys);
    return new FakeStream(keys, options);
  }

  async count(range: KeyRange & GetOptions = {}): Promise<number> {
    this.#called('count', range);
    this.#tell(range, undefined);
    return this.#inOrder(range).length;
  }

  /** Finds by equality alone. */
  search(query: SearchQuery, options: SearchOptions = {}): FakeStream<GetResult> {
    this.#called('search', query, options);
    const matches = ({ metadata }: GetResult) =>
      Object.entries(query).every(
        ([field, wanted]) =>
          typeof wanted !== 'string' &&
          (!('equals' in wanted) || metadata[field] === wanted.equals) &&
          field in metadata,
      );
    return new FakeStream(this.#inOrder({}).filter(matches), options, this.scanFailure);
  }

  async aggregate(query: AggregateQuery, options?: GetOptions): Promise<AggregateResult> {
    this.#called('aggregate', query, options);
    return { groups: this.groups, servedBy: [{ node: 'read-shard-1-1', shard: 's1' }], stalenessMs: 3 };
  }

  async *watch(options: WatchOptions = {}): AsyncGenerator<WatchEvent> {
    const { signal, ...rest } = options;
    this.#called('watch', rest);
    yield* this.events;
    if (!this.endless || signal === undefined) return;
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
      if (signal.aborted) resolve();
    });
  }

  async distribution(): Promise<Distribution> {
    this.#called('distribution');
    return sampleDistribution;
  }

  async createKeyspace(name: string, settings: Partial<KeyspaceSettings> = {}): Promise<KeyspaceDescription> {
    this.#called('createKeyspace', name, settings);
    const created = describeKeyspace(name, this.keyspaceList.length + 1, settings);
    this.keyspaceList.push(created);
    return created;
  }

  async dropKeyspace(name: string): Promise<boolean> {
    this.#called('dropKeyspace', name);
    const before = this.keyspaceList.length;
    this.keyspaceList = this.keyspaceList.filter((keyspace) => keyspace.name !== name);
    return this.keyspaceList.length < before;
  }

  async keyspaces(): Promise<KeyspaceDescription[]> {
    this.#called('keyspaces');
    return this.keyspaceList;
  }

  async describeKeyspace(name: string): Promise<KeyspaceDescription> {
    this.#called('describeKeyspace', name);
    const found = this.keyspaceList.find((keyspace) => keyspace.name === name);
    if (found === undefined) throw new EdisError('no-such-keyspace', `there is no keyspace ${name}`);
    return found;
  }

  keyspace(name: string): FakeClient;
  keyspace<Item extends string>(name: string, options: TextKeyspaceOptions<Item>): Keyspace<Item>;
  keyspace(name: string, options: BytesKeyspaceOptions): Keyspace<Uint8Array>;
  keyspace<Item>(name: string, options: KeyspaceOptions<Item>): Keyspace<Item>;
  keyspace(name: string, options?: unknown): unknown {
    if (options !== undefined) throw new EdisError('internal', 'no command uses typed keyspaces');
    const found = this.keyspaceClients.get(name) ?? new FakeClient();
    found.forgets = this.forgets;
    found.refusedAck = this.refusedAck;
    found.putFailure = this.putFailure;
    this.keyspaceClients.set(name, found);
    return found;
  }

  session(): Session {
    return this;
  }

  topology(): Topology {
    return sampleTopology;
  }

  locate(key: Key): Location {
    this.#called('locate', key);
    const primary = {
      node: 'write-shard-1',
      role: 'primary',
      alive: true,
      voting: true,
      address: 'localhost:7410',
    } as const;
    const replica = {
      node: 'read-shard-1-1',
      role: 'replica',
      alive: true,
      voting: false,
      address: 'localhost:7411',
    } as const;
    return {
      key,
      keyspace: 'default',
      strategy: 'hash',
      hashTag: this.hashTag,
      slot: 99,
      shard: 's1',
      epoch: 3,
      members: [
        { ...primary, reads: false, readCause: 'replicas-first' },
        { ...replica, reads: true, readCause: 'replica' },
      ],
      readers: [replica.node],
      writer: primary.node,
      successors: [],
    };
  }

  async describe(): Promise<ClusterDescription> {
    this.#called('describe');
    const lastEntry = { epoch: 3, position: 42 };
    const common = { lastEntry, serving: true, recordCount: 5, operationsPerSecond: 6 };
    return {
      topology: sampleTopology,
      waitsFor: ['one more write shard'],
      reports: new Map([
        ['store-1', { ...common, applied: lastEntry, lagEntries: 0, lagMs: 0 }],
        ['store-2', { ...common, applied: { epoch: 3, position: 40 }, lagEntries: 2, lagMs: 30 }],
      ]),
    };
  }

  async stats(): Promise<NodeStatsReply[]> {
    this.#called('stats');
    return this.statsReplies;
  }

  async clusterStats(): Promise<ClusterStats> {
    const nodes = await this.stats();
    return { shards: shardStatsOf(nodes), nodes };
  }

  async promote(shard: string, options: PromoteOptions = {}): Promise<PromoteResult> {
    this.#called('promote', shard, options);
    const primary = options.node ?? 'read-shard-1-1';
    return { shard, primary, formerPrimary: 'write-shard-1', epoch: 4, tookMs: 83.4 };
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #putAll(writes: readonly (BatchWrite | undefined)[]): Promise<PutResult[]> {
    const results: PutResult[] = [];
    for (const write of writes) {
      if (write?.kind !== 'put') throw new EdisError('internal', 'this fake knows only puts in a batch');
      const { key, value, metadata, ttlMs } = write;
      results.push(await this.put(key, value, { metadata, ttlMs }));
    }
    return results;
  }

  #inOrder({ prefix = '', from = '', to }: KeyRange): GetResult[] {
    return [...this.records.entries()]
      .filter(
        ([key]) => key.startsWith(String(prefix)) && key >= String(from) && (to === undefined || key < String(to)),
      )
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, record]) => ({ key, ...record, ...place, servedBy, stalenessMs: 12 }));
  }

  #kept(key: Key): Pick<FakeRecord, 'metadata' | 'expiresAtMs'> {
    const { metadata = {}, expiresAtMs } = this.records.get(String(key)) ?? {};
    return { metadata, expiresAtMs };
  }

  #setDeadline(key: Key, expiresAtMs: number | undefined): ExpireResult | undefined {
    const found = this.records.get(String(key));
    if (found === undefined) return undefined;
    return { applied: true, key, expiresAtMs, version: this.#store(key, { ...found, expiresAtMs }), ...place };
  }

  #store(key: Key, record: Omit<FakeRecord, 'version'>): number {
    this.#version += 1;
    if (!this.forgets(key)) this.records.set(String(key), { ...record, version: this.#version });
    return this.#version;
  }

  #tell(options: GetOptions | undefined, keys: readonly Key[] | undefined): void {
    options?.onReply?.({ keys, ...place, servedBy, stalenessMs: 12 });
  }

  #called(...call: unknown[]): void {
    this.calls.push(call);
    if (this.failure !== undefined) throw this.failure;
  }
}

function describeKeyspace(name: string, id: number, settings: Partial<KeyspaceSettings>): KeyspaceDescription {
  return {
    name,
    id,
    strategy: 'hash',
    settings: { ...defaultKeyspaceSettings, ...settings },
    records: 3,
    bytes: 60,
  };
}

export function brokenClient(error: EdisError): FakeClient {
  const client = new FakeClient();
  client.failure = error;
  return client;
}
