import type { KeyspaceSettings } from './keyspace-settings.ts';

export type ShardId = string;
export type StoreId = string;
export type ClusterId = string;

export type MemberRole = 'primary' | 'replica' | 'learner';

export interface Endpoint {
  /** Empty: the only network. */
  readonly network: string;
  /** host:port */
  readonly address: string;
}

export interface Member {
  readonly node: string;
  readonly store: StoreId;
  readonly role: MemberRole;
  /** False when info believes that the node is dead: a hint. */
  readonly alive: boolean;
  readonly endpoints: readonly Endpoint[];
  /** Identity of the machine; empty: unknown. */
  readonly host: string;
  /** 0: unknown. */
  readonly pid: number;
}

export interface Shard {
  readonly shard: ShardId;
  readonly epoch: number;
  readonly primary: StoreId;
  readonly configuredSize: number;
  readonly members: readonly Member[];
  /** Stores that count for quorum, leases and promises; a member that is not among them only follows. */
  readonly voters: readonly StoreId[];
}

/** Consecutive slots of one shard, both ends inclusive. */
export interface SlotRange {
  readonly from: number;
  readonly to: number;
  readonly shard: ShardId;
}

export interface Keyspace {
  readonly id: number;
  readonly name: string;
  readonly strategy: 'hash';
  readonly settings: KeyspaceSettings;
  /** Ordered, disjoint; covers every slot once the cluster is formed, empty before. */
  readonly slots: readonly SlotRange[];
}

export interface InfoNode {
  readonly node: string;
  readonly endpoints: readonly Endpoint[];
  readonly host: string;
  readonly pid: number;
}

/** The whole map of a cluster. Immutable: a change makes a new one. */
export interface Topology {
  readonly cluster: ClusterId;
  readonly revision: number;
  readonly formed: boolean;
  readonly initialShards: number;
  readonly infos: readonly InfoNode[];
  readonly keyspaces: readonly Keyspace[];
  readonly shards: readonly Shard[];
}

export interface TopologyDelta {
  readonly cluster: ClusterId;
  readonly fromRevision: number;
  readonly revision: number;
  readonly formed: boolean;
  /** Empty: unchanged. */
  readonly infos: readonly InfoNode[];
  readonly keyspaces: readonly Keyspace[];
  readonly shards: readonly Shard[];
  readonly removedShards: readonly ShardId[];
  readonly removedKeyspaces: readonly number[];
}

export type TopologyUpdate =
  | { readonly kind: 'whole'; readonly topology: Topology }
  | { readonly kind: 'delta'; readonly delta: TopologyDelta };
