import type {
  Endpoint,
  InfoNode,
  Keyspace,
  Member,
  MemberRole,
  Shard,
  SlotRange,
  Topology,
  TopologyDelta,
  TopologyUpdate,
} from '@edis/core';
import { slotCount, unreachable } from '@edis/core';
import { contract } from '../contract.ts';
import type { EndpointInput, Endpoint as WireEndpoint } from '../generated/edis/v1/Endpoint.ts';
import type { InfoNodeInput, InfoNode as WireInfoNode } from '../generated/edis/v1/InfoNode.ts';
import type { KeyspaceInput, Keyspace as WireKeyspace } from '../generated/edis/v1/Keyspace.ts';
import type { MemberInput, Member as WireMember } from '../generated/edis/v1/Member.ts';
import type { MemberRole as WireMemberRole } from '../generated/edis/v1/MemberRole.ts';
import type { ShardInput, Shard as WireShard } from '../generated/edis/v1/Shard.ts';
import type { SlotRange as WireSlotRange } from '../generated/edis/v1/SlotRange.ts';
import type { TopologyInput, Topology as WireTopology } from '../generated/edis/v1/Topology.ts';
import type { TopologyDeltaInput, TopologyDelta as WireTopologyDelta } from '../generated/edis/v1/TopologyDelta.ts';
import type { TopologyUpdateInput, TopologyUpdate as WireTopologyUpdate } from '../generated/edis/v1/TopologyUpdate.ts';
import { settingsFromWire, settingsToWire } from './keyspace-settings-codec.ts';
import { LoadedCodec } from './loaded-codec.ts';
import { malformed } from './message-codec.ts';
import { member, present, safeInteger } from './wire-checks.ts';

const roleNames = {
  primary: 'MEMBER_ROLE_PRIMARY',
  replica: 'MEMBER_ROLE_REPLICA',
  learner: 'MEMBER_ROLE_LEARNER',
} as const satisfies Record<MemberRole, WireMemberRole>;

const roles: Readonly<Record<string, MemberRole>> = {
  MEMBER_ROLE_PRIMARY: 'primary',
  MEMBER_ROLE_REPLICA: 'replica',
  MEMBER_ROLE_LEARNER: 'learner',
};

export function memberRoleToWire(role: MemberRole): WireMemberRole {
  return roleNames[role];
}

export function memberRoleFromWire(role: WireMemberRole): MemberRole {
  return member(roles, role, 'MemberRole');
}

export function endpointsToWire(endpoints: readonly Endpoint[]): EndpointInput[] {
  return endpoints.map(({ network, address }) => ({ network, address }));
}

export function endpointsFromWire(endpoints: readonly WireEndpoint[]): Endpoint[] {
  return endpoints.map(({ network, address }) => {
    if (address === '') throw malformed('Endpoint.address is empty');
    return { network, address };
  });
}

function memberToWire(value: Member): MemberInput {
  const { node, store, role, alive, endpoints, host, pid } = value;
  return { node, store, role: memberRoleToWire(role), alive, endpoints: endpointsToWire(endpoints), host, pid };
}

function memberFromWire(wire: WireMember): Member {
  const { node, store, role, alive, endpoints, host, pid } = wire;
  return { node, store, role: memberRoleFromWire(role), alive, endpoints: endpointsFromWire(endpoints), host, pid };
}

function shardToWire({ shard, epoch, primary, configuredSize, members, voters }: Shard): ShardInput {
  return { shard, epoch, primary, configuredSize, members: members.map(memberToWire), voters: [...voters] };
}

function shardFromWire({ shard, epoch, primary, configuredSize, members, voters }: WireShard): Shard {
  const checkedEpoch = safeInteger(epoch, 'Shard.epoch');
  return { shard, epoch: checkedEpoch, primary, configuredSize, members: members.map(memberFromWire), voters };
}

export function keyspaceToWire({ id, name, strategy, slots, settings }: Keyspace): KeyspaceInput {
  return {
    id,
    name,
    strategy,
    slots: slots.map(({ from, to, shard }) => ({ from, to, shard })),
    settings: settingsToWire(settings),
  };
}

