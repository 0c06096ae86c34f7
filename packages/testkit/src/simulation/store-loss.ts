import type { ShardRecord, StoreId } from '@edis/core';

/**
 * Whether a group survives that one more of its stores is lost for good, by what the rules promise: `n − q + 1` stores
 * are left to it, without those that were lost before and are members still. It must survive that, too, when it is just
 * about to be one member less, which only its primary knows: a primary that asks for the removal of its only follower
 * may be all that is left. So five may lose two at a time, and four one after the other.
 */
export function mayLose(
  { members, primary, quorum }: Pick<ShardRecord, 'members' | 'primary' | 'quorum'>,
  store: StoreId,
  lost: ReadonlySet<StoreId>,
): boolean {
  if (!members.includes(store) || lost.has(store)) return false;
  const leaves = (rest: readonly StoreId[], needed: number): boolean =>
    rest.filter((member) => member !== store && !lost.has(member)).length >= needed;
  if (!leaves(members, members.length - quorum + 1)) return false;
  const fewer = members.length - 1;
  const needed = fewer - (Math.floor(fewer / 2) + 1) + 1;
  return members.every((removed) => {
    return (
      removed === store ||
      removed === primary ||
      leaves(
        members.filter((member) => member !== removed),
        needed,
      )
    );
  });
}
