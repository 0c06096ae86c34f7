import type { ClusterDescription, Topology } from '@edis/core';
import type {
  CallOptions,
  ConditionalDeleteOptions,
  ConditionalPutOptions,
  DeleteOptions,
  GetOptions,
  Key,
  PutEntry,
  PutOptions,
  Value,
  WriteOptions,
} from './options.ts';
import type { DeleteResult, GetResult, Location, NodeStatsReply, NotApplied, PutResult } from './results.ts';

/**
 * A connection to a cluster, made by `connect`. All calls may run at the same time; those of one event-loop turn travel
 * together. Every call rejects with an `EdisError` and with nothing else.
 */
export interface Client extends AsyncDisposable {
  /** Session token of all that this client has seen. Opaque; a read `after` it, by any client, sees as much. */
  readonly token: string;

  /** Writes a record. */
  put(key: Key, value: Value, options?: PutOptions): Promise<PutResult>;
  /** Writes a record if the condition holds; `applied` says whether it did. */
  put(key: Key, value: Value, options: ConditionalPutOptions): Promise<PutResult | NotApplied>;

  /** Reads a record; undefined when there is none. */
  get(key: Key, options?: GetOptions): Promise<GetResult | undefined>;

  /** Removes a record. */
  delete(key: Key, options?: DeleteOptions): Promise<DeleteResult>;
  /** Removes a record if the condition holds; `applied` says whether it did. */
  delete(key: Key, options: ConditionalDeleteOptions): Promise<DeleteResult | NotApplied>;

  /** Whether there is a record. */
  exists(key: Key, options?: GetOptions): Promise<boolean>;

  /**
   * Writes several records, each on its own: this is no transaction. Results are in the order of the entries. Nothing
   * is sent when one of them is invalid. When some fail, the call rejects after all have settled, with the first
   * error; its message says how many were done.
   */
  mput(entries: Iterable<PutEntry>, options?: WriteOptions): Promise<PutResult[]>;

  /** Reads several records, each on its own. Results are in the order of the keys. Rejects as `mput` does. */
  mget(keys: Iterable<Key>, options?: GetOptions): Promise<(GetResult | undefined)[]>;

  /** The newest map that this client has. */
  topology(): Topology;

  /** Where a key lives. Throws 'not-formed' while nobody owns it. */
  locate(key: Key): Location;

  /** The topology with what the nodes reported last, from info. */
  describe(options?: CallOptions): Promise<ClusterDescription>;

  /** Figures of every member of every shard; a member that does not answer appears with its error. */
  stats(options?: CallOptions): Promise<NodeStatsReply[]>;

  /** Ends everything; calls that have not settled reject with 'closed'. May be called again. */
  close(): Promise<void>;
}
