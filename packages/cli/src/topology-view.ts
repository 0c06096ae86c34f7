import type { ClusterDescription, Endpoint, InfoNode, Keyspace, Member, NodeReport, Shard } from '@edis/core';
import { quorumOf } from '@edis/core';

/**
 * `edis topology` as JSON. Process ids are told only where they mean something: of processes of this machine and
 * container.
 *
 * @param keyspace whose slots are counted
 */
export function topologyJson(
  { topology, reports, waitsFor }: ClusterDescription,
  keyspace: Pick<Keyspace, 'slots'>,
  host: string,
) {
  return {
    cluster: topology.cluster,
    revision: topology.revision,
    formed: topology.formed,
    initialShards: topology.initialShards,
    waitsFor,
    infos: topology.infos.map((info) => ({
      node: info.node,
      ...localPid(info, host),
      endpoints: endpointsJson(info.endpoints),
    })),
    keyspaces: topology.keyspaces.map(({ name, strategy, slots }) => ({ name, strategy, slots })),
    shards: topology.shards.map((shard) => ({
      shard: shard.shard,
      epoch: shard.epoch,
      slots: slotsOf(keyspace, shard.shard),
      quorum: quorumOf(shard.voters.length),
      configuredSize: shard.configuredSize,
      members: shard.members.map((member) => memberJson(shard, member, reports.get(member.store), host)),
    })),
  };
}

function memberJson(shard: Shard, member: Member, report: NodeReport | undefined, host: string) {
  return {
    node: member.node,
    store: member.store,
    role: member.role,
    voting: isVoting({ shard, member }),
    alive: member.alive,
    serving: report?.serving ?? false,
    position: report?.applied.position ?? null,
    lag: report?.lagEntries ?? null,
    lagMs: report?.lagMs ?? null,
    ...localPid(member, host),
    endpoints: endpointsJson(member.endpoints),
  };
}

function localPid(node: { readonly host: string; readonly pid: number }, host: string): { pid?: number } {
  return node.pid > 0 && node.host !== '' && node.host === host ? { pid: node.pid } : {};
}

/** A node with one endpoint need not name its network. */
const unnamedNetwork = 'default';

function endpointsJson(endpoints: readonly Endpoint[]): Record<string, string> {
  return Object.fromEntries(endpoints.map(({ network, address }) => [network || unnamedNetwork, address]));
}

/** How many slots of a keyspace a shard owns. */
export function slotsOf({ slots }: Pick<Keyspace, 'slots'>, shard: string): number {
  return slots.filter((range) => range.shard === shard).reduce((sum, { from, to }) => sum + to - from + 1, 0);
}

export function showEndpoints({ endpoints }: Pick<InfoNode, 'endpoints'>): string {
  return endpoints.map(({ network, address }) => (network === '' ? address : `${network}=${address}`)).join(' ');
}

export interface MemberRow {
  readonly shard: Shard;
  readonly member: Member;
  readonly report: NodeReport | undefined;
}

export function memberRows({ topology, reports }: ClusterDescription): MemberRow[] {
  return topology.shards.flatMap((shard) =>
    shard.members.map((member) => ({ shard, member, report: reports.get(member.store) })),
  );
}

/** Whether it counts for quorum, leases and promises. */
export function isVoting({ shard, member }: Pick<MemberRow, 'shard' | 'member'>): boolean {
  return shard.voters.includes(member.store);
}

export function showState(member: Member, report: NodeReport | undefined): string {
  if (!member.alive) return 'down';
  return report?.serving === true ? 'serving' : 'not serving yet';
}

export function showLag({ member, report }: MemberRow): string {
  if (report === undefined || !member.alive) return '?';
  if (member.role === 'primary') return '–';
  return report.lagEntries === 0 ? '0' : `${report.lagEntries} (${report.lagMs} ms)`;
}
