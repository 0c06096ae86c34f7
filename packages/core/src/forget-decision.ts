import type { ClusterState } from './cluster-state.ts';
import { placeOf, withoutMember, withShard } from './cluster-state.ts';
import type { StoreId } from './topology.ts';

/** A replica that never comes back. */
type ForgetDecision =
  | { readonly kind: 'forgotten'; readonly state: ClusterState }
  | { readonly kind: 'refused'; readonly why: string };

/** What comes of the operator's word on a node; undefined as `refused`: it is forgotten. */
export interface Forgetting {
  readonly node: string;
  readonly refused: string | undefined;
}

/**
 * What the operator says when an info begins to decide: that these never come back.
 *
 * His word is a setting, which is likely to be left behind and is then heard at each start: it holds for the node that
 * there was, and not for one that has its name later and is away for a moment. So a name that was forgotten is not
 * forgotten again before a start has come without it.
 */
export function decideForgetting(
  current: ClusterState,
  nodes: readonly string[],
  isAlive: (store: StoreId) => boolean,
): { readonly state: ClusterState; readonly outcomes: readonly Forgetting[] } {
  let state = current;
  const outcomes: Forgetting[] = [];
  const before = current.forgotten ?? [];
  const forgotten = before.filter((node) => nodes.includes(node));
  for (const node of nodes) {
    if (forgotten.includes(node)) {
      const refused = `${node} was forgotten before; take it out of --forget, and start once without it to repeat that`;
      outcomes.push({ node, refused });
      continue;
    }
    const decision = decideForget(state, node, isAlive);
    outcomes.push({ node, refused: decision.kind === 'refused' ? decision.why : undefined });
    if (decision.kind === 'refused') continue;
    state = decision.state;
    forgotten.push(node);
  }
  const isSame = state === current && forgotten.length === before.length;
  return { state: isSame ? current : { ...state, forgotten }, outcomes };
}

/**
 * Whether a node may be forgotten, by which its shard is one smaller than it was meant to be.
 *
 * The members, their quorum, and with them all that was acknowledged, stay as they are: what a `quorum` write was
 * promised is kept by the members that there are, n - q + 1 of whom have it. The configured size says only how small
 * a group may be that still takes `quorum` writes. So it must not fall below the members, nor by a node that counts.
 */
function decideForget(state: ClusterState, node: string, isAlive: (store: StoreId) => boolean): ForgetDecision {
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
