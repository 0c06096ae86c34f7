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
  /** The highest epoch that its store promised. 0: none. */
  readonly promisedEpoch: number;
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

/** What a member says to a `Prepare`. */
export interface PromiseAnswer {
  /** `declined`: it leads and holds its lease. `outdated`: the asked epoch is below what it promised or knows. */
  readonly kind: 'promised' | 'declined' | 'outdated';
  readonly promisedEpoch: number;
  readonly lastEntry: Position;
  /** This process has been up since it granted a lease to the primary of the configuration that it knows. */
  readonly witness: boolean;
}

/** A primary asks for one store more or less among the members. */
export interface MembershipProposal {
  /** Of the configuration that it would change. */
  readonly epoch: number;
  readonly change: 'add' | 'remove';
  readonly store: StoreId;
}

export type NodeMessage =
  | { readonly kind: 'register'; readonly registration: Registration }
  | { readonly kind: 'report'; readonly report: NodeReport }
  | { readonly kind: 'promise'; readonly answer: PromiseAnswer }
  | { readonly kind: 'propose'; readonly proposal: MembershipProposal }
  /** The primary takes no writes any more and all that it has is on `to`: it may be replaced by that store. */
  | { readonly kind: 'handed-over'; readonly epoch: number; readonly to: StoreId }
  /** It is about to end and would rather not be the primary then. */
  | { readonly kind: 'retire' }
  | { readonly kind: 'leave' };

/** Info asks for the promise of an epoch. */
export interface Prepare {
  /** 0: what was asked for before is no longer wanted. */
  readonly epoch: number;
  /** Who is to be the primary, when that is settled: a lease does not bind against its own holder. Empty: the best. */
  readonly preferred: StoreId;
  /** A primary that acts no more, whose lease therefore binds nobody. Empty: none. */
  readonly releasedBy: StoreId;
}

/** Who may do what in a shard; `quorum` is floor(n/2)+1 of the members. */
export interface Configuration {
  readonly shard: ShardId;
  /** Rises at each change of the primary or of the members. */
  readonly epoch: number;
  /** Epoch in which the primary was promoted, which its log entries carry. */
  readonly primarySince: number;
  readonly primary: StoreId;
  readonly members: readonly StoreId[];
  readonly quorum: number;
  readonly configuredSize: number;
  readonly primaryEndpoints: readonly Endpoint[];
  /** How long a granted lease lasts. */
  readonly leaseMs: number;
}

export type RefusalCause =
  | 'other-cluster'
  | 'other-shard'
  | 'shard-taken'
  | 'no-such-shard'
  | 'invalid'
  | 'name-taken'
  | 'waits-for-operator';

export type InfoMessage =
  | {
      readonly kind: 'registered';
      readonly cluster: ClusterId;
      readonly shard: ShardId;
      readonly reportMs: number;
      readonly deadAfterMs: number;
      /** Rises with each info that becomes the active one. 0: there is one alone. */
      readonly fencing: number;
    }
  | { readonly kind: 'refused'; readonly cause: RefusalCause; readonly message: string }
  | { readonly kind: 'topology'; readonly update: TopologyUpdate }
  | { readonly kind: 'configuration'; readonly configuration: Configuration }
  | { readonly kind: 'prepare'; readonly prepare: Prepare }
  /** To the primary: bring that store level, stop taking writes, and say `handed-over`. */
  | { readonly kind: 'hand-over'; readonly epoch: number; readonly to: StoreId }
  /** The outcome of a proposal that changed nothing. */
  | { readonly kind: 'proposal-refused'; readonly epoch: number };

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

export type PromoteRefusalCause =
  | 'no-such-shard'
  | 'no-such-node'
  | 'not-a-member'
  | 'not-alive'
  | 'is-primary'
  | 'primary-well';

/** What info answers to the wish for another primary. `accepted`: it is under way; the topology will show it. */
export type PromoteReply =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; readonly cause: PromoteRefusalCause; readonly message: string };
