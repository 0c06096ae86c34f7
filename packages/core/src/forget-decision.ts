import type { ClusterState } from './cluster-state.ts';
import { placeOf, withoutMember, withShard } from './cluster-state.ts';
import type { StoreId } from './topology.ts';

/** A replica that never comes back. */
export type ForgetDecision =
  | { readonly kind: 'forgotten'; readonly state: ClusterState }
  | { readonly kind: 'refused'; readonly why: string };

/**
 * Whether a node may be forgotten, by which its shard is one smaller than it was meant to be.
 *
 * The members, their quorum, and with them all that was acknowledged, stay as they are: what a `quorum` write was
 * promised is kept by the members that there are, n - q + 1 of whom have it. The configured size says only how small
 * a group may be that still takes `quorum` writes. So it must not fall below the members, nor by a node that counts.
 */
export function decideForget(state: ClusterState, node: string, isAlive: (store: StoreId) => boolean): ForgetDecision {
  const place = placeOf(state, (member) => member.node === node);
  if (place === undefined) return { kind: 'refused', why: `there is no node ${node}` };
  const { record, member } = place;
  if (record.primary === member.store) return { kind: 'refused', why: `${node} is the primary of ${record.shard}` };
  if (isAlive(member.store)) return { kind: 'refused', why: `${node} is alive; stop it first` };
  if (record.members.includes(member.store)) {
    return {
      kind: 'refused',
      why: `${node} still counts as a member of ${record.shard}; its primary removes it first`,
    };
  }
  const rest = withoutMember(state, place);
  const index = rest.topology.shards.findIndex((shard) => shard.shard === record.shard);
  const shard = rest.topology.shards[index];
  const remaining = rest.records[index];
  if (shard === undefined || remaining === undefined) return { kind: 'refused', why: `there is no node ${node}` };
  const replicas = shard.members.filter((candidate) => candidate.role === 'replica');
  // One that was replaced by another makes no difference.
  const known = Math.min(record.configuredSize, 1 + replicas.length);
  const configuredSize = Math.max(remaining.members.length, known);
  return {
    kind: 'forgotten',
    state: withShard(rest, { ...shard, configuredSize }, { ...remaining, configuredSize }),
  };
}
