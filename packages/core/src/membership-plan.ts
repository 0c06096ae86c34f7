import type { StoreId } from './topology.ts';

/**
 * Which member a primary wants to win or lose next.
 *
 * A member that is silent is removed before the lease is at risk: with two members the primary would have to stop. So
 * is one that lives, but is the reason why ever more of the log is on no quorum, if the others are a quorum that keeps
 * up. A follower that keeps up becomes a member by itself, one at a time.
 */
export interface MembershipChange {
  readonly kind: 'add' | 'remove';
  readonly store: StoreId;
}

export interface MembershipFacts {
  readonly self: StoreId;
  readonly members: readonly StoreId[];
  readonly leaseMs: number;
  /** Since its opening entry was written. */
  readonly leadingForMs: number;
  readonly isActive: boolean;
  readonly lastPosition: number;
  /** How long a store has granted no lease. */
  readonly silentMs: (store: StoreId) => number;
  /** Stores with an open stream. */
  readonly followers: readonly StoreId[];
  readonly durableOf: (store: StoreId) => number;
  /** Everything up to here is safe on a quorum. */
  readonly quorumPosition: number;
  /** The same, for the group without that member. */
  readonly quorumWithout: (store: StoreId) => number;
  /** Who is not safe up to here is too far behind. */
  readonly laggingBelow: number;
}

/** More members make each quorum larger and no shard safer in practice; further replicas follow as learners. */
export const maxMembers = 7;

/** A follower is level when it lacks no more entries than a moment of full load writes. */
const maxLagEntries = 4096;

/** A silent member is removed after this share of the lease. */
const silentShare = 0.5;
/** A new primary waits that share of a lease for members that it has not heard yet. */
const absentShare = 0.25;

export function planMembership(facts: MembershipFacts): MembershipChange | undefined {
  const silent = facts.members.find((store) => store !== facts.self && isLost(store, facts));
  if (silent !== undefined) return { kind: 'remove', store: silent };
  if (!facts.isActive) return undefined;
  const laggard = laggardOf(facts);
  if (laggard !== undefined) return { kind: 'remove', store: laggard };
  if (facts.members.length >= maxMembers) return undefined;
  const level = facts.followers.find(
    (store) =>
      !facts.members.includes(store) &&
      !isSilent(facts.silentMs(store), facts.leaseMs) &&
      facts.durableOf(store) > 0 &&
      facts.durableOf(store) >= facts.lastPosition - maxLagEntries,
  );
  return level === undefined ? undefined : { kind: 'add', store: level };
}

/** Nothing was heard of it for so long that the lease is at risk. */
export function isSilent(silentMs: number, leaseMs: number): boolean {
  return silentMs > leaseMs * silentShare;
}

/**
 * The slowest of those that hold the quorum back. Of three, two that lag both stay: without one of them the other
 * would be needed all the more.
 */
function laggardOf(facts: MembershipFacts): StoreId | undefined {
  const { self, members, durableOf, quorumPosition, quorumWithout, laggingBelow } = facts;
  if (quorumPosition >= laggingBelow) return undefined;
  return members
    .filter((store) => store !== self && durableOf(store) < laggingBelow && quorumWithout(store) >= laggingBelow)
    .toSorted((left, right) => durableOf(left) - durableOf(right))[0];
}

function isLost(store: StoreId, { leaseMs, leadingForMs, silentMs, followers }: MembershipFacts): boolean {
  const silent = silentMs(store);
  if (Number.isFinite(silent)) return isSilent(silent, leaseMs);
  return leadingForMs > leaseMs * (followers.includes(store) ? silentShare : absentShare);
}
