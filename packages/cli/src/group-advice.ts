/** What an operator may do about a shard that does not do what is wanted, by the map. */
import type { Member, Topology } from '@edis/core';
import { quorumOf, sortByShard } from '@edis/core';

/** What may help where a promotion was refused: behind the words of info. Undefined: the map gives no reason. */
export function promoteAdvice(topology: Topology, name: string, node: string | undefined): string | undefined {
  const shard = topology.shards.find((each) => each.shard === name);
  if (shard === undefined)
    return `the shards are ${sortByShard(topology.shards)
      .map((each) => each.shard)
      .join(', ')}`;
  const member = shard.members.find((each) => each.node === node);
  if (node !== undefined && member === undefined) {
    const home = topology.shards.find((each) => each.members.some((other) => other.node === node));
    const where = home === undefined ? '' : `it is of ${home.shard}; `;
    return `${where}the members of ${name} are ${namesOf(shard.members)}`;
  }
  if (member !== undefined) {
    if (!member.alive) return `start ${member.node} again, or name another one`;
    return shard.voters.includes(member.store) ? undefined : 'wait until `edis topology` shows that it votes';
  }
  const voting = shard.members.filter(({ store }) => shard.voters.includes(store) && store !== shard.primary);
  if (voting.length === 0) return `its primary alone votes; \`edis topology\` shows the others`;
  return voting.some(({ alive }) => alive) ? undefined : `start one of these again: ${namesOf(voting)}`;
}

/** Why a call may have failed that no node answered. Undefined: all are up, as far as info knows. */
export function outageAdvice(topology: Topology): string | undefined {
  const stuck = stuckShards(topology);
  if (stuck.length > 0) return stuck.join('; ');
  const down = topology.shards.flatMap(({ members }) => members.filter(({ alive }) => !alive));
  return down.length === 0 ? undefined : `down: ${namesOf(down)}; \`edis topology\` says what is waited for`;
}

/** Shards that can not go on by themselves, with what an operator may do. */
export function stuckShards({ shards }: Topology): readonly string[] {
  return shards.flatMap((shard) => {
    const primary = shard.members.find(({ store }) => store === shard.primary);
    if (primary?.alive === true) return [];
    const voting = shard.members.filter(({ store }) => shard.voters.includes(store));
    const living = voting.filter(({ alive }) => alive);
    // A promotion needs a member of every possible quorum.
    const needed = shard.voters.length - quorumOf(shard.voters.length) + 1;
    if (living.length >= needed) return [];
    const lost = namesOf(voting.filter(({ alive }) => !alive));
    const start = `${shard.shard} takes no writes: start ${lost} again`;
    if (!shard.members.some(({ alive }) => alive)) return [start];
    return [`${start}; if lost for good, \`edis promote --unsafe ${shard.shard}\` goes on without`];
  });
}

/** Shards that refuse `quorum` writes because members are missing. */
export function thinShards({ shards }: Topology): readonly string[] {
  return shards.flatMap(({ shard, voters, configuredSize, members }) => {
    if (quorumOf(voters.length) >= quorumOf(configuredSize)) return [];
    const has = `${shard} is meant to have ${configuredSize} members and has ${voters.length}: no quorum writes`;
    const dead = members.find(({ store, alive }) => !alive && !voters.includes(store));
    if (dead === undefined) return [has];
    return [`${has}; start ${dead.node} again, or if it never comes back, start info with --forget ${dead.node}`];
  });
}

function namesOf(members: readonly Member[]): string {
  return members.map(({ node }) => node).join(', ');
}
