import type {
  Client,
  ConditionalDeleteOptions,
  ConditionalPutOptions,
  DeleteResult,
  GetOptions,
  GetResult,
  Key,
  Location,
  NodeStatsReply,
  NotApplied,
  PutEntry,
  PutResult,
  Value,
  WriteOptions,
} from '@edis/client';
import type { ClusterDescription, EdisError, Metadata, Topology } from '@edis/core';

interface FakeRecord {
  readonly value: Uint8Array;
  readonly metadata: Metadata;
  readonly version: number;
}

const place = { shard: 's1', token: 'token-1' };

const sampleTopology: Topology = {
  cluster: 'c1',
  revision: 7,
  formed: true,
  initialShards: 1,
  infos: [{ node: 'info', endpoints: [{ network: '', address: 'localhost:7400' }], host: 'here', pid: 10 }],
  keyspaces: [{ id: 1, name: 'default', strategy: 'hash', slots: [{ from: 0, to: 16_383, shard: 's1' }] }],
  shards: [
    {
      shard: 's1',
      epoch: 3,
      primary: 'store-1',
      configuredSize: 1,
      members: [
        {
          node: 'write-shard-1',
          store: 'store-1',
          role: 'primary',
          alive: true,
          endpoints: [{ network: '', address: 'localhost:7410' }],
          host: 'here',
          pid: 11,
        },
        {
          node: 'read-shard-1-1',
          store: 'store-2',
          role: 'learner',
          alive: true,
          endpoints: [
            { network: 'internal', address: 'read-shard-1:7410' },
            { network: 'host', address: 'localhost:7411' },
          ],
          host: 'elsewhere',
          pid: 12,
        },
      ],
    },
  ],
};

/** A cluster of one shard in memory. It records how it was called. */
export class FakeClient implements Client {
  readonly token = 'client-token';
  readonly records = new Map<string, FakeRecord>();
  readonly calls: unknown[][] = [];
  statsReplies: NodeStatsReply[] = [];
  /** Every call rejects with it. */
  failure: EdisError | undefined;
  closed = false;
  #version = 100;

  async put(key: Key, value: Value, options?: ConditionalPutOptions): Promise<PutResult>;
  async put(key: Key, value: Value, options: ConditionalPutOptions = {}): Promise<PutResult | NotApplied> {
    this.#called('put', key, value, options);
    const found = this.records.get(String(key));
    const unmet =
      (options.ifAbsent === true && found !== undefined) ||
      (options.ifVersion !== undefined && found?.version !== options.ifVersion);
    if (unmet) return { applied: false, key, version: found?.version, ...place };
    this.#version += 1;
    const metadata = options.metadata ?? {};
    this.records.set(String(key), { value: Buffer.from(value), metadata, version: this.#version });
    return { applied: true, key, version: this.#version, ...place };
  }

  async get(key: Key, options?: GetOptions): Promise<GetResult | undefined> {
    this.#called('get', key, options);
    const record = this.records.get(String(key));
    if (record === undefined) return undefined;
    const servedBy = { node: 'read-shard-1-1', role: 'learner', shard: 's1' } as const;
    return { key, ...record, ...place, servedBy, stalenessMs: 12 };
  }

  async delete(key: Key, options?: ConditionalDeleteOptions): Promise<DeleteResult>;
  async delete(key: Key, options: ConditionalDeleteOptions = {}): Promise<DeleteResult | NotApplied> {
    this.#called('delete', key, options);
    const found = this.records.get(String(key));
    if (options.ifVersion !== undefined && found?.version !== options.ifVersion) {
      return { applied: false, key, version: found?.version, ...place };
    }
    const existed = this.records.delete(String(key));
    return { applied: true, key, existed, version: existed ? 200 : 0, ...place };
  }

  async exists(key: Key, options?: GetOptions): Promise<boolean> {
    this.#called('exists', key, options);
    return this.records.has(String(key));
  }

  async mput(entries: Iterable<PutEntry>, options?: WriteOptions): Promise<PutResult[]> {
    const list = [...entries];
    this.#called('mput', list.length, options);
    const results: PutResult[] = [];
    for (const { key, value, metadata } of list) results.push(await this.put(key, value, { metadata }));
    return results;
  }

  async mget(keys: Iterable<Key>, options?: GetOptions): Promise<(GetResult | undefined)[]> {
    return Promise.all([...keys].map((key) => this.get(key, options)));
  }

  topology(): Topology {
    return sampleTopology;
  }

  locate(key: Key): Location {
    this.#called('locate', key);
    const members = [
      { node: 'write-shard-1', role: 'primary', alive: true, address: 'localhost:7410' },
      { node: 'read-shard-1-1', role: 'learner', alive: true, address: 'localhost:7411' },
    ] as const;
    const where = { keyspace: 'default', strategy: 'hash', slot: 99, shard: 's1', epoch: 3 } as const;
    return { key, ...where, members, readers: ['read-shard-1-1'] };
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

  async close(): Promise<void> {
    this.closed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #called(...call: unknown[]): void {
    this.calls.push(call);
    if (this.failure !== undefined) throw this.failure;
  }
}

export function brokenClient(error: EdisError): FakeClient {
  const client = new FakeClient();
  client.failure = error;
  return client;
}
