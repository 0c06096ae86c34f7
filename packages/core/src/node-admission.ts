import type { ClusterState, MemberEntry, Place, ShardRecord } from './cluster-state.ts';
import {
  incarnationOf,
  placeOf,
  placeOfStore,
  shardOfVoter,
  withMember,
  withoutMember,
  withShard,
} from './cluster-state.ts';
import type { Registration } from './node-message.ts';
import { maxShards, nextShardName, planReadShard } from './planner.ts';
import type { Refusal } from './registration-check.ts';
import type { Member, MemberRole, Shard, ShardId, StoreId, Topology } from './topology.ts';

/**
 * Where a node that registers belongs.
 *
 * Guarantees: a store keeps its place for as long as it is known, whatever its process calls itself; which part it
 * plays there is the group's matter. One that counts in its group is let in even when another has taken its place: what
 * was acknowledged may rest on it. An epoch never changes here: a restarted primary is promoted like any other.
 */

/** What a registration comes to. */
export type Admission =
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** `forgotten`: stores that lose their place to this one. */
  | { readonly kind: 'admitted'; readonly state: ClusterState; readonly forgotten: readonly StoreId[] };

export interface Liveness {
  /** It has a session and is heard on it. */
  readonly isLiving: (store: StoreId) => boolean;
  /** It is not known to be dead. */
  readonly isAlive: (store: StoreId) => boolean;
}

/** What is known of stores when another one asks for a place. */
export interface Presence extends Liveness {
  /** Its session broke, or info began, so short a time ago that it may just be about to come back. */
  readonly mayReturn: (store: StoreId) => boolean;
}

/** Dead replicas keep their place, so a limit is needed: at it, the dead one that joined first is forgotten. */
const maxShardMembers = 64;

export function admit(state: ClusterState, registration: Registration, presence: Presence): Admission {
  const { topology } = state;
  const { cluster, store, node, role, shard } = registration;
  if (cluster !== '' && cluster !== topology.cluster) {
    return refused('other-cluster', `the data directory belongs to cluster ${cluster}, this is ${topology.cluster}`);
  }
  const place = placeOfStore(state, store);
  const owner = place ?? shardOfVoter(state, store);
  if (owner !== undefined && shard !== '' && shard !== owner.shard.shard) {
    return refused('other-shard', `the data directory belongs to shard ${owner.shard.shard}, not to ${shard}`);
  }
  if (place !== undefined) return admitKnown(state, registration, place);
  if (owner !== undefined) return admitted(withMember(state, owner, learnerOf(registration)));
  const living = namesakeOf(state, registration, (member) => presence.isLiving(member.store));
  if (living !== undefined) {
    const { shard } = living.shard;
    return refused('name-taken', `a living node of ${shard} is called ${node} too; choose another --node`);
  }
  const former = formerPlace(state, registration);
  const awaited = former === undefined ? awaitedSuccession(state, registration) : undefined;
  if (awaited !== undefined) return awaited;
  const expected = expectedNamesake(state, registration, presence);
  if (expected !== undefined) {
    const what = `counts in ${expected.shard.shard} and may be about to come back`;
    return refused('name-taken', `another node that is called ${node} ${what}; wait, or choose another --node`);
  }
  if (role === 'write-shard' && former === undefined) return admitNewShard(state, registration);
  return admitReplica(state, registration, former, presence);
}

function namesakeOf(
  state: ClusterState,
  { node, store }: Registration,
  matches: (member: Member, shard: Shard) => boolean,
): Place | undefined {
  return placeOf(state, (member, shard) => member.node === node && member.store !== store && matches(member, shard));
}

/**
 * When a session breaks, or info starts, a second node of that name may be heard first: what a voter has may be all
 * that there is of what was acknowledged. One whose disk is lost waits that long for its former place.
 */
function expectedNamesake(state: ClusterState, registration: Registration, presence: Presence): Place | undefined {
  return namesakeOf(
    state,
    registration,
    ({ store }, { voters }) => voters.includes(store) && (presence.isAlive(store) || presence.mayReturn(store)),
  );
}

/**
 * A container that was made again with an empty volume comes back under its name, and takes its former place. Not that
 * of a primary: its data is what the shard waits for.
 */
function formerPlace(state: ClusterState, { node }: Registration): Place | undefined {
  return placeOf(state, (member, shard) => member.node === node && member.store !== shard.primary);
}

/**
 * It was the primary, and has lost its disk, while others have a copy: once one of them leads, it has its former place.
 * Before that it would be a new shard, and its group short of a copy for good. A copy that does not count may lack what
 * the primary acknowledged alone, so that only a person can take it.
 */
function awaitedSuccession(state: ClusterState, { node }: Registration): Admission | undefined {
  const place = placeOf(state, (member, shard) => member.node === node && member.store === shard.primary);
  if (place === undefined) return undefined;
  const { shard, members } = place.shard;
  if (place.record.members.length > 1) {
    return refused('no-such-shard', `shard ${shard} looks for another primary: ${node} has not the data that it had`);
  }
  if (members.length === 1) return undefined;
  const others = members.filter((member) => member !== place.member).map((member) => member.node);
  return refused(
    'waits-for-operator',
    `shard ${shard} waits for the data that its primary ${node} had, and ${node} has not; if it is lost for good, ` +
      `'edis promote --unsafe ${shard}' takes the copy of ${others.join(' or ')} while that runs`,
  );
}

