import { invariant } from './error.ts';
import { defaultKeyspaceSettings, keyspaceNameFault, keyspaceSettingsFault } from './keyspace-settings.ts';
import { defaultKeyspaceId, defaultKeyspaceName, slotCount } from './limits.ts';
import { maxMembers } from './membership-plan.ts';
import type { Configuration } from './node-message.ts';
import { planFormation } from './planner.ts';
import { quorumOf } from './quorum.ts';
import type { ClusterId, Endpoint, InfoNode, Member, Shard, ShardId, StoreId, Topology } from './topology.ts';
import { checkTopology } from './topology-change.ts';

/** Which process of a store registered last; 0: unknown. */
export interface StoreIncarnation {
  readonly store: StoreId;
  readonly incarnation: number;
}

/** Who may do what in a shard: info's durable record, one per shard. */
export interface ShardRecord {
  readonly shard: ShardId;
  /** Rises at each change of the primary or of the members. */
  readonly epoch: number;
  /** Epoch in which the primary was promoted. */
  readonly primarySince: number;
  readonly primary: StoreId;
  /** The process that was promoted: a restarted one must be promoted anew. 0: unknown. */
  readonly primaryIncarnation: number;
  /** Stores that count for quorum, leases and promises. */
  readonly members: readonly StoreId[];
  readonly quorum: number;
  /** 1 + the highest number of replicas that ever lived at a time: below its quorum, `quorum` writes are refused. */
  readonly configuredSize: number;
  /** One for each member of the shard in the topology. */
  readonly incarnations: readonly StoreIncarnation[];
}

/** All that info must remember. Immutable: unchanged parts are shared between states. */
export interface ClusterState {
  readonly topology: Topology;
  /** One for each shard of the topology, in its order. */
  readonly records: readonly ShardRecord[];
  /** Id of the next new keyspace: logs know keyspaces by id alone, so no id is ever used again. */
  readonly nextKeyspaceId: number;
  /** Nodes that were forgotten on the operator's word, for as long as he repeats it at each start. Absent: none. */
  readonly forgotten?: readonly string[];
}

/** Where a store is. */
export interface Place {
  readonly shard: Shard;
  readonly record: ShardRecord;
  readonly member: Member;
}

export function emptyCluster(cluster: ClusterId, initialShards: number): ClusterState {
  return {
    topology: {
      cluster,
      revision: 1,
      formed: false,
      initialShards,
      infos: [],
      keyspaces: [
        {
          id: defaultKeyspaceId,
          name: defaultKeyspaceName,
          strategy: 'hash',
          settings: defaultKeyspaceSettings,
          slots: [],
        },
      ],
      shards: [],
    },
    records: [],
    nextKeyspaceId: defaultKeyspaceId + 1,
  };
}

export function placeOf(state: ClusterState, matches: (member: Member, shard: Shard) => boolean): Place | undefined {
  for (const [index, shard] of state.topology.shards.entries()) {
    const member = shard.members.find((candidate) => matches(candidate, shard));
    const record = state.records[index];
    if (member !== undefined && record !== undefined) return { shard, record, member };
  }
  return undefined;
}

export function placeOfStore(state: ClusterState, store: StoreId): Place | undefined {
  return placeOf(state, (member) => member.store === store);
}

/** The shard in which a store counts, with a place or without one. */
export function shardOfVoter(state: ClusterState, store: StoreId): Pick<Place, 'shard' | 'record'> | undefined {
  const index = state.records.findIndex((record) => record.members.includes(store));
  const shard = state.topology.shards[index];
  const record = state.records[index];
  return shard === undefined || record === undefined ? undefined : { shard, record };
}

/** 0: unknown. */
export function incarnationOf(record: ShardRecord, store: StoreId): number {
  return record.incarnations.find((entry) => entry.store === store)?.incarnation ?? 0;
}

/** The primary's process is not the one that was promoted. */
export function isPrimaryNew(record: ShardRecord): boolean {
  return incarnationOf(record, record.primary) !== record.primaryIncarnation;
}

