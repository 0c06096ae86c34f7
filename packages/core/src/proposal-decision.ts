import type { ClusterState, Place } from './cluster-state.ts';
import { placeOfStore, withVoters } from './cluster-state.ts';
import type { MembershipProposal } from './node-message.ts';

/**
 * The state in which a primary's proposal has come true; undefined: it may not. Only the primary changes the members,
 * by one, and only those of the configuration that it knows. `above`: what the new epoch must exceed.
 */
export function decideProposal(
  state: ClusterState,
  { shard, record, member }: Place,
  { epoch, change, store }: MembershipProposal,
  above: number,
): ClusterState | undefined {
  if (record.primary !== member.store || record.epoch !== epoch) return undefined;
  const isIn = record.members.includes(store);
  const isPossible =
    change === 'add' ? !isIn && placeOfStore(state, store)?.shard === shard : isIn && store !== member.store;
  if (!isPossible) return undefined;
  const members =
    change === 'add' ? [...record.members, store] : record.members.filter((candidate) => candidate !== store);
  return withVoters(state, record.shard, Math.max(record.epoch, above) + 1, members);
}
