import type { ClusterDescription, KeyspaceSettings, Topology } from '@edis/core';
import type { ByteKeyspace, Keyspace } from './keyspace.ts';
import type { CallOptions, PromoteOptions } from './options.ts';
import type { ClusterStats, KeyspaceDescription, NodeStatsReply, PromoteResult } from './results.ts';
import type { BytesKeyspaceOptions, KeyspaceOptions, TextKeyspaceOptions } from './value-codec.ts';

/**
 * A connection to a cluster, made by `connect`. All calls may run at the same time; those of one event-loop turn travel
 * together. Every call rejects with an `EdisError` and with nothing else. The data calls are those of the keyspace that
 * `connect` was given, `default` if none.
 */
export interface Client extends ByteKeyspace, KeyspaceSource, AsyncDisposable {
  /** Session token of all that this client has seen. Opaque; a read `after` it, by any client, sees as much. */
  readonly token: string;

  /**
   * A view of this client with a session of its own: its reads wait for what the session has seen, and not for what
   * others saw by this client. With a token of an earlier session, maybe of another process, it goes on from there.
   * Throws 'invalid-argument' for any other text.
   */
  session(token?: string): Session;

  /** Creates a keyspace; the same again is no error. Resolves when this client can use it. */
  createKeyspace(
    name: string,
    settings?: Partial<KeyspaceSettings>,
    options?: CallOptions,
  ): Promise<KeyspaceDescription>;
  /** Removes a keyspace with all its records. False: there is none. */
  dropKeyspace(name: string, options?: CallOptions): Promise<boolean>;
  /** All keyspaces, with what they hold. */
  keyspaces(options?: CallOptions): Promise<KeyspaceDescription[]>;
  /** One of them; rejects with 'no-such-keyspace' when there is none of that name. */
  describeKeyspace(name: string, options?: CallOptions): Promise<KeyspaceDescription>;

  /** The newest map that this client has, its shards in the order of their numbers. */
  topology(): Topology;

  /** The topology with what the nodes reported last, from info. */
  describe(options?: CallOptions): Promise<ClusterDescription>;

  /** Figures of every member of every shard; a member that does not answer appears with its error. */
  stats(options?: CallOptions): Promise<NodeStatsReply[]>;
  /** The same, and of every shard as a whole. */
  clusterStats(options?: CallOptions): Promise<ClusterStats>;

  /**
   * Gives a shard another primary: hands over without losing or refusing a write. Resolves when this client's map shows
   * it. With `unsafe`, a shard that waits for lost members takes what there is.
   */
  promote(shard: string, options?: PromoteOptions): Promise<PromoteResult>;

  /** Ends everything; calls that have not settled reject with 'closed'. May be called again. */
  close(): Promise<void>;
}

/** The data calls under one session. */
export interface Session extends ByteKeyspace, KeyspaceSource {
  /** What this session has seen, for another process. */
  readonly token: string;
}

/** What gives views of keyspaces. Asks nobody: a keyspace need not exist before the first call. */
export interface KeyspaceSource {
  /** Another keyspace over the same connections; values are bytes. */
  keyspace(name: string): ByteKeyspace;
  /** A keyspace of texts. */
  keyspace<Item extends string = string>(name: string, options: TextKeyspaceOptions<Item>): Keyspace<Item>;
  /** A keyspace of bytes that a schema checks. */
  keyspace(name: string, options: BytesKeyspaceOptions): Keyspace<Uint8Array>;
  /** A keyspace of JSON values, or of what the application's own codec makes. */
  keyspace<Item>(name: string, options: KeyspaceOptions<Item>): Keyspace<Item>;
}