/** Puts a shard and its record in the place of their namesakes, or at the end. */
export function withShard(state: ClusterState, shard: Shard, record: ShardRecord): ClusterState {
  const index = state.topology.shards.findIndex((candidate) => candidate.shard === shard.shard);
  const at = index < 0 ? state.topology.shards.length : index;
  if (state.topology.shards[at] === shard && state.records[at] === record) return state;
  const shards = [...state.topology.shards];
  const records = [...state.records];
  shards[at] = shard;
  records[at] = record;
  return {
    ...state,
    topology: state.topology.shards[at] === shard ? state.topology : { ...state.topology, shards },
    records,
  };
}

/** Puts a member in the place of the one with its store, or at the end, and remembers which process it is. */
export function withMember(
  state: ClusterState,
  place: Pick<Place, 'shard' | 'record'>,
  entry: MemberEntry,
): ClusterState {
  const { member, incarnation } = entry;
  const shard = place.shard;
  const index = shard.members.findIndex((candidate) => candidate.store === member.store);
  const current = shard.members[index];
  const unchanged = current !== undefined && sameMember(current, member);
  const members = index < 0 ? [...shard.members, member] : shard.members.with(index, member);
  const known = place.record.incarnations.find((entry) => entry.store === member.store);
  const record =
    known?.incarnation === incarnation
      ? place.record
      : { ...place.record, incarnations: remembered(place.record, { store: member.store, incarnation }) };
  // One that is replaced under another name stays known, and is dead: the shard is not meant to have both.
  const living = members.filter((candidate) => candidate.role === 'replica' && candidate.alive);
  // More than may count for the quorum are of no use to it.
  const configuredSize = Math.max(record.configuredSize, Math.min(maxMembers, 1 + living.length));
  const grown = configuredSize !== record.configuredSize;
  return withShard(
    state,
    unchanged ? shard : { ...shard, configuredSize, members },
    grown ? { ...record, configuredSize } : record,
  );
}

export interface MemberEntry {
  readonly member: Member;
  readonly incarnation: number;
}

/** The shard under another primary, from an epoch on. */
export function withPrimary(
  state: ClusterState,
  shardId: ShardId,
  change: { readonly epoch: number; readonly primary: StoreId; readonly members: readonly StoreId[] },
): ClusterState {
  const index = state.topology.shards.findIndex((candidate) => candidate.shard === shardId);
  const shard = state.topology.shards[index];
  const record = state.records[index];
  if (shard === undefined || record === undefined) return state;
  const { epoch, primary, members } = change;
  const roles = shard.members.map((member): Member => {
    if (member.store === primary) return { ...member, role: 'primary' };
    return member.role === 'primary' ? { ...member, role: 'replica' } : member;
  });
  return withShard(
    state,
    { ...shard, epoch, primary, members: roles, voters: members },
    {
      ...record,
      epoch,
      primarySince: epoch,
      primary,
      primaryIncarnation: incarnationOf(record, primary),
      members,
      quorum: quorumOf(members.length),
    },
  );
}

/** The shard with other members, under the same primary. */
export function withVoters(
  state: ClusterState,
  shardId: ShardId,
  epoch: number,
  members: readonly StoreId[],
): ClusterState {
  const index = state.topology.shards.findIndex((candidate) => candidate.shard === shardId);
  const shard = state.topology.shards[index];
  const record = state.records[index];
  if (shard === undefined || record === undefined) return state;
  const configuredSize = Math.max(record.configuredSize, members.length);
  return withShard(
    state,
    { ...shard, epoch, configuredSize, voters: members },
    { ...record, epoch, members, quorum: quorumOf(members.length), configuredSize },
  );
}

/** Forgets a replica. */
export function withoutMember(state: ClusterState, place: Place): ClusterState {
  const { shard, record, member } = place;
  return withShard(
    state,
    { ...shard, members: shard.members.filter((candidate) => candidate.store !== member.store) },
    { ...record, incarnations: record.incarnations.filter((entry) => entry.store !== member.store) },
  );
}