function slotRangeFromWire({ from, to, shard }: WireSlotRange): SlotRange {
  if (from > to || to >= slotCount) throw malformed(`slots ${from} – ${to} are no range below ${slotCount}`);
  return { from, to, shard };
}

export function keyspaceFromWire({ id, name, strategy, slots, settings }: WireKeyspace): Keyspace {
  if (strategy !== 'hash') throw malformed(`keyspace ${name} has the unknown strategy '${strategy}'`);
  return { id, name, strategy, settings: settingsFromWire(settings), slots: slots.map(slotRangeFromWire) };
}

function infoNodeToWire({ node, endpoints, host, pid }: InfoNode): InfoNodeInput {
  return { node, endpoints: endpointsToWire(endpoints), host, pid };
}

function infoNodeFromWire({ node, endpoints, host, pid }: WireInfoNode): InfoNode {
  return { node, endpoints: endpointsFromWire(endpoints), host, pid };
}

export function topologyToWire(topology: Topology): TopologyInput {
  const { cluster, revision, formed, initialShards, infos, keyspaces, shards } = topology;
  return {
    cluster,
    revision,
    formed,
    initialShards,
    infos: infos.map(infoNodeToWire),
    keyspaces: keyspaces.map(keyspaceToWire),
    shards: shards.map(shardToWire),
  };
}

export function topologyFromWire(wire: WireTopology): Topology {
  const { cluster, revision, formed, initialShards, infos, keyspaces, shards } = wire;
  return {
    cluster,
    revision: safeInteger(revision, 'Topology.revision'),
    formed,
    initialShards,
    infos: infos.map(infoNodeFromWire),
    keyspaces: keyspaces.map(keyspaceFromWire),
    shards: shards.map(shardFromWire),
  };
}

function deltaToWire(delta: TopologyDelta): TopologyDeltaInput {
  const { cluster, fromRevision, revision, formed, infos, keyspaces, shards, removedShards, removedKeyspaces } = delta;
  return {
    cluster,
    fromRevision,
    revision,
    formed,
    infos: infos.map(infoNodeToWire),
    keyspaces: keyspaces.map(keyspaceToWire),
    shards: shards.map(shardToWire),
    removedShards: [...removedShards],
    removedKeyspaces: [...removedKeyspaces],
  };
}

function deltaFromWire(wire: WireTopologyDelta): TopologyDelta {
  const { cluster, fromRevision, revision, formed, infos, keyspaces, shards, removedShards, removedKeyspaces } = wire;
  return {
    cluster,
    fromRevision: safeInteger(fromRevision, 'TopologyDelta.from_revision'),
    revision: safeInteger(revision, 'TopologyDelta.revision'),
    formed,
    infos: infos.map(infoNodeFromWire),
    keyspaces: keyspaces.map(keyspaceFromWire),
    shards: shards.map(shardFromWire),
    removedShards,
    removedKeyspaces,
  };
}

export function updateToWire(update: TopologyUpdate): TopologyUpdateInput {
  if (update.kind === 'whole') return { whole: topologyToWire(update.topology) };
  return { delta: deltaToWire(update.delta) };
}

export function updateFromWire(wire: WireTopologyUpdate): TopologyUpdate {
  if (wire.update === undefined) throw malformed('TopologyUpdate has neither whole nor delta');
  switch (wire.update) {
    case 'whole':
      return { kind: 'whole', topology: topologyFromWire(present(wire.whole, 'TopologyUpdate.whole')) };
    case 'delta':
      return { kind: 'delta', delta: deltaFromWire(present(wire.delta, 'TopologyUpdate.delta')) };
    default:
      return unreachable(wire.update);
  }
}

/** A whole map inside another message. */
export const topologyCodec = new LoadedCodec(contract.Topology, topologyToWire, topologyFromWire);

/** What InfoService.WatchTopology sends. */
export const topologyUpdateCodec = new LoadedCodec(
  contract.WatchTopologyResponse,
  (update: TopologyUpdate) => ({ update: updateToWire(update) }),
  (wire) => updateFromWire(present(wire.update, 'WatchTopologyResponse.update')),
);