/** Only a restarted replica has to show again that it serves. */
function admitKnown(state: ClusterState, registration: Registration, place: Place): Admission {
  const { store, incarnation } = registration;
  const isPrimary = place.record.primary === store;
  const sameProcess = incarnation !== 0 && incarnation === incarnationOf(place.record, store);
  const member = memberOf(registration, isPrimary ? 'primary' : sameProcess ? place.member.role : 'learner');
  return admitted(withMember(state, place, { member, incarnation }));
}

function admitNewShard(state: ClusterState, registration: Registration): Admission {
  const { shards } = state.topology;
  const { store, shard: asked, seenEpoch, promisedEpoch, lastEntry, incarnation } = registration;
  const taken = shards.find((candidate) => candidate.shard === asked);
  if (taken !== undefined) {
    return refused('shard-taken', `shard ${asked} belongs to another data directory (store ${taken.primary})`);
  }
  const name = asked === '' ? nextShardName(shards) : asked;
  if (name === undefined) return refused('invalid', `the cluster has ${maxShards} shards already, which is the limit`);
  const epoch = Math.max(seenEpoch, promisedEpoch, lastEntry.epoch) + 1;
  const member = memberOf(registration, 'primary');
  const record: ShardRecord = {
    shard: name,
    epoch,
    primarySince: epoch,
    primary: store,
    primaryIncarnation: incarnation,
    members: [store],
    quorum: 1,
    configuredSize: 1,
    incarnations: [{ store, incarnation }],
  };
  const shard: Shard = { shard: name, epoch, primary: store, configuredSize: 1, members: [member], voters: [store] };
  return admitted(withShard(state, shard, record));
}

function admitReplica(
  state: ClusterState,
  registration: Registration,
  former: Place | undefined,
  liveness: Liveness,
): Admission {
  const rest = former === undefined ? state : withoutMember(state, former);
  const target = chooseShard(rest, registration.shard, former?.shard.shard);
  if (typeof target !== 'string') return { kind: 'refused', refusal: target };
  return joinShard(rest, target, registration, former === undefined ? [] : [former.member.store], liveness);
}

function chooseShard(state: ClusterState, asked: ShardId, former: ShardId | undefined): ShardId | Refusal {
  const { topology } = state;
  const exists = (name: ShardId): boolean => topology.shards.some((shard) => shard.shard === name);
  if (asked !== '') {
    return exists(asked) ? asked : { cause: 'no-such-shard', message: `there is no shard ${asked} yet` };
  }
  if (former !== undefined) return former;
  const planned = topology.formed ? planReadShard(topology) : undefined;
  return planned ?? { cause: 'no-such-shard', message: `the cluster is not formed: ${describeWait(topology)}` };
}

function joinShard(
  current: ClusterState,
  target: ShardId,
  registration: Registration,
  replaced: readonly StoreId[],
  { isAlive }: Liveness,
): Admission {
  const forgotten = [...replaced];
  let state = current;
  let place = placeOf(state, (_, shard) => shard.shard === target);
  if (place !== undefined && place.shard.members.length >= maxShardMembers) {
    const dead = placeOf(
      state,
      (member, shard) => shard.shard === target && !shard.voters.includes(member.store) && !isAlive(member.store),
    );
    if (dead === undefined) return refused('invalid', `shard ${target} has ${maxShardMembers} members, the limit`);
    forgotten.push(dead.member.store);
    state = withoutMember(state, dead);
    place = placeOf(state, (_, shard) => shard.shard === target);
  }
  if (place === undefined) return refused('no-such-shard', `there is no shard ${target} yet`);
  return admitted(withMember(state, place, learnerOf(registration)), forgotten);
}

/** What a cluster that is not formed waits for, for people. */
function describeWait(topology: Topology): string {
  const missing = topology.initialShards - topology.shards.length;
  return `waits for ${missing} of ${topology.initialShards} write shards`;
}

/** Why not all keys are served, for people; `whyOf` a shard: what its promotion waits for. */
export function describeWaits(topology: Topology, whyOf: (shard: ShardId) => string): readonly string[] {
  if (!topology.formed) return [describeWait(topology)];
  const owners = new Set(topology.keyspaces.flatMap((keyspace) => keyspace.slots.map((range) => range.shard)));
  const waits: string[] = [];
  for (const { shard, primary, members } of topology.shards) {
    const why = whyOf(shard);
    const member = members.find((candidate) => candidate.store === primary);
    if (why !== '') waits.push(`shard ${shard} ${why}`);
    else if (owners.has(shard) && member?.alive !== true) {
      waits.push(`shard ${shard} waits for its primary ${member?.node ?? primary}`);
    }
  }
  return waits;
}

function learnerOf(registration: Registration): MemberEntry {
  return { member: memberOf(registration, 'learner'), incarnation: registration.incarnation };
}

function memberOf(registration: Registration, role: MemberRole): Member {
  const { node, store, endpoints, host, pid } = registration;
  return { node, store, role, alive: true, endpoints, host, pid };
}

function admitted(state: ClusterState, forgotten: readonly StoreId[] = []): Admission {
  return { kind: 'admitted', state, forgotten };
}

function refused(cause: Refusal['cause'], message: string): Admission {
  return { kind: 'refused', refusal: { cause, message } };
}
