import type { StoreId } from '@edis/core';
import { quorumOf } from '@edis/core';
import type { Member } from '@edis/shard';
import type { Store } from '@edis/store';
import type { Breach } from './log-observer.ts';

/** What a machine's clocks show. To look at them is no step of its process. */
interface Clocks {
  readonly continuousMs: number;
  readonly wallMs: number;
}

interface LeaderObserverOptions {
  /** Whether a store has synced an entry. */
  readonly hasSynced: (store: StoreId, position: number, epoch: number) => boolean;
  readonly onBreach: (breach: Breach) => void;
}

interface Running {
  readonly name: string;
  readonly member: Pick<Member, 'leading'>;
  readonly store: Pick<Store, 'epochAt'>;
  readonly clocks: Clocks;
}

interface Leader extends Running {
  readonly group: NonNullable<Member['leading']>;
  /** Once is enough. */
  isBlamed: boolean;
}

/**
 * Watches those who lead.
 *
 * Rules, looked at after each event: at most one running member may act as the primary, in whatever epoch, a lease that
 * is still held by a former one included; and what a primary that may act takes for safe on a quorum is synced on a
 * quorum of the members of its configuration, as their stores say and not as it was told, at that moment and for as
 * long as it may act. A member whose disk was lost counts with what it had. When a `quorum` write is acknowledged,
 * the same holds for its entry.
 *
 * An unsafe promotion ends all of them: whoever was not asked still grants the former primary its lease, which acts
 * until it hears of its end, while the others cut their logs. That is what the operator was told.
 */
export class LeaderObserver {
  readonly #hasSynced: LeaderObserverOptions['hasSynced'];
  readonly #onBreach: (breach: Breach) => void;
  readonly #running = new Map<StoreId, Running>();
  readonly #leaders = new Map<StoreId, Leader>();
  #isOver = false;

  constructor({ hasSynced, onBreach }: LeaderObserverOptions) {
    this.#hasSynced = hasSynced;
    this.#onBreach = onBreach;
  }

  onStarted(store: StoreId, running: Running): void {
    this.#running.set(store, running);
  }

  onEnded(store: StoreId): void {
    this.#running.delete(store);
    this.#leaders.delete(store);
  }

  /** An operator gives up what is safe. */
  onUnsafe(): void {
    this.#isOver = true;
    this.#leaders.clear();
  }

  /** A `quorum` write is acknowledged by the member with that store: its entry stands there. */
  onAcknowledged(store: StoreId, position: number): void {
    const running = this.#running.get(store);
    const leader = running && this.#leaderOf(store, running);
    if (leader !== undefined) this.#checkQuorum(leader, position, 'acknowledges');
  }

  /** To be called after each event. */
  look(): void {
    let acting: Leader | undefined;
    for (const [store, running] of this.#running) {
      const leader = this.#leaderOf(store, running);
      if (leader === undefined) continue;
      const { group, clocks } = leader;
      if (group.state.kind === 'stopped') this.#leaders.delete(store);
      else if (group.mayAct(clocks.continuousMs, clocks.wallMs)) {
        this.#checkQuorum(leader, group.quorumPosition, 'takes for safe');
        if (acting !== undefined) this.#blame(acting, leader);
        acting = leader;
      }
    }
  }

  /** What a member leads with, or has led with: until that is stopped, it may act for all that its member says. */
  #leaderOf(store: StoreId, running: Running): Leader | undefined {
    const known = this.#leaders.get(store);
    const group = running.member.leading;
    if (this.#isOver || group === undefined || group === known?.group || group.state.kind === 'stopped') return known;
    const leader = { ...running, group, isBlamed: false };
    this.#leaders.set(store, leader);
    return leader;
  }

  #blame(first: Leader, second: Leader): void {
    if (first.isBlamed && second.isBlamed) return;
    first.isBlamed = true;
    second.isBlamed = true;
    const epochs = `epochs ${first.group.configuration.epoch} and ${second.group.configuration.epoch}`;
    const what = `${first.name} and ${second.name} may both act, in ${epochs}`;
    this.#onBreach({ rule: 'one acts at a time', what });
  }

  #checkQuorum(leader: Leader, position: number, does: string): void {
    if (position === 0 || leader.isBlamed) return;
    const { members, epoch } = leader.group.configuration;
    const entryEpoch = leader.store.epochAt(position) ?? 0;
    let left = quorumOf(members.length);
    for (const member of members) if (left > 0 && this.#hasSynced(member, position, entryEpoch)) left -= 1;
    if (left === 0) return;
    leader.isBlamed = true;
    const where = `${left} too few of the ${members.length} members of epoch ${epoch} have it synced`;
    const what = `${leader.name} ${does} ${entryEpoch}:${position}, and ${where}`;
    this.#onBreach({ rule: 'a quorum has it', what });
  }
}