/** Spreads the slots as soon as enough write shards are there. */
export function withFormation(state: ClusterState): ClusterState {
  const { topology } = state;
  if (topology.formed || topology.shards.length < topology.initialShards) return state;
  const slots = planFormation(
    topology.shards.map((shard) => shard.shard),
    slotCount,
  );
  const keyspaces = topology.keyspaces.map((keyspace) => ({ ...keyspace, slots }));
  return { ...state, topology: { ...topology, formed: true, keyspaces } };
}

function remembered(record: ShardRecord, entry: StoreIncarnation): readonly StoreIncarnation[] {
  return [...record.incarnations.filter((candidate) => candidate.store !== entry.store), entry];
}

function sameMember(left: Member, right: Member): boolean {
  return (
    left.node === right.node &&
    left.store === right.store &&
    left.role === right.role &&
    left.alive === right.alive &&
    left.host === right.host &&
    left.pid === right.pid &&
    sameEndpoints(left.endpoints, right.endpoints)
  );
}

function sameEndpoints(left: readonly Endpoint[], right: readonly Endpoint[]): boolean {
  return (
    left.length === right.length &&
    left.every(({ network, address }, index) => right[index]?.network === network && right[index]?.address === address)
  );
}

export function sameInfo(left: InfoNode, right: InfoNode): boolean {
  return (
    left.node === right.node &&
    left.host === right.host &&
    left.pid === right.pid &&
    sameEndpoints(left.endpoints, right.endpoints)
  );
}

/** What the nodes of a shard are told. */
export function configurationOf(state: ClusterState, shardId: ShardId, leaseMs: number): Configuration | undefined {
  const index = state.topology.shards.findIndex((candidate) => candidate.shard === shardId);
  const shard = state.topology.shards[index];
  const record = state.records[index];
  const primary = shard?.members.find((member) => member.store === record?.primary);
  if (record === undefined || primary === undefined) return undefined;
  const { epoch, primarySince, members, quorum, configuredSize } = record;
  return {
    shard: shardId,
    epoch,
    primarySince,
    primary: primary.store,
    members,
    quorum,
    configuredSize,
    primaryEndpoints: primary.endpoints,
    leaseMs,
  };
}

export function sameConfiguration(left: Configuration | undefined, right: Configuration | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return (
    left.epoch === right.epoch &&
    left.primarySince === right.primarySince &&
    left.primary === right.primary &&
    left.configuredSize === right.configuredSize &&
    left.quorum === right.quorum &&
    left.members.length === right.members.length &&
    left.members.every((store, index) => right.members[index] === store) &&
    sameEndpoints(left.primaryEndpoints, right.primaryEndpoints)
  );
}

/** Throws when a state breaks a rule that holds for every state of every cluster. */
export function checkClusterState(state: ClusterState): void {
  checkTopology(state.topology);
  for (const { id, name, settings } of state.topology.keyspaces) {
    invariant(id < state.nextKeyspaceId, `the id of keyspace ${name} will not be used again`);
    const fault = keyspaceNameFault(name) ?? keyspaceSettingsFault(settings);
    invariant(fault === undefined, `keyspace ${name} is within the limits: ${fault}`);
  }
  invariant(state.records.length === state.topology.shards.length, 'each shard has a record');
  for (const [index, shard] of state.topology.shards.entries()) {
    const record = state.records[index];
    invariant(record?.shard === shard.shard, `the record of ${shard.shard} is in its place`);
    invariant(
      record.epoch === shard.epoch &&
        record.primary === shard.primary &&
        record.configuredSize === shard.configuredSize &&
        record.members.length === shard.voters.length &&
        record.members.every((store, place) => shard.voters[place] === store),
      `topology and record of ${shard.shard} agree`,
    );
    invariant(record.primarySince <= record.epoch, `the primary of ${shard.shard} was promoted in no later epoch`);
    invariant(record.members.includes(record.primary), `the primary of ${shard.shard} is one of its members`);
    invariant(
      record.quorum === quorumOf(record.members.length),
      `the quorum of ${shard.shard} is a majority of its members`,
    );
    const stores = new Set(shard.members.map((member) => member.store));
    invariant(
      record.incarnations.length === stores.size && record.incarnations.every((entry) => stores.has(entry.store)),
      `the incarnations of ${shard.shard} are those of its members`,
    );
  }
}
