/** Deciders: functions from a snapshot of the cluster to a plan. Whoever asks carries the plan out. */
import { invariant } from './error.ts';
import type { Shard, ShardId, SlotRange, Topology } from './topology.ts';

/** A shard's index must fit the routing tables, and the whole map one message. */
export const maxShards = 1024;

const shardPattern = /^s([1-9]\d{0,3})$/;

/** The number in a shard's name, 1 to {@link maxShards}; undefined when it is no name of a shard. */
export function shardNumber(shard: ShardId): number | undefined {
  const digits = shardPattern.exec(shard)?.[1];
  return digits === undefined || Number(digits) > maxShards ? undefined : Number(digits);
}

function byNumber(left: ShardId, right: ShardId): number {
  return (shardNumber(left) ?? Number.MAX_SAFE_INTEGER) - (shardNumber(right) ?? Number.MAX_SAFE_INTEGER);
}

/** The name of the next new shard: the lowest number that is free; undefined when there are {@link maxShards}. */
export function nextShardName(shards: readonly Pick<Shard, 'shard'>[]): ShardId | undefined {
  const taken = new Set(shards.map((shard) => shard.shard));
  for (let number = 1; number <= maxShards; number++) if (!taken.has(`s${number}`)) return `s${number}`;
  return undefined;
}

/** Spreads the slots over the shards in contiguous ranges, ordered by number, with sizes that differ by at most one. */
export function planFormation(writeShards: readonly ShardId[], slots: number): readonly SlotRange[] {
  const count = writeShards.length;
  invariant(count >= 1 && count <= slots, `${slots} slots can be spread over ${count} shards`);
  return [...writeShards].sort(byNumber).map((shard, index) => ({
    from: Math.floor((index * slots) / count),
    to: Math.floor(((index + 1) * slots) / count) - 1,
    shard,
  }));
}

/**
 * The shard that a new read shard should join: the one with the fewest living replicas; of those the one with the
 * fewest replicas in all, of those the one with the lowest number. Undefined: there is no shard.
 */
export function planReadShard(topology: Pick<Topology, 'shards'>): ShardId | undefined {
  const replicasOf = (shard: Shard) => shard.members.filter((member) => member.role !== 'primary');
  const livingOf = (shard: Shard) => replicasOf(shard).filter((member) => member.alive);
  const [first] = [...topology.shards].sort(
    (left, right) =>
      livingOf(left).length - livingOf(right).length ||
      replicasOf(left).length - replicasOf(right).length ||
      byNumber(left.shard, right.shard),
  );
  return first?.shard;
}
