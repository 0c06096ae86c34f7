import type { MemberRule } from './held-lease.ts';
import type { StoreId } from './topology.ts';

/**
 * Up to where the log is safe on a quorum, as the primary knows it.
 *
 * Guarantees: every entry up to `position` is synced on a quorum of each rule that is in force (two of them while a
 * change of members is asked for, so that both the old and the new group have it). Assumes that acknowledgements come
 * from streams of this primary's epoch whose (epoch, position) matched, and name what is synced there.
 */
export class GroupProgress {
  readonly #self: StoreId;
  readonly #durable = new Map<StoreId, number>();
  #rules: readonly MemberRule[] = [];
  #position = 0;

  constructor(self: StoreId) {
    this.#self = self;
  }

  get position(): number {
    return this.#position;
  }

  durableOf(store: StoreId): number {
    return this.#durable.get(store) ?? 0;
  }

  /** Never takes back what was safe before: it was safe on a quorum of the rule of its time. */
  configure(rules: readonly MemberRule[]): void {
    this.#rules = rules;
    this.#advance();
  }

  /** The own log is synced up to there. True: the quorum position moved. */
  onSynced(position: number): boolean {
    return this.onAcknowledged(this.#self, position);
  }

  onAcknowledged(store: StoreId, position: number): boolean {
    if (position <= this.durableOf(store)) return false;
    this.#durable.set(store, position);
    return this.#advance();
  }

  #advance(): boolean {
    let reached = this.#rules.length === 0 ? 0 : Number.POSITIVE_INFINITY;
    for (const rule of this.#rules) reached = Math.min(reached, this.reachedBy(rule));
    if (reached <= this.#position) return false;
    this.#position = reached;
    return true;
  }

  /** Up to where a rule alone is satisfied. */
  reachedBy({ members, quorum }: MemberRule): number {
    if (members.length === 1 && members[0] === this.#self) return this.durableOf(this.#self);
    const positions = members.map((store) => this.durableOf(store)).toSorted((left, right) => right - left);
    return positions[quorum - 1] ?? 0;
  }
}
