import type { ClusterState } from './cluster-state.ts';
import type { PromoteRefusalCause, PromoteReply } from './node-message.ts';
import type { ShardId, StoreId } from './topology.ts';

/** Another primary is wanted for a shard. */
export interface PromoteWish {
  readonly shard: ShardId;
  /** Empty: the best one. */
  readonly node: string;
  /** With what there is, whatever is lost. */
  readonly isUnsafe: boolean;
}

/** The answer, and the store that is to lead; empty when it is refused, or whoever is best. */
export interface PromoteDecision {
  readonly reply: PromoteReply;
  readonly to: StoreId;
}

/** What info sees of the shard that the wish is about. */
export interface PromoteFacts {
  /** It has a session and is heard on it. */
  readonly isLiving: (store: StoreId) => boolean;
  /** The primary is heard, says that it serves, and is the process that was promoted. */
  readonly isPrimaryWell: boolean;
}

/** Whether a wish can be fulfilled, as far as info can tell. */
export function decidePromote(
  state: ClusterState,
  { shard: shardId, node, isUnsafe }: PromoteWish,
  { isLiving, isPrimaryWell }: PromoteFacts,
): PromoteDecision {
  const index = state.topology.shards.findIndex((candidate) => candidate.shard === shardId);
  const shard = state.topology.shards[index];
  const record = state.records[index];
  if (shard === undefined || record === undefined) return refused('no-such-shard', `there is no shard ${shardId}`);
  const named = shard.members.find((member) => member.node === node);
  if (node !== '' && named === undefined) return refused('no-such-node', `shard ${shardId} has no member ${node}`);
  if (isUnsafe) {
    if (isPrimaryWell) {
      // It would decline, with its lease, and nothing would come of it.
      const primary = shard.members.find(({ store }) => store === record.primary)?.node ?? record.primary;
      const advice = `nothing is given up; 'edis promote ${shardId}${node === '' ? '' : ` ${node}`}' hands it over`;
      return refused('primary-well', `${shardId} is led by ${primary}, which is well: ${advice}`);
    }
    // One that was removed may have more than nobody, and a primary that waits for its members may go on without them.
    return (named === undefined ? shard.members : [named]).some(({ store }) => isLiving(store))
      ? { reply: { kind: 'accepted' }, to: named?.store ?? '' }
      : refused('not-alive', `${node === '' ? `no member of ${shardId} is` : `${node} is not`} alive; start it first`);
  }
  if (named?.store === record.primary) return refused('is-primary', `${node} is the primary of ${shardId} already`);
  const candidates = record.members.filter((store) => store !== record.primary && isLiving(store));
  if (named === undefined) {
    const [to] = candidates;
    return to === undefined
      ? refused('not-alive', `shard ${shardId} has no other living member`)
      : { reply: { kind: 'accepted' }, to };
  }
  if (!record.members.includes(named.store)) {
    return refused('not-a-member', `${node} only follows ${shardId}: it is not level with its primary yet`);
  }
  if (!isLiving(named.store)) return refused('not-alive', `${node} is not alive`);
  return { reply: { kind: 'accepted' }, to: named.store };
}

function refused(cause: PromoteRefusalCause, message: string): PromoteDecision {
  return { reply: { kind: 'refused', cause, message }, to: '' };
}
