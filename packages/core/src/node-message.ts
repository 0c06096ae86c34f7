import type { Position } from './operation.ts';
import type { ClusterId, Endpoint, Keyspace, ShardId, StoreId, Topology, TopologyUpdate } from './topology.ts';

/** What nodes and info say to each other: proto/edis/v1/info.proto has the contract of each. */

export type NodeRole = 'write-shard' | 'read-shard';

export interface Registration {
  readonly node: string;
  readonly role: NodeRole;
  readonly store: StoreId;
  /** Empty: a new data directory. */
  readonly cluster: ClusterId;
  /** Empty: info assigns. */
  readonly shard: ShardId;
  readonly endpoints: readonly Endpoint[];
  readonly lastEntry: Position;
  readonly seenEpoch: number;
  readonly host: string;
  readonly pid: number;
  /** Random at each start of the process; 0: unknown. */
  readonly incarnation: number;
}

export interface NodeReport {
  readonly lastEntry: Position;
  readonly applied: Position;
  readonly lagEntries: number;
  readonly lagMs: number;
  readonly serving: boolean;
  readonly recordCount: number;
  readonly operationsPerSecond: number;
}

export type NodeMessage =
  | { readonly kind: 'register'; readonly registration: Registration }
  | { readonly kind: 'report'; readonly report: NodeReport }
  | { readonly kind: 'leave' };

/** Who may do what in a shard; `quorum` is floor(n/2)+1 of the members. */
export interface Configuration {
  readonly shard: ShardId;
  readonly epoch: number;
  readonly primary: StoreId;
  readonly members: readonly StoreId[];
  readonly quorum: number;
  readonly configuredSize: number;
  readonly primaryEndpoints: readonly Endpoint[];
}

export type RefusalCause = 'other-cluster' | 'other-shard' | 'shard-taken' | 'no-such-shard' | 'invalid' | 'name-taken';

export type InfoMessage =
  | {
      readonly kind: 'registered';
      readonly cluster: ClusterId;
      readonly shard: ShardId;
      readonly reportMs: number;
      readonly deadAfterMs: number;
    }
  | { readonly kind: 'refused'; readonly cause: RefusalCause; readonly message: string }
  | { readonly kind: 'topology'; readonly update: TopologyUpdate }
  | { readonly kind: 'configuration'; readonly configuration: Configuration };

export interface ClusterDescription {
  readonly topology: Topology;
  /** By store id. */
  readonly reports: ReadonlyMap<StoreId, NodeReport>;
  /** Why not all keys are served yet; empty: they are. */
  readonly waitsFor: readonly string[];
}

export type KeyspaceRefusalCause = 'invalid' | 'exists' | 'no-such-keyspace' | 'too-many';

/** What info answers to the creation or the end of a keyspace. `revision`: of the first topology that shows it. */
export type KeyspaceReply =
  | { readonly kind: 'created'; readonly keyspace: Keyspace; readonly revision: number }
  | { readonly kind: 'dropped'; readonly revision: number }
  | { readonly kind: 'refused'; readonly cause: KeyspaceRefusalCause; readonly message: string };
